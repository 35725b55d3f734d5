// Pages leave for want of memory. Linux: shrink_folio_list's part for files, __remove_mapping.
#include <algorithm>
#include <array>

#include <gonzo/base/check.h>
#include <gonzo/cache/cached_file.h>

namespace gonzo {

/// One reference is the index's own; another could only be taken under lock_.
CachedFile::Evictable CachedFile::evictable(const DepartingPage& page) const {
  if (index_.find(page.index) != page.pfn) return Evictable::kNo;
  const Frame& frame = frames_.frame(page.pfn);
  if (!frame.has(frame_flags::kUptodate) || frame.refs.load(std::memory_order_acquire) != 1) {
    return Evictable::kNo;
  }
  return frame.has(frame_flags::kDirty) ? Evictable::kDirty : Evictable::kYes;
}

/// Those that are clean; true: some others are only dirty.
bool CachedFile::drop_unused(std::span<DepartingPage> pages, DepartingPage::Outcome outcome) {
  constexpr std::size_t kPagesPerHold = 64;
  bool dirty = false;
  while (!pages.empty()) {
    const auto some = pages.first(std::min(pages.size(), kPagesPerHold));
    pages = pages.subspan(some.size());
    std::array<Pfn, kPagesPerHold> gone;
    std::size_t count = 0;
    {
      PageIndex::SpareNodes nodes;
      const LockGuard guard(lock_);
      for (DepartingPage& page : some) {
        if (page.outcome != DepartingPage::Outcome::kStays) continue;
        const Evictable found = evictable(page);
        dirty = dirty || found == Evictable::kDirty;
        if (found != Evictable::kYes) continue;
        remove(page.index, page.pfn, nodes);
        page.outcome = outcome;
        gone[count++] = page.pfn;
      }
    }
    for (const Pfn pfn : std::span(gone).first(count)) frames_.put(pfn);
  }
  return dirty;
}

/// Dirty ones are written first. Where that fails they stay, and the error is kept for sync().
void CachedFile::evict(std::span<DepartingPage> pages) {
  using enum DepartingPage::Outcome;
  if (!drop_unused(pages, kDropped)) return;
  std::ranges::sort(pages, {}, &DepartingPage::index);
  const LockGuard guard(writeback_lock_);
  for (std::size_t i = 0; i < pages.size();) {
    std::size_t end = i + 1;
    while (end < pages.size() && pages[end].index == pages[end - 1].index + 1) ++end;
    const auto run = pages.subspan(i, end - i);
    i = end;
    if (std::ranges::all_of(run, [](const auto& page) { return page.outcome != kStays; })) continue;
    if (!write_back_locked(run.front().index, run.back().index + 1)) continue;
    drop_unused(run, kWritten);
  }
}

}  // namespace gonzo

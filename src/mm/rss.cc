// The resident-set counters. Linux: rss_stat, update_hiwater_rss.
#include <algorithm>

#include "mm/rss_change.h"

namespace gonzo {

void AddressSpace::count_rss(const Vma& vma, const RssChange& change) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  if (change.anon != 0) atomic_.rss_anon.fetch_add(change.anon, kRelaxed);
  if (change.object == 0) return;
  auto& counter = vma.object()->is_shmem() ? atomic_.rss_shmem : atomic_.rss_file;
  counter.fetch_add(change.object, kRelaxed);
}

void AddressSpace::note_peak_rss() {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const std::int64_t now = atomic_.rss_anon.load(kRelaxed) + atomic_.rss_file.load(kRelaxed) +
                           atomic_.rss_shmem.load(kRelaxed);
  if (now > atomic_.peak_rss.load(kRelaxed)) atomic_.peak_rss.store(now, kRelaxed);
}

}  // namespace gonzo

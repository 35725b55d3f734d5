#include <fmt/format.h>

#include <iterator>

#include <gonzo/base/check.h>
#include <gonzo/paging/tlb_gather.h>
#include <gonzo/paging/vmalloc.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kGuardPages = 1;

/// With the guard.
VirtAddr end_of(VirtAddr start, std::uint64_t pages) {
  return start + (pages + kGuardPages) * kPageSize;
}

}  // namespace

Vmalloc::~Vmalloc() {
  const LockGuard guard(lock_);
  for (const auto& [start, area] : areas_) unmap_frames({start, start + area.pages * kPageSize});
}

Result<VirtAddr> Vmalloc::allocate(std::uint64_t bytes, const char* caller, VmallocUse use) {
  if (bytes == 0) return fail(Errno::kInval);
  if (bytes > frames_.frame_count() * kPageSize) return fail(Errno::kNoMem);
  const std::uint64_t pages = page_ceil(bytes) >> kPageShift;
  GONZO_ASSIGN(const VirtAddr start,
               reserve({.pages = pages, .caller = caller, .use = use, .complete = false}));
  if (const auto mapped = map_frames({start, start + pages * kPageSize}); !mapped) {
    unmap_frames({start, start + pages * kPageSize});
    forget(start);
    return fail(mapped.error());
  }
  pages_.fetch_add(pages, std::memory_order_relaxed);
  const LockGuard guard(lock_);
  areas_.at(start).complete = true;
  return start;
}

void Vmalloc::free(VirtAddr start) {
  std::uint64_t pages = 0;
  {
    const LockGuard guard(lock_);
    const auto area = areas_.find(start);
    GONZO_CHECK(area != areas_.end() && area->second.complete);
    area->second.complete = false;
    pages = area->second.pages;
  }
  pages_.fetch_sub(pages, std::memory_order_relaxed);
  unmap_frames({start, start + pages * kPageSize});
  forget(start);  // only now may the addresses mean something else
}

/// The lowest gap that is large enough.
Result<VirtAddr> Vmalloc::reserve(const Area& area) {
  const AddressRange whole = half_.vmalloc_area();
  const LockGuard guard(lock_);
  VirtAddr at = whole.start;
  for (const auto& [start, other] : areas_) {
    if (end_of(at, area.pages) <= start) break;
    at = end_of(start, other.pages);
  }
  if (end_of(at, area.pages) > whole.end) return fail(Errno::kNoMem);
  areas_.emplace(at, area);
  return at;
}

void Vmalloc::forget(VirtAddr start) {
  const LockGuard guard(lock_);
  areas_.erase(start);
}

Result<void> Vmalloc::map_frames(AddressRange range) {
  for (VirtAddr page = range.start; page < range.end; page += kPageSize) {
    GONZO_ASSIGN(const Pfn pfn, frames_.allocate(0, FrameState::kVmalloc, ZeroPolicy::kZeroed));
    if (const auto mapped = half_.map_page(page, pfn); !mapped) {
      frames_.put(pfn);
      return mapped;
    }
  }
  return {};
}

/// As much as is mapped of it.
void Vmalloc::unmap_frames(AddressRange range) {
  TlbGather gather(frames_, cache_);
  for (VirtAddr page = range.start; page < range.end; page += kPageSize) {
    const Pfn pfn = half_.unmap_page(page);
    if (pfn.is_none()) continue;
    gather.touch({page, page + kPageSize}, Stricter::kGone);
    gather.release(pfn);
  }
}

/// Linux: vmalloc_info_show.
std::string Vmalloc::info_text() const {
  std::string text;
  const LockGuard guard(lock_);
  for (const auto& [start, area] : areas_) {
    if (!area.complete) continue;
    const VirtAddr end = end_of(start, area.pages);
    const int digits = is_32bit(half_.format()) ? 8 : 16;
    fmt::format_to(std::back_inserter(text),
                   "0x{:0{}x}-0x{:0{}x} {:7} {} pages={} vmalloc{} N0={}\n", start.value, digits,
                   end.value, digits, end - start, area.caller, area.pages,
                   area.use == VmallocUse::kUser ? " user" : "", area.pages);
  }
  return text;
}

std::string Vmalloc::verify_area(VirtAddr start, const Area& area) const {
  const VirtAddr end = start + area.pages * kPageSize;
  for (VirtAddr page = start; page < end; page += kPageSize) {
    const Pfn pfn = half_.page_at(page);
    if (pfn.is_none()) return fmt::format("{:#x} of a vmalloc area is not mapped", page.value);
    const Frame& frame = frames_.frame(pfn);
    if (frame.state == FrameState::kVmalloc && frame.refs.load() >= 1) continue;
    return fmt::format("{:#x} maps frame {} ({}, refs {})", page.value, pfn.value,
                       frame_state_name(frame.state), frame.refs.load());
  }
  if (!half_.page_at(end).is_none()) return fmt::format("the guard {:#x} is mapped", end.value);
  return {};
}

std::string Vmalloc::verify() const {
  const LockGuard guard(lock_);
  std::uint64_t pages = 0;
  VirtAddr free_from = half_.vmalloc_area().start;
  for (const auto& [start, area] : areas_) {
    if (start < free_from) return fmt::format("vmalloc areas overlap at {:#x}", start.value);
    free_from = end_of(start, area.pages);
    pages += area.pages;
    if (std::string wrong = verify_area(start, area); !wrong.empty()) return wrong;
  }
  if (pages != this->pages()) {
    return fmt::format("vmalloc areas have {} pages, counted {}", pages, this->pages());
  }
  return half_.verify();
}

}  // namespace gonzo

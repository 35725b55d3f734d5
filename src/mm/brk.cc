// brk(2). Linux: SYSCALL_DEFINE1(brk), do_brk_flags (mm/mmap.c, mm/vma.c).
#include <tuple>

#include "mm/protection.h"
#include "mm/with_areas.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Refused, so that the old break is returned, when the request is below the heap's start, past
/// RLIMIT_DATA, RLIMIT_AS or the user half, within a page (or a stack's guard) of the next area, or
/// when there are too many areas or RLIMIT_MEMLOCK stands against MCL_FUTURE. Growing writes no
/// entry, but where that brings pages in: the heap area gets longer, no more.
VirtAddr AddressSpace::brk(VirtAddr request) {
  VirtAddr old, now;
  bool locked = false;
  std::ignore = with_areas([&]() GONZO_REQUIRES(lock_) -> Result<void> {
    old = bounds_.brk;
    now = brk_locked(request);
    locked = (default_flags_ & vm_flags::kLocked) != 0;
    return now == request ? Result<void>() : fail(Errno::kNoMem);
  });
  if (locked && now > old) populate({old.page_ceil(), now.page_ceil()});
  return now;
}

VirtAddr AddressSpace::brk_locked(VirtAddr request) {
  const VirtAddr old = bounds_.brk;
  if (request < bounds_.start_brk) return old;
  const std::uint64_t data = bounds_.end_data - bounds_.start_data;
  if (limits_.data != ~0ULL && request - bounds_.start_brk + data > limits_.data) return old;

  const VirtAddr from = old.page_ceil();
  const VirtAddr to = request.page_ceil();
  if (to < request) return old;
  if (to < from) {
    // Something else may have been mapped over the heap since.
    const Vma* vma = areas_->find(to);
    if (vma == nullptr || vma->start() >= from) return old;
    if (!unmap_locked({to, from})) return old;
  } else if (to > from) {
    const std::uint64_t flags = kDataFlags | vm_flags::kAccount | default_flags_;
    const std::uint64_t pages = (to - from) / kPageSize;
    if (!can_grow_break(from, to) || !reserve_areas(1) || !charge(pages)) return old;
    account(flags, static_cast<std::int64_t>(pages));
    const VmaAttributes attributes{.flags = flags, .page_offset = from.page_number()};
    // The heap grows its own area, not the program's data that ends where it starts (Linux:
    // vma_prev_limit).
    if (from == bounds_.start_brk.page_ceil()) {
      insert_area({from, to}, attributes);
    } else {
      insert_or_merge({from, to}, attributes);
    }
  }
  bounds_.brk = request;
  return request;
}

bool AddressSpace::can_grow_break(VirtAddr from, VirtAddr to) const {
  if (to > table_->user_end() || from.value < manager_.config().mmap_min_addr) return false;
  if (config_.reserved.overlaps({from, to})) return false;
  const Vma* next = areas_->find(from);
  if (!may_lock(default_flags_, to - from)) return false;
  if (next != nullptr && to + kPageSize > guarded_start(*next, guard_bytes())) return false;

  const auto pages = static_cast<std::int64_t>((to - from) / kPageSize);
  if (!may_expand(kDataFlags, pages)) return false;
  return areas_->size() <= manager_.config().max_map_count;
}

}  // namespace gonzo

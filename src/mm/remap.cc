// mremap(2). Linux: do_mremap and what it calls (mm/mremap.c, as of 6.17).
#include <linux/mman.h>

#include <algorithm>

#include "mm/with_areas.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

using namespace vm_flags;

/// Lengths are page aligned. Linux: struct vma_remap_struct.
struct AddressSpace::RemapRequest {
  VirtAddr start;
  std::uint64_t old_length, new_length;
  int flags;
  VirtAddr to;

  bool has(int flag) const { return (flags & flag) != 0; }
  bool names_target() const { return has(MREMAP_FIXED | MREMAP_DONTUNMAP); }
  bool grows() const { return new_length > old_length; }
  bool shrinks() const { return new_length < old_length; }
  VirtAddr old_end() const { return start + old_length; }
  /// What is before `at`, of a request that keeps its length.
  void leave_out(VirtAddr at) {
    to += at - start;
    new_length = old_length -= at - start;
    start = at;
  }
};

/// check_remap() and check_remap_area() tell the errors of all forms, in their order. After them:
/// EINVAL: a special area would be cut. ENOMEM: no room to grow without MREMAP_MAYMOVE, or
/// anywhere; near max_map_count; no frame for a table. A target of MREMAP_FIXED has been unmapped
/// by then, as on Linux.
Result<VirtAddr> AddressSpace::remap(VirtAddr old_start, std::uint64_t old_length,
                                     std::uint64_t new_length, int flags, VirtAddr new_start) {
  const RemapRequest request{old_start, page_ceil(old_length), page_ceil(new_length), flags,
                             new_start};
  RemapRequest rest = request;
  bool locked = false;
  auto moved = with_areas([&]() GONZO_REQUIRES(lock_) {
    auto done = remap_locked(rest);
    if (done && request.grows()) {
      const Vma* vma = area_holding(*done);
      locked = vma != nullptr && vma->has(kLocked);
    }
    return done;
  });
  // What ran again after it had made room began further on.
  if (moved && request.has(MREMAP_FIXED)) moved = new_start;
  if (locked) populate({*moved + request.old_length, *moved + request.new_length});
  return moved;
}

/// After ENOMEM, `request` is what is left to do.
Result<VirtAddr> AddressSpace::remap_locked(RemapRequest& request) {
  GONZO_TRY(check_remap(request));
  if (request.has(MREMAP_FIXED) && request.old_length == request.new_length) {
    return remap_many(request);
  }
  Vma* vma = area_holding(request.start);
  GONZO_TRY(check_remap_area(request, vma));
  return request.names_target() ? remap_to(request) : remap_here(request, *vma);
}

/// What can be told without looking at the area (Linux: check_mremap_params).
/// EINVAL: unknown flags; an unaligned start; a new length of 0 or past the user half; and when the
/// target is named: past the user half, unaligned, without MREMAP_MAYMOVE, MREMAP_DONTUNMAP with
/// another length, overlapping the source. ENOMEM: near max_map_count.
Result<void> AddressSpace::check_remap(const RemapRequest& request) const {
  constexpr int kKnown = MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
  const VirtAddr user_end = table_->user_end();
  if ((request.flags & ~kKnown) != 0 || !request.start.is_page_aligned()) {
    return fail(Errno::kInval);
  }
  if (request.new_length == 0 || request.new_length > user_end.value) return fail(Errno::kInval);
  if (!request.names_target()) return {};

  if (request.to > user_end - request.new_length) return fail(Errno::kInval);
  if (!request.to.is_page_aligned() || !request.has(MREMAP_MAYMOVE)) return fail(Errno::kInval);
  if (request.has(MREMAP_DONTUNMAP) && request.old_length != request.new_length) {
    return fail(Errno::kInval);
  }
  const AddressRange target{request.to, request.to + request.new_length};
  if (target.overlaps({request.start, request.old_end()})) return fail(Errno::kInval);
  // The worst case splits source and target in three each.
  if (areas_->size() + 5 >= manager_.config().max_map_count) return fail(Errno::kNoMem);
  return {};
}

/// Linux: check_prep_vma. EFAULT: nothing mapped there. EPERM: sealed. EFAULT: the old range leaves
/// the area; growing what must not expand. EINVAL: old length 0 of private memory; MREMAP_DONTUNMAP
/// of what must not expand; the offset overflows. EAGAIN: RLIMIT_MEMLOCK. ENOMEM: RLIMIT_AS,
/// RLIMIT_DATA.
Result<void> AddressSpace::check_remap_area(const RemapRequest& request, const Vma* vma) const {
  if (vma == nullptr) return fail(Errno::kFault);
  if (vma->has(kSealed)) return fail(Errno::kPerm);
  if (!request.grows() && !request.names_target()) return {};

  if (request.old_length == 0 && !vma->has(kShared | kMayShare)) return fail(Errno::kInval);
  if (request.has(MREMAP_DONTUNMAP) && vma->has(kDontExpand)) return fail(Errno::kInval);
  // What a shrink cuts off may lie in other areas.
  const std::uint64_t kept = std::min(request.old_length, request.new_length);
  if (kept > vma->end() - request.start) return fail(Errno::kFault);
  if (!request.grows()) return {};

  const std::uint64_t first = vma->page_index(request.start);
  if (first + (request.new_length >> kPageShift) < first) return fail(Errno::kInval);
  if (vma->has(kDontExpand)) return fail(Errno::kFault);
  const std::uint64_t growth = request.new_length - request.old_length;
  if (!may_lock(vma->flags(), growth)) return fail(Errno::kAgain);
  if (!may_expand(vma->flags(), static_cast<std::int64_t>(growth >> kPageShift))) {
    return fail(Errno::kNoMem);
  }
  return {};
}

/// MREMAP_FIXED without a change of length takes any number of areas along, keeping the holes
/// between them (Linux: remap_move). EFAULT: a hole at the start. On an error, the areas before
/// have moved.
Result<VirtAddr> AddressSpace::remap_many(RemapRequest& request) {
  const VirtAddr to = request.to;
  const VirtAddr end = request.old_end();
  if (end <= request.start || area_holding(request.start) == nullptr) return fail(Errno::kFault);
  while (request.start < end) {
    const Vma* vma = areas_->find(request.start);
    if (vma == nullptr || vma->start() >= end) break;
    request.leave_out(std::max(request.start, vma->start()));
    const std::uint64_t bytes = std::min(end, vma->end()) - request.start;
    RemapRequest part{request.start, bytes, bytes, request.flags, request.to};
    GONZO_TRY(check_remap_area(part, vma));
    GONZO_TRY(remap_to(part));
    request.leave_out(request.start + bytes);
  }
  return to;
}

/// Linux: mremap_to.
Result<VirtAddr> AddressSpace::remap_to(RemapRequest& request) {
  GONZO_TRY(reserve_areas(7));  // two ranges that go, and move_area()'s
  if (request.has(MREMAP_FIXED)) {
    GONZO_TRY(place(request.to, request.new_length, MAP_FIXED));
    GONZO_TRY(unmap_locked({request.to, request.to + request.new_length}));
    // An old length that wraps hides that the target lies over the source.
    if (area_holding(request.start) == nullptr) return fail(Errno::kFault);
  }
  if (request.shrinks()) {
    GONZO_TRY(unmap_tail(request.start + request.new_length, request.old_end()));
    request.old_length = request.new_length;
  }
  Vma* vma = area_holding(request.start);
  if (vma == nullptr) return fail(Errno::kFault);
  if (request.has(MREMAP_DONTUNMAP) &&
      !may_expand(vma->flags(), static_cast<std::int64_t>(request.old_length >> kPageShift))) {
    return fail(Errno::kNoMem);
  }
  const int placement = request.has(MREMAP_FIXED) ? MAP_FIXED : 0;
  GONZO_ASSIGN(const VirtAddr to, place(request.to, request.new_length, placement));
  return move_area(request, *vma, to);
}

/// Linux: mremap_at, expand_vma.
Result<VirtAddr> AddressSpace::remap_here(const RemapRequest& request, Vma& vma) {
  if (request.shrinks()) {
    GONZO_TRY(unmap_tail(request.start + request.new_length, request.old_end()));
  }
  if (!request.grows()) return request.start;

  if (can_extend(request, vma)) {
    const std::uint64_t growth = request.new_length - request.old_length;
    const auto pages = static_cast<std::int64_t>(growth >> kPageShift);
    if (vma.has(kAccount)) GONZO_TRY(charge(growth >> kPageShift));
    account(vma.flags(), pages);
    extend_area(vma, growth);
    return request.start;
  }
  if (!request.has(MREMAP_MAYMOVE)) return fail(Errno::kNoMem);
  GONZO_ASSIGN(const VirtAddr to, place(VirtAddr(), request.new_length, 0));
  return move_area(request, vma, to);
}

bool AddressSpace::can_extend(const RemapRequest& request, const Vma& vma) const {
  if (request.old_end() != vma.end()) return false;
  const AddressRange growth{vma.end(), request.start + request.new_length};
  return growth.end > growth.start && growth.end <= table_->user_end() && is_free(growth) &&
         !config_.reserved.overlaps(growth);
}

/// Linux: move_vma. All that can fail comes before the first change; `vma` may be gone after the
/// new area has been made, for the two may merge.
Result<VirtAddr> AddressSpace::move_area(const RemapRequest& request, Vma& vma, VirtAddr to) {
  if (areas_->size() + 3 >= manager_.config().max_map_count) return fail(Errno::kNoMem);
  const AddressRange source{request.start, request.old_end()};
  if (vma.is_special() && source != vma.range()) return fail(Errno::kInval);
  const auto new_pages = static_cast<std::int64_t>(request.new_length >> kPageShift);
  const bool keeps_source = request.has(MREMAP_DONTUNMAP);
  // Else the new area takes over what the old one was charged.
  const std::uint64_t added = request.new_length - (keeps_source ? 0 : request.old_length);
  const std::uint64_t charged = vma.has(kAccount) ? added >> kPageShift : 0;
  GONZO_TRY(reserve_areas(3));  // the new area, and cuts of the old one
  GONZO_TRY(charge(charged));

  const Lineage lineage = vma.lineage();
  VmaAttributes attributes = vma.attributes();
  const std::uint64_t flags = attributes.flags;
  // Untouched memory may take the number of its new place, to merge with what is there.
  attributes.page_offset =
      vma.is_anonymous() && lineage.is_none() ? to.page_number() : vma.page_index(request.start);

  if (request.old_length != 0) {
    TlbGather gather(frames_, cache_);
    if (const auto moved = move_entries(gather, vma, source, to); !moved) {
      uncharge(charged);
      return fail(moved.error());
    }
  }
  // For a moment both are counted: no peak.
  const std::uint64_t peak = counts_.peak_total;
  account(flags, new_pages);
  insert_or_merge({to, to + request.new_length}, std::move(attributes), lineage);
  if (keeps_source) {
    leave_empty(source);
  } else if (request.old_length != 0) {
    GONZO_TRY(unmap_locked(source, Charges::kKeep));
  }
  counts_.peak_total = std::max(peak, counts_.total);
  return to;
}

/// MREMAP_DONTUNMAP: the source stays, without its pages. Only the copy stays locked; the lock is
/// taken from all of the source's area, not just from what moved, but the pages stay in locked_vm
/// for good: what Linux does since 6.15 (dontunmap_complete), and VmLck shows it.
void AddressSpace::leave_empty(AddressRange source) {
  Vma& left = *area_holding(source.start);
  if (left.has(kLocked)) {
    stray_locked_ += left.pages();
    left.set_flags(left.flags() & ~kLockMask);
  }
  if (left.range() == source) left.forget_own_pages();
}

}  // namespace gonzo

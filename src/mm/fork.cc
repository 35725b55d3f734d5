// A copy of an address space for a child. Linux: dup_mmap (mm/mmap.c, kernel/fork.c).
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// ENOMEM: no frame for the child's tables, or more than may be committed; this address space is as
/// before, but that some entries have become read-only, which their next write mends.
Result<std::unique_ptr<AddressSpace>> AddressSpace::fork(TranslationCache& cache, int owner) {
  for (unsigned tries = 0;; ++tries) {
    auto made = try_fork(cache, owner);
    if (made || made.error() != Errno::kNoMem) return made;
    // With more than the child's tables and areas take, it was not for want of frames.
    constexpr std::uint64_t kSpare = 64;
    if (frames_.stats().free > table_->table_frames() + kSpare) return made;
    if (!manager_.make_room(config_.owner, tries)) return made;
  }
}

Result<std::unique_ptr<AddressSpace>> AddressSpace::try_fork(TranslationCache& cache, int owner) {
  Config config = config_;
  config.owner = owner;
  config.parent = id_;
  GONZO_ASSIGN(std::unique_ptr<AddressSpace> made, create(manager_, cache, config));
  AddressRange tightened;
  Result<void> copied;
  {
    LockGuard guard(lock_);
    AddressSpace& child = *made;
    LockGuard child_guard(child.lock_);
    copied = copy_areas(child, tightened);
    if (!tightened.empty()) cache_.invalidate(tightened, Stricter::kReadOnly);
  }
  if (!copied) return fail(copied.error());
  return made;
}

Result<void> AddressSpace::copy_areas(AddressSpace& child, AddressRange& tightened) {
  child.bounds_ = bounds_;
  child.limits_ = limits_;
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    if (vma->has(vm_flags::kDontCopy)) continue;
    VmaAttributes attributes = vma->attributes();
    // Locks are not inherited (mlock(2)).
    attributes.flags &= ~(vm_flags::kLocked | vm_flags::kLockOnFault);
    GONZO_TRY(child.reserve_areas(1));
    if (vma->has(vm_flags::kAccount)) {
      if (!manager_.commitments().charge(vma->pages(), claimant())) return fail(Errno::kNoMem);
      child.counts_.committed += vma->pages();
    }
    child.account(attributes.flags, static_cast<std::int64_t>(vma->pages()));
    const Vma& copy = child.insert_area(vma->range(), std::move(attributes));
    if (vma->has(vm_flags::kWipeOnFork)) continue;
    if (vma->has_own_pages()) copy.adopt(child.new_lineage(Lineage::Origin::kFork));
    GONZO_TRY(copy_entries(child, *vma, tightened));
  }
  return {};
}

}  // namespace gonzo

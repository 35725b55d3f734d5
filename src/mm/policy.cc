// Areas' memory policies. Linux: do_mbind, set_mempolicy_home_node (mm/mempolicy.c).
#include <linux/mempolicy.h>

#include <tuple>

#include "mm/with_areas.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// The range is aligned and does not wrap. EFAULT: a hole, with nothing changed; with Holes::kSkip,
/// nothing is mapped there at all. ENOMEM: max_map_count.
Result<void> AddressSpace::set_policy(VirtAddr start, std::uint64_t length,
                                      const MemoryPolicyRef& policy, Holes holes) {
  return with_areas([&]() GONZO_REQUIRES(lock_) {
    return set_policy_locked({start, start + length}, policy, holes);
  });
}

Result<void> AddressSpace::set_policy_locked(AddressRange range, const MemoryPolicyRef& policy,
                                             Holes holes) {
  const bool suits = holes == Holes::kSkip ? !is_free(range) : is_covered(range);
  if (!suits) return fail(Errno::kFault);
  Result<void> failed;
  const Result<void> done = for_each_part(
      range, [&](Vma& vma, AddressRange part) GONZO_NO_THREAD_SAFETY_ANALYSIS -> Result<void> {
        if (same_policy(vma.attributes().policy, policy)) return {};
        VmaAttributes attributes = vma.attributes();
        attributes.policy = policy;
        const auto modified = modify_area(vma, part, std::move(attributes));
        if (!modified) failed = fail(modified.error());
        return failed;
      });
  return done ? done : failed;  // a hole is no error here
}

/// ENOENT: no area there has a policy. EOPNOTSUPP: one has another kind than MPOL_BIND or
/// MPOL_PREFERRED_MANY; the ones before it have their home. ENOMEM: max_map_count.
Result<void> AddressSpace::set_home_node(VirtAddr start, std::uint64_t length, int node) {
  return with_areas(
      [&]() GONZO_REQUIRES(lock_) { return set_home_node_locked({start, start + length}, node); });
}

Result<void> AddressSpace::set_home_node_locked(AddressRange range, int node) {
  Result<void> outcome = fail(Errno::kNoEnt);
  std::ignore = for_each_part(
      range, [&](Vma& vma, AddressRange part) GONZO_NO_THREAD_SAFETY_ANALYSIS -> Result<void> {
        const MemoryPolicyRef old = vma.attributes().policy;
        if (old == nullptr) return {};
        if (old->mode != MPOL_BIND && old->mode != MPOL_PREFERRED_MANY) {
          return outcome = fail(Errno::kOpNotSupp);
        }
        auto* const changed = new MemoryPolicy(*old);
        VmaAttributes attributes = vma.attributes();
        attributes.policy = MemoryPolicyRef(changed);
        changed->home_node = node;
        const auto modified = modify_area(vma, part, std::move(attributes));
        outcome = modified ? Result<void>() : fail(modified.error());
        return outcome;
      });
  return outcome;
}

Result<Pfn> AddressSpace::frame_at(VirtAddr address) {
  const SharedLockGuard guard(lock_);
  const Vma* vma = area_holding(address);
  if (vma == nullptr) return fail(Errno::kFault);
  if (vma->has(vm_flags::kPfnMap)) return fail(Errno::kNoEnt);
  const EntryRef slot = table_->find(address);
  const Entry entry = slot ? slot.load() : Entry();
  if (!entry.is_mapping()) return fail(Errno::kNoEnt);
  if (entry.has(pte::kSpecial)) return fail(Errno::kFault);
  return entry.pfn();
}

}  // namespace gonzo

// The spine of a page fault: which area, is the access allowed, what kind of fault.
// Linux: arch/x86/mm/fault.c (do_user_addr_fault), mm/memory.c (handle_mm_fault).
#include "mm/fault_context.h"

namespace gonzo {
namespace {

/// Linux: access_error() on x86. Whatever can be accessed at all can be read; without NX, what can
/// be read can be executed.
bool allows(const Vma& vma, Access access, const PageTable& table) {
  switch (access) {
    case Access::kWrite:
      return vma.has(vm_flags::kWrite);
    case Access::kExecute:
      return vma.has(table.has_no_execute() ? vm_flags::kExec : vm_flags::kProtMask);
    case Access::kRead:
      break;
  }
  return vma.has(vm_flags::kProtMask);
}

}  // namespace

/// Where there is no frame, room is made with the lock let go, and all is looked at afresh.
FaultOutcome AddressSpace::fault(VirtAddr address, Access access) {
  for (unsigned tries = 0;; ++tries) {
    const FaultOutcome outcome = try_fault(address, access);
    if (outcome != FaultOutcome::kOutOfMemory) {
      if (access == Access::kWrite) manager_.balance_dirty_pages();
      return outcome;
    }
    if (!manager_.make_room(config_.owner, tries)) return outcome;
  }
}

FaultOutcome AddressSpace::try_fault(VirtAddr address, Access access) {
  {
    SharedLockGuard guard(lock_);
    const FaultOutcome outcome = fault_locked(address, access);
    if (outcome != FaultOutcome::kNoMapping) return outcome;
  }
  {
    LockGuard guard(lock_);
    if (!grow_stack(address)) return FaultOutcome::kNoMapping;
  }
  SharedLockGuard guard(lock_);
  return fault_locked(address, access);
}

FaultOutcome AddressSpace::fault_locked(VirtAddr address, Access access) {
  const Vma* vma = areas_->find(address);
  if (vma == nullptr || address < vma->start()) return FaultOutcome::kNoMapping;
  if (!allows(*vma, access, *table_)) return FaultOutcome::kNoAccess;

  const EntryRef slot = table_->find(address);
  FaultContext context{.space = *this,
                       .vma = *vma,
                       .page = address.page_floor(),
                       .access = access,
                       .slot = slot,
                       .entry = slot ? slot.load() : Entry()};
  const FaultOutcome outcome = !context.entry.is_blank() ? fault_present(context)
                               : vma->is_anonymous()     ? fault_anonymous(context)
                                                         : fault_file(context);
  // A spurious fault counts, one that failed does not (Linux: mm_account_fault).
  if (outcome == FaultOutcome::kMinor) {
    atomic_.minor_faults.fetch_add(1, std::memory_order_relaxed);
  } else if (outcome == FaultOutcome::kMajor) {
    atomic_.major_faults.fetch_add(1, std::memory_order_relaxed);
  }
  return outcome;
}

}  // namespace gonzo

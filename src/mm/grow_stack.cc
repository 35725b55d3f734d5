// A touch below an area that grows down. Linux: expand_downwards, acct_stack_growth (mm/vma.c).
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// True when `address` lies in an area afterwards. Linux refuses with ENOMEM or EPERM, all of which
/// become SEGV_MAPERR: too near to the area below, past RLIMIT_STACK, RLIMIT_AS or RLIMIT_MEMLOCK,
/// more than may be committed, below mmap_min_addr. (Where the area is not accounted, Linux charges
/// the growth all the same, and never gives it back.)
bool AddressSpace::grow_stack(VirtAddr address) {
  Vma* vma = areas_->find(address);
  if (vma == nullptr) return false;
  if (vma->start() <= address) return true;  // another thread's fault grew it
  if (!vma->has(vm_flags::kGrowsDown)) return false;

  const MemoryManager::Config& config = manager_.config();
  const AddressRange grown{address.page_floor(), vma->end()};
  const std::uint64_t pages = (vma->start() - grown.start) / kPageSize;
  if (grown.start.value < config.mmap_min_addr || pages > vma->attributes().page_offset) {
    return false;
  }
  if (grown.overlaps(config_.reserved)) return false;
  // A gap keeps the stack from running into what cannot be told from it. Below another stack there
  // is none.
  const Vma* below = areas_->previous(*vma);
  if (below != nullptr && !below->has(vm_flags::kGrowsDown) && below->has(vm_flags::kProtMask) &&
      grown.start - below->end() < config.stack_guard_gap * kPageSize) {
    return false;
  }
  if (grown.size() > limits_.stack) return false;
  const auto added = static_cast<std::int64_t>(pages);
  if (!may_expand(vma->flags(), added) || !may_lock(vma->flags(), pages * kPageSize)) return false;
  if (vma->has(vm_flags::kAccount) && !charge(pages)) return false;
  note_own_pages(*vma);  // as Linux does, though the access may be refused yet
  areas_->resize(*vma, grown);
  vma->set_page_offset(vma->attributes().page_offset - pages);
  account(vma->flags(), added);
  return true;
}

}  // namespace gonzo

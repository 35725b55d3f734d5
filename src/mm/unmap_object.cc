// Pages of an object went. Linux: unmap_mapping_range (mm/memory.c).
#include <algorithm>

#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

/// Where `vma` maps pages [first, end) of its object; may be empty.
AddressRange mapped_part(const Vma& vma, std::uint64_t first, std::uint64_t end) {
  const std::uint64_t here = vma.attributes().page_offset;
  const std::uint64_t from = std::clamp(first, here, here + vma.pages());
  const std::uint64_t to = std::clamp(end, from, here + vma.pages());
  return {vma.start() + (from - here) * kPageSize, vma.start() + (to - here) * kPageSize};
}

}  // namespace

/// Private copies go too, as Linux's even_cows says for a truncated file. The areas stay: touching
/// them asks the object again.
void AddressSpace::unmap_object(const MappedObject& object, std::uint64_t first_page) {
  const LockGuard guard(lock_);
  zap_object(object, first_page, ~std::uint64_t{0}, Zap::kContents);
}

void AddressSpace::unmap_hole(const MappedObject& object, std::uint64_t first, std::uint64_t end) {
  const LockGuard guard(lock_);
  zap_object(object, first, end, Zap::kObjectPages);
}

void MemoryManager::unmap_object(const MappedObject& object, std::uint64_t first_page) {
  const LockGuard guard(spaces_lock_);
  for (AddressSpace* space : spaces_) space->unmap_object(object, first_page);
}

void MemoryManager::unmap_hole(const MappedObject& object, std::uint64_t first, std::uint64_t end) {
  const LockGuard guard(spaces_lock_);
  for (AddressSpace* space : spaces_) space->unmap_hole(object, first, end);
}

void AddressSpace::zap_object(const MappedObject& object, std::uint64_t first, std::uint64_t end,
                              Zap what) {
  TlbGather gather(frames_, cache_);
  for (Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    if (vma->object() != &object) continue;
    const AddressRange gone = mapped_part(*vma, first, end);
    if (!gone.empty()) zap_range(gather, *vma, gone, what);
  }
}

}  // namespace gonzo

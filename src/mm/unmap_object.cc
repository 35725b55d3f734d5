// Pages of an object went. Linux: unmap_mapping_range (mm/memory.c).
#include "mm/mapped_part.h"

namespace gonzo {
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
  for (AddressSpace* space : object.mappers()) space->unmap_object(object, first_page);
}

void MemoryManager::unmap_hole(const MappedObject& object, std::uint64_t first, std::uint64_t end) {
  const LockGuard guard(spaces_lock_);
  for (AddressSpace* space : object.mappers()) space->unmap_hole(object, first, end);
}

void AddressSpace::zap_object(const MappedObject& object, std::uint64_t first, std::uint64_t end,
                              Zap what) {
  TlbGather gather(frames_, cache_);
  for (Vma& vma : areas_of(object)) {
    const AddressRange gone = mapped_part(vma, first, end);
    if (!gone.empty()) zap_range(gather, vma, gone, what);
  }
}

}  // namespace gonzo

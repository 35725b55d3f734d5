// An object became shorter. Linux: unmap_mapping_range (mm/memory.c).
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Private copies go too, as Linux's even_cows says for a truncated file. The areas stay: touching
/// them asks the object again.
void AddressSpace::unmap_object(const MappedObject& object, std::uint64_t first_page) {
  const LockGuard guard(lock_);
  TlbGather gather(frames_, cache_);
  for (Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    if (vma->object() != &object) continue;
    const std::uint64_t first_here = vma->attributes().page_offset;
    if (first_here + vma->pages() <= first_page) continue;
    const std::uint64_t kept = first_page > first_here ? first_page - first_here : 0;
    zap_range(gather, *vma, {vma->start() + kept * kPageSize, vma->end()});
  }
}

}  // namespace gonzo

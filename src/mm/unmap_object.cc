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
  TlbGather gather(frames_, cache_);
  for (Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    if (vma->object() != &object) continue;
    const AddressRange gone = mapped_part(*vma, first_page, ~std::uint64_t{0});
    if (!gone.empty()) zap_range(gather, *vma, gone);
  }
}

void AddressSpace::unmap_hole(const MappedObject& object, std::uint64_t first, std::uint64_t end) {
  const LockGuard guard(lock_);
  TlbGather gather(frames_, cache_);
  for (Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    if (vma->object() != &object) continue;
    const AddressRange hole = mapped_part(*vma, first, end);
    if (hole.empty()) continue;
    if (vma->is_shared()) {
      zap_range(gather, *vma, hole);
    } else {
      zap_object_pages(gather, *vma, hole);
    }
  }
}

void AddressSpace::zap_object_pages(TlbGather& gather, Vma& vma, AddressRange range) {
  for (VirtAddr page = range.start; page < range.end; page += kPageSize) {
    const EntryRef slot = table_->find(page);
    const Entry entry = slot ? slot.load() : Entry();
    if (!entry.is_mapping() || frames_.frame(entry.pfn()).state == FrameState::kAnonymous) continue;
    zap_range(gather, vma, {page, page + kPageSize});
  }
}

}  // namespace gonzo

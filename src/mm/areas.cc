// Making, cutting and joining areas. Linux: mm/vma.c.
#include <memory>

#include <gonzo/base/check.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

bool continues(const Vma* below, VirtAddr start, const VmaAttributes& attributes) {
  return below != nullptr && below->end() == start &&
         can_merge(below->attributes(), below->pages(), attributes);
}

bool is_continued(AddressRange range, const VmaAttributes& attributes, const Vma* above) {
  return above != nullptr && above->start() == range.end &&
         can_merge(attributes, range.pages(), above->attributes());
}

void inherit_own_pages(const Vma& to, const Vma& from) {
  if (from.has_own_pages()) to.note_own_pages();
}

}  // namespace

Vma& AddressSpace::insert_area(AddressRange range, VmaAttributes attributes) {
  auto vma = std::make_unique<Vma>(range, std::move(attributes));
  areas_->insert(*vma);
  return *vma.release();
}

void AddressSpace::erase_area(Vma& vma) {
  areas_->erase(vma);
  const std::unique_ptr<Vma> owner(&vma);
}

void AddressSpace::erase_all_areas() {
  while (Vma* vma = areas_->last()) erase_area(*vma);
}

Vma* AddressSpace::area_holding(VirtAddr address) const {
  Vma* vma = areas_->find(address);
  return vma != nullptr && vma->start() <= address ? vma : nullptr;
}

bool AddressSpace::is_free(AddressRange range) const {
  const Vma* vma = areas_->find(range.start);
  return vma == nullptr || vma->start() >= range.end;
}

Vma& AddressSpace::cut_area(Vma& vma, VirtAddr at) {
  GONZO_ASSERT(vma.start() < at && at < vma.end());
  VmaAttributes attributes = vma.attributes();
  attributes.page_offset = vma.page_index(at);
  const AddressRange upper{at, vma.end()};
  areas_->resize(vma, {vma.start(), at});
  Vma& above = insert_area(upper, std::move(attributes));
  inherit_own_pages(above, vma);
  return above;
}

Result<Vma*> AddressSpace::split_area(Vma& vma, VirtAddr at) {
  if (areas_->size() >= manager_.config().max_map_count) return fail(Errno::kNoMem);
  return &cut_area(vma, at);
}

Vma& AddressSpace::insert_or_merge(AddressRange range, VmaAttributes attributes) {
  Vma* above = areas_->find(range.start);
  Vma* below = above != nullptr ? areas_->previous(*above) : areas_->last();
  const bool joins_above = is_continued(range, attributes, above);

  if (continues(below, range.start, attributes)) {
    if (joins_above) {
      range.end = above->end();
      inherit_own_pages(*below, *above);
      erase_area(*above);
    }
    areas_->resize(*below, {below->start(), range.end});
    return *below;
  }
  if (joins_above) {
    above->set_page_offset(attributes.page_offset);
    areas_->resize(*above, {range.start, above->end()});
    return *above;
  }
  return insert_area(range, std::move(attributes));
}

Result<Vma*> AddressSpace::modify_area(Vma& vma, AddressRange range, std::uint64_t flags) {
  VmaAttributes attributes = vma.attributes();
  attributes.flags = flags;
  attributes.page_offset = vma.page_index(range.start);
  Vma* below = range.start == vma.start() ? areas_->previous(vma) : nullptr;
  Vma* above = range.end == vma.end() ? areas_->next(vma) : nullptr;
  const bool joins_below = continues(below, range.start, attributes);
  const bool joins_above = is_continued(range, attributes, above);

  if (!joins_below && !joins_above) {
    Vma* middle = &vma;
    if (range.start > vma.start()) {
      GONZO_ASSIGN(middle, split_area(vma, range.start));
    }
    if (range.end < middle->end()) GONZO_TRY(split_area(*middle, range.end));
    middle->set_flags(flags);
    return middle;
  }

  // The boundary moves: no area more than before.
  Vma* survivor = joins_below ? below : above;
  AddressRange joined = joins_below ? AddressRange{below->start(), range.end}
                                    : AddressRange{range.start, above->end()};
  inherit_own_pages(*survivor, vma);
  if (range == vma.range()) {
    erase_area(vma);
  } else if (joins_below) {
    const std::uint64_t offset = vma.page_index(range.end);
    areas_->resize(vma, {range.end, vma.end()});
    vma.set_page_offset(offset);
  } else {
    areas_->resize(vma, {vma.start(), range.start});
  }
  if (joins_below && joins_above) {
    joined.end = above->end();
    inherit_own_pages(*survivor, *above);
    erase_area(*above);
  }
  if (!joins_below) above->set_page_offset(attributes.page_offset);
  areas_->resize(*survivor, joined);
  return survivor;
}

Vma& AddressSpace::extend_area(Vma& vma, std::uint64_t bytes) {
  AddressRange range{vma.start(), vma.end() + bytes};
  Vma* above = areas_->next(vma);
  if (is_continued(range, vma.attributes(), above)) {
    range.end = above->end();
    inherit_own_pages(vma, *above);
    erase_area(*above);
  }
  areas_->resize(vma, range);
  return vma;
}

}  // namespace gonzo

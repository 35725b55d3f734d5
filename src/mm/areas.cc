// Making, cutting and joining areas. Linux: mm/vma.c.
#include "mm/area_stock.h"
#include <gonzo/base/check.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

/// What would be one area with its neighbours, if they let it.
struct Candidate {
  AddressRange range;
  const VmaAttributes& attributes;
  Lineage lineage;

  std::uint64_t sticky_flags() const { return attributes.flags & vm_flags::kSticky; }
  bool continues(const Vma* below) const {
    return below != nullptr && below->end() == range.start &&
           can_merge(below->attributes(), below->pages(), attributes) &&
           can_join(below->lineage(), lineage);
  }
  bool is_continued_by(const Vma* above) const {
    return above != nullptr && above->start() == range.end &&
           can_merge(attributes, range.pages(), above->attributes()) &&
           can_join(lineage, above->lineage());
  }
};

/// Both may go with what lies between them, but not with each other (Linux:
/// are_anon_vmas_compatible).
bool are_at_odds(const Vma& below, const Vma& above) {
  return below.has_own_pages() && above.has_own_pages() && below.lineage() != above.lineage();
}

/// May a fault in one of two neighbours take the other's lineage? They would merge but for their
/// permissions, which a later mprotect can make equal (Linux: anon_vma_compatible).
bool could_be_one(const Vma& below, const Vma& above) {
  constexpr std::uint64_t kIgnored = vm_flags::kProtMask | vm_flags::kIgnoreMerge;
  return below.end() == above.start() && below.object() == above.object() &&
         below.attributes().open_file == above.attributes().open_file &&
         ((below.flags() ^ above.flags()) & ~kIgnored) == 0 &&
         same_policy(below.attributes().policy, above.attributes().policy) &&
         below.page_index(above.start()) == above.attributes().page_offset;
}

/// Neither of two areas of this object may go by being merged (Linux: can_merge_remove_vma).
bool must_stay(const MappedObject* object) { return object != nullptr && object->counts_areas(); }

Lineage reusable_lineage(const Vma& of) {
  const Lineage lineage = of.lineage();
  return lineage.is_from_fork() ? Lineage() : lineage;
}

}  // namespace

Result<void> AddressSpace::reserve_areas(unsigned count) {
  lacks_frames_ = !area_stock_->reserve(count);
  if (lacks_frames_) return fail(Errno::kNoMem);
  return areas_->reserve(count);
}

Result<EntryRef> AddressSpace::reserve_entry(VirtAddr page) {
  auto slot = table_->ensure(page);
  lacks_frames_ = !slot;
  return slot;
}

Vma& AddressSpace::insert_area(AddressRange range, VmaAttributes attributes) {
  Vma& vma = area_stock_->make(range, std::move(attributes));
  if (vma.object() != nullptr) vma.object()->area_opened({vma.flags(), config_.owner});
  areas_->insert(vma);
  if (vma.is_anonymous()) {
    if (vma.page_index(range.start) != range.start.page_number()) has_moved_areas_ = true;
  } else {
    if (areas_of(*vma.object()).empty()) vma.object()->add_mapper(*this);
    object_areas_.insert(vma);
  }
  return vma;
}

void AddressSpace::erase_area(Vma& vma) {
  areas_->erase(vma);
  if (vma.object() != nullptr) {
    object_areas_.erase(object_areas_.iterator_to(vma));
    if (areas_of(*vma.object()).empty()) vma.object()->remove_mapper(*this);
    vma.object()->area_closed({vma.flags(), config_.owner});
  }
  area_stock_->destroy(vma);
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

/// Linux: find_mergeable_anon_vma.
Lineage AddressSpace::find_lineage(const Vma& vma) {
  const Vma* above = areas_->next(vma);
  if (above != nullptr && could_be_one(vma, *above)) {
    if (const Lineage found = reusable_lineage(*above); !found.is_none()) return found;
  }
  const Vma* below = areas_->previous(vma);
  if (below != nullptr && could_be_one(*below, vma)) {
    if (const Lineage found = reusable_lineage(*below); !found.is_none()) return found;
  }
  return new_lineage(Lineage::Origin::kFault);
}

Vma& AddressSpace::cut_area(Vma& vma, VirtAddr at) {
  GONZO_ASSERT(vma.start() < at && at < vma.end());
  VmaAttributes attributes = vma.attributes();
  attributes.page_offset = vma.page_index(at);
  const AddressRange upper{at, vma.end()};
  areas_->resize(vma, {vma.start(), at});
  Vma& above = insert_area(upper, std::move(attributes));
  above.adopt(vma.lineage());
  return above;
}

Result<Vma*> AddressSpace::split_area(Vma& vma, VirtAddr at) {
  if (areas_->size() >= manager_.config().max_map_count) return fail(Errno::kNoMem);
  if (vma.is_special()) return fail(Errno::kInval);
  GONZO_TRY(reserve_areas(1));
  return &cut_area(vma, at);
}

Vma& AddressSpace::insert_or_merge(AddressRange range, VmaAttributes attributes, Lineage lineage) {
  Vma* above = areas_->find(range.start);
  Vma* below = above != nullptr ? areas_->previous(*above) : areas_->last();
  const Candidate candidate{range, attributes, lineage};
  const bool joins_below = candidate.continues(below);
  const bool joins_above =
      candidate.is_continued_by(above) &&
      !(joins_below && (are_at_odds(*below, *above) || must_stay(above->object())));
  if (!joins_below && !joins_above) {
    Vma& inserted = insert_area(range, std::move(attributes));
    inserted.adopt(lineage);
    return inserted;
  }
  return absorb(joins_below ? below : nullptr, joins_above ? above : nullptr, candidate.range,
                {attributes.page_offset, lineage, candidate.sticky_flags()});
}

/// One area from those given, which are there and touch, and the free `range` between them; it
/// starts with `first_page` if `range` does.
Vma& AddressSpace::absorb(Vma* below, Vma* above, AddressRange range, Absorbed absorbed) {
  Vma& survivor = below != nullptr ? *below : *above;
  survivor.adopt(absorbed.lineage);
  survivor.add_flags(absorbed.sticky_flags);
  if (below == nullptr) {
    above->set_page_offset(absorbed.page_offset);
    range.end = above->end();
  } else {
    range.start = below->start();
    if (above != nullptr) {
      range.end = above->end();
      survivor.adopt(above->lineage());
      survivor.add_flags(above->flags() & vm_flags::kSticky);
      erase_area(*above);
    }
  }
  areas_->resize(survivor, range);
  return survivor;
}

Result<Vma*> AddressSpace::modify_area(Vma& vma, AddressRange range, std::uint64_t flags) {
  VmaAttributes attributes = vma.attributes();
  attributes.flags = flags;
  return modify_area(vma, range, std::move(attributes));
}

Result<Vma*> AddressSpace::modify_area(Vma& vma, AddressRange range, VmaAttributes attributes) {
  attributes.page_offset = vma.page_index(range.start);
  const bool fixed = range == vma.range() && must_stay(vma.object());
  Vma* below = range.start == vma.start() && !fixed ? areas_->previous(vma) : nullptr;
  Vma* above = range.end == vma.end() && !fixed ? areas_->next(vma) : nullptr;
  const Candidate candidate{range, attributes, vma.lineage()};
  const bool joins_below = candidate.continues(below);
  const bool joins_above =
      candidate.is_continued_by(above) && !(joins_below && are_at_odds(*below, *above));

  if (!joins_below && !joins_above) {
    Vma* middle = &vma;
    if (range.start > vma.start()) {
      GONZO_ASSIGN(middle, split_area(vma, range.start));
    }
    if (range.end < middle->end()) GONZO_TRY(split_area(*middle, range.end));
    middle->set_flags(attributes.flags);
    middle->set_name(std::move(attributes.name));
    middle->set_policy(std::move(attributes.policy));
    return middle;
  }

  // The boundary moves: no area more than before.
  if (range == vma.range()) {
    erase_area(vma);
  } else if (joins_below) {
    const std::uint64_t offset = vma.page_index(range.end);
    areas_->resize(vma, {range.end, vma.end()});
    vma.set_page_offset(offset);
  } else {
    areas_->resize(vma, {vma.start(), range.start});
  }
  return &absorb(joins_below ? below : nullptr, joins_above ? above : nullptr, range,
                 {attributes.page_offset, candidate.lineage, candidate.sticky_flags()});
}

Vma& AddressSpace::extend_area(Vma& vma, std::uint64_t bytes) {
  const AddressRange growth{vma.end(), vma.end() + bytes};
  VmaAttributes attributes = vma.attributes();
  attributes.page_offset = vma.page_index(vma.end());
  Vma* above = areas_->next(vma);
  const Candidate candidate{growth, attributes, vma.lineage()};
  const bool joins_above = candidate.is_continued_by(above) && !must_stay(above->object());
  return absorb(&vma, joins_above ? above : nullptr, growth, {});
}

}  // namespace gonzo

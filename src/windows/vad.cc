// The VADs of a process, and what it is charged.
#include "windows/vad.h"

#include <algorithm>

#include "windows/core_error.h"
#include <gonzo/base/check.h>

namespace gonzo::windows {
namespace {

AddressRange granules_of(AddressSpace& space, AddressRange range) {
  const VirtAddr end = range.end == VirtAddr() ? space.page_table().user_end() : range.end;
  const VirtAddr limit = std::min(end, space.page_table().user_end());
  // NULL is nobody's, and where its granule lies neither.
  const std::uint64_t start = std::max(range.start.value, kAllocationGranularity);
  return {VirtAddr(granules_ceil(start)), VirtAddr(granules_floor(limit.value))};
}

}  // namespace

VirtualMemory::VirtualMemory(AddressSpace& space, const Config& config)
    : space_(space),
      range_(granules_of(space, config.range)),
      vads_(make_vma_index(VmaIndexKind::kAvlTree)),
      charge_(space.manager().commitments()) {}

VirtualMemory::~VirtualMemory() {
  const LockGuard guard(lock_);
  while (Vma* const vad = vads_->first()) GONZO_CHECK(unmap(static_cast<Vad&>(*vad)).has_value());
}

VirtualMemoryCounts VirtualMemory::counts() const {
  const LockGuard guard(lock_);
  VirtualMemoryCounts counts = counts_;
  counts.reservations = vads_->size();
  return counts;
}

/// The one VAD that has all of `range`; null: there is none.
VirtualMemory::Vad* VirtualMemory::vad_holding(AddressRange range) const {
  auto* const vad = static_cast<Vad*>(vads_->find(range.start));
  return vad != nullptr && vad->pages.contains(range) ? vad : nullptr;
}

bool VirtualMemory::is_free(AddressRange range) const {
  const Vma* const vad = vads_->find(range.start);
  return vad == nullptr || range.end <= vad->start();
}

std::optional<AddressRange> VirtualMemory::room_for(std::uint64_t length, Search search) const {
  if (length > range_.size()) return std::nullopt;
  const GapRequest request{granules_ceil(length), range_.start, range_.end};
  const auto start = search == Search::kTopDown ? vads_->find_gap_top_down(request)
                                                : vads_->find_gap_bottom_up(request);
  if (!start) return std::nullopt;
  return AddressRange{*start, *start + length};
}

VirtualMemory::Vad& VirtualMemory::enter(std::unique_ptr<Vad> vad) {
  vads_->insert(*vad);
  counts_.virtual_size += vad->pages.pages();
  counts_.peak_virtual_size = std::max(counts_.peak_virtual_size, counts_.virtual_size);
  return *vad.release();
}

void VirtualMemory::forget(Vad& vad) {
  vads_->erase(vad);
  counts_.virtual_size -= vad.pages.pages();
  delete &vad;
}

bool VirtualMemory::charge(std::uint64_t pages) {
  // Windows keeps nothing for an administrator.
  if (!charge_.grow(pages, {.is_admin = true})) return false;
  counts_.committed += pages;
  counts_.peak_committed = std::max(counts_.peak_committed, counts_.committed);
  return true;
}

void VirtualMemory::uncharge(std::uint64_t pages) {
  charge_.shrink(pages);
  counts_.committed -= pages;
}

VirtualMemory::Part VirtualMemory::Part::at(const Vad& vad, VirtAddr address, VirtAddr limit) {
  const std::uint64_t page = address.page_number();
  const PageRuns::Part part = vad.protections.part_at(page, limit.page_number());
  if (!part.value) return {.end = VirtAddr(part.end << kPageShift)};
  Part found{VirtAddr(part.end << kPageShift), true, *part.value};
  if (vad.is_view()) {
    const std::uint64_t first = vad.section_page_at(page);
    const auto here = vad.section->part_at(first, first + (part.end - page));
    found.end = address.page_floor() + (here.end - first) * kPageSize;
    found.is_committed = here.is_committed;
  }
  return found;
}

bool VirtualMemory::is_committed(const Vad& vad, AddressRange range) const {
  for (VirtAddr at = range.start; at < range.end;) {
    const Part part = Part::at(vad, at, range.end);
    if (!part.is_committed) return false;
    at = part.end;
  }
  return true;
}

/// The whole VAD, its charge too. ERROR_NOT_ENOUGH_MEMORY: no memory for the core's index; nothing
/// has changed.
Win32Result<void> VirtualMemory::unmap(Vad& vad) {
  if (const auto unmapped = space_.unmap(vad.pages.start, vad.pages.size()); !unmapped) {
    return fail(error_of(unmapped.error()));
  }
  const std::uint64_t first = vad.pages.start.page_number();
  const std::uint64_t end = vad.pages.end.page_number();
  if (vad.kind != Vad::Kind::kShared) uncharge(vad.protections.count(first, end));
  forget(vad);
  return {};
}

}  // namespace gonzo::windows

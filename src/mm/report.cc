// An address space looked at from outside, with nothing changed: one address, all areas, the
// entries of one page.
#include <algorithm>

#include "mm/area_text.h"
#include "mm/page_place.h"
#include "mm/traced_page.h"

namespace gonzo {
namespace {

AreaReport::Maps kind_of(const Vma& vma) {
  if (!maps_file(vma)) return AreaReport::Maps::kNothing;
  return vma.named_object()->is_shmem() ? AreaReport::Maps::kSharedMemory : AreaReport::Maps::kFile;
}

}  // namespace

AreaReport AddressSpace::report_area(const Vma& vma) const {
  AreaReport report{.range = vma.range(),
                    .flags = vma.flags(),
                    .line = {},
                    .name = area_name(vma, bounds_),
                    .maps = kind_of(vma),
                    .usage = {}};
  AreaLines(report.line, bounds_).append(vma);
  report.line.pop_back();
  if (report.maps != AreaReport::Maps::kNothing) {
    report.offset = vma.attributes().page_offset << kPageShift;
  }
  return report;
}

std::optional<ObjectPlace> AddressSpace::report_object(const Vma& vma, VirtAddr address) const {
  if (vma.is_anonymous()) return {};
  MappedObject& object = *vma.object();
  const std::uint64_t page = vma.page_index(address);
  return ObjectPlace{.path = vma.is_special() ? vma.attributes().special_name : object.name().path,
                     .offset = (page << kPageShift) + address.page_offset(),
                     .bytes = object.known_bytes(),
                     .is_shared_memory = object.is_shmem(),
                     .is_resident = object.is_resident(page),
                     .is_swapped = object.swapped_pages(page, page + 1) != 0};
}

/// Alone in the address space: descriptors are looked at that a fault might give back.
PageReport AddressSpace::report_page(VirtAddr address) {
  const LockGuard guard(lock_);
  PageReport report{.format = table_->format(),
                    .address = address,
                    .user_end = table_->user_end(),
                    .root = table_->root(),
                    .area = {},
                    .below = {},
                    .above = {},
                    .path = trace_path(frames_, table_->format(), table_->root(), address),
                    .object = {},
                    .frame = {},
                    .stack_limit = limits_.stack};
  const Vma* next = areas_->find(address);
  const Vma* below = next != nullptr ? areas_->previous(*next) : areas_->last();
  if (next != nullptr && next->range().contains(address)) {
    report.area = report_area(*next);
    report.object = report_object(*next, address);
    next = areas_->next(*next);
  }
  if (below != nullptr) report.below = report_area(*below);
  if (next != nullptr) report.above = report_area(*next);

  const TableStep& last = report.path.last();
  if (last.leads != TableStep::Leads::kToPage) return report;
  const Pfn pfn = last.target + (address - last.start) / kPageSize;
  report.is_zero_page = manager_.is_zero_page(pfn);
  if (frames_.contains(pfn)) report.frame = report_frame(frames_, pfn);
  return report;
}

std::vector<AreaReport> AddressSpace::report_areas(std::span<const VirtAddr> cuts) {
  const LockGuard guard(lock_);
  std::vector<AreaReport> reports;
  reports.reserve(areas_->size());
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    for (VirtAddr start = vma->start(); start < vma->end();) {
      const auto cut = std::ranges::upper_bound(cuts, start);
      const VirtAddr end = cut == cuts.end() ? vma->end() : std::min(*cut, vma->end());
      AreaReport report = report_area(*vma);
      report.range = {start, end};
      report.offset += report.maps != AreaReport::Maps::kNothing ? start - vma->start() : 0;
      report.usage = measure(*vma, report.range);
      reports.push_back(std::move(report));
      start = end;
    }
  }
  return reports;
}

void AddressSpace::list_mappings(const MappedObject* object, TracedPage& page,
                                 std::vector<PageMapping>& out) {
  const SharedLockGuard guard(lock_);
  const SegmentBounds bounds = bounds_;  // the analysis does not see the lock inside the lambda
  const auto add = [&](const PagePlace& place) {
    out.push_back({.space = id_,
                   .owner = config_.owner,
                   .address = place.address,
                   .area_flags = place.vma.flags(),
                   .area = area_name(place.vma, bounds)});
  };
  if (object == nullptr) {
    if (const auto place = find_page(page)) add(*place);
    return;
  }
  TracedPage* const pages[] = {&page};
  for_each_place(*object, pages, [&](TracedPage&, const PagePlace& place) { add(place); });
}

}  // namespace gonzo

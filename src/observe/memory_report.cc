#include "observe/memory_report.h"

#include <algorithm>
#include <set>

#include "kernel/process_table.h"

namespace gonzo {
namespace {

using Kind = MemoryPart::Kind;

/// The heap begins on the page behind the one that bss ends in (Linux: do_brk_flags from
/// PAGE_ALIGN(mm->start_brk)).
VirtAddr heap_start(const SegmentBounds& bounds) { return bounds.start_brk.page_ceil(); }

Kind kind_of(const AreaReport& area, const SegmentBounds& bounds, std::string_view program) {
  const VirtAddr start = area.range.start;
  if (start <= bounds.start_stack && bounds.start_stack <= area.range.end) return Kind::kStack;
  if (start >= heap_start(bounds) && start < bounds.brk) return Kind::kHeap;
  if (area.maps == AreaReport::Maps::kFile && !program.empty() && area.name == program) {
    return start >= bounds.start_data.page_floor() ? Kind::kData : Kind::kText;
  }
  const bool is_behind_data =
      start >= bounds.end_data.page_floor() && area.range.end <= heap_start(bounds);
  if (area.maps == AreaReport::Maps::kNothing && is_behind_data) return Kind::kBss;
  return Kind::kMmap;
}

/// The file that the program's code is in.
std::string program_of(const std::vector<AreaReport>& areas, const SegmentBounds& bounds) {
  const auto found = std::ranges::find_if(
      areas, [&](const AreaReport& area) { return area.range.contains(bounds.start_code); });
  return found != areas.end() && found->maps == AreaReport::Maps::kFile ? found->name : "";
}

void add_member(MemoryPart& part, const AreaReport& area) {
  const std::string name = area.name.empty() ? "anonymous" : area.name;
  const auto found = std::ranges::find(part.members, name, &MemoryPart::Member::name);
  MemoryPart::Member& member = found != part.members.end()
                                   ? *found
                                   : part.members.emplace_back(MemoryPart::Member{name, {}});
  member.usage.add(area);
}

std::vector<SharedArea> shared_areas(System& system) {
  std::vector<SharedArea> shared;
  std::set<std::uint64_t> seen;  // processes may share their memory (CLONE_VM)
  for (const auto& process : system.processes().all()) {
    const auto memory = process->memory_ref();
    if (memory == nullptr || !seen.insert(memory->space().id()).second) continue;
    for (AreaReport& area : memory->space().report_areas()) {
      SharedArea each{.process = process->pid(),
                      .program = process->image_ref()->name,
                      .area = std::move(area)};
      if (each.bytes() != 0) shared.push_back(std::move(each));
    }
  }
  return shared;
}

}  // namespace

void PartUsage::add(const AreaReport& area) {
  size += area.range.size();
  present += area.usage.resident;
  swapped += std::min(area.usage.swapped, area.range.size() - area.usage.resident);
  ++areas;
}

std::string_view part_name(MemoryPart::Kind kind) {
  switch (kind) {
    case Kind::kText:
      return "text";
    case Kind::kData:
      return "data";
    case Kind::kBss:
      return "bss";
    case Kind::kHeap:
      return "heap";
    case Kind::kMmap:
      return "mmap";
    case Kind::kStack:
      break;
  }
  return "stack";
}

std::vector<MemoryPart> memory_parts(const std::vector<AreaReport>& areas,
                                     const SegmentBounds& bounds) {
  const std::string program = program_of(areas, bounds);
  std::vector<MemoryPart> parts;
  for (auto area = areas.rbegin(); area != areas.rend(); ++area) {
    const Kind kind = kind_of(*area, bounds, program);
    if (parts.empty() || parts.back().kind != kind) {
      parts.push_back({.kind = kind, .range = area->range, .usage = {}, .members = {}});
    }
    MemoryPart& part = parts.back();
    part.range.start = area->range.start;
    part.usage.add(*area);
    if (kind == Kind::kMmap) add_member(part, *area);
  }
  return parts;
}

MemoryReport MemoryReport::of(Process& process) {
  AddressSpace& space = process.memory();
  const SegmentBounds bounds = space.bounds();
  const VirtAddr cuts[] = {heap_start(bounds)};
  return {.process = process.pid(),
          .program = process.image_ref()->name,
          .format = space.page_table().format(),
          .user_end = space.page_table().user_end(),
          .counts = space.counts(),
          .parts = memory_parts(space.report_areas(cuts), bounds),
          .machine = MachineMemory::of(process.system()),
          .map = FrameMap::of(process.system().frames()),
          .shared = shared_areas(process.system())};
}

}  // namespace gonzo

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "observe/entry_text.h"
#include "observe/memory_report.h"
#include "observe/wrap.h"
#include <gonzo/base/bytes.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kKilobyte = 1024;

constexpr std::size_t kPartColumn = 25;

std::string part_label(std::string_view name, std::uint64_t from) {
  return fmt::format("{:<12} {:>12x}", name, from);
}

void append_usage(std::string& text, std::string_view label, const PartUsage& usage) {
  fmt::format_to(std::back_inserter(text), "  {:<25} {:>8} {:>7} {:>7} {:>7}\n", label,
                 usage.size / kKilobyte, usage.present / kKilobyte, usage.absent() / kKilobyte,
                 usage.swapped / kKilobyte);
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void append_parts(std::string& text, const MemoryReport& report, std::size_t width) {
  append_wrapped(text,
                 fmt::format("Process {}, {}: its memory, top to bottom, in KiB", report.process,
                             report.program),
                 0, width);
  fmt::format_to(std::back_inserter(text), "  {:<12} {:>12} {:>8} {:>7} {:>7} {:>7}\n", "", "from",
                 "size", "present", "absent", "swapped");
  for (const MemoryPart& part : report.parts) {
    append_usage(text, part_label(part_name(part.kind), part.range.start.value), part.usage);
    for (const MemoryPart::Member& member : part.members) {
      const std::string name = shortened(last_part(member.name), kPartColumn - 2);
      append_usage(text, fmt::format("  {}", name), member.usage);
    }
  }
  append_wrapped(
      text,
      fmt::format("Absent: never touched, or gone back to its file. {} areas, {} for "
                  "page tables, {}.",
                  report.counts.areas, bytes_text(report.counts.table_frames * kPageSize),
                  format_name(report.format)),
      2, width);
}

using Row = std::vector<std::uint64_t>;

/// A line with a number for each zone.
void append_row(std::string& text, std::string_view name, const Row& row) {
  fmt::format_to(std::back_inserter(text), "  {:<14}", name);
  for (const std::uint64_t value : row) {
    fmt::format_to(std::back_inserter(text), " {:>10}", value);
  }
  text += '\n';
}

void append_zone_names(std::string& text, const MachineMemory& machine) {
  fmt::format_to(std::back_inserter(text), "  {:<14}", "");
  for (const ZoneMemory& zone : machine.zones) {
    fmt::format_to(std::back_inserter(text), " {:>10}", zone_name(zone.stats.kind));
  }
  text += '\n';
}

void append_states(std::string& text, const MachineMemory& machine) {
  fmt::format_to(std::back_inserter(text), "Frames by state and zone, of {} ({})\n", machine.total,
                 bytes_text(machine.total * kPageSize));
  append_zone_names(text, machine);
  const auto row = [&](std::string_view name, auto value_of) {
    Row values;
    for (const ZoneMemory& zone : machine.zones) values.push_back(value_of(zone));
    if (std::ranges::any_of(values, [](std::uint64_t value) { return value != 0; })) {
      append_row(text, name, values);
    }
  };
  row("never used", [](const ZoneMemory& zone) { return zone.stats.virgin; });
  row("free", [](const ZoneMemory& zone) { return zone.stats.free - zone.stats.virgin; });
  row("  per thread", [](const ZoneMemory& zone) { return zone.in_lists(); });
  for (const FrameState state :
       {FrameState::kAnonymous, FrameState::kPageCache, FrameState::kPageTable, FrameState::kKernel,
        FrameState::kVmalloc, FrameState::kSlab, FrameState::kReserved}) {
    row(frame_state_name(state), [state](const ZoneMemory& zone) { return zone.used.in(state); });
  }
  row("  shared memory", [](const ZoneMemory& zone) { return zone.used.shared_memory; });
  row("  dirty", [](const ZoneMemory& zone) { return zone.used.dirty_files; });
}

void append_buddy(std::string& text, const MachineMemory& machine) {
  text += "Free blocks by order, what was never used among them\n";
  append_zone_names(text, machine);
  for (unsigned order = 0; order <= kMaxOrder; ++order) {
    Row row;
    for (const ZoneMemory& zone : machine.zones) row.push_back(zone.free_blocks.at(order));
    append_row(text, fmt::format("{:>2} {:>9}", order, bytes_text(kPageSize << order)), row);
  }
}

void append_sharing(std::string& text, const MemoryReport& report, std::size_t width) {
  std::uint64_t frames = 0;
  for (const auto& [maps, count] : report.map.shared) frames += count;
  if (frames == 0) {
    text += "Sharing: no frame is mapped more than once\n";
    return;
  }
  append_wrapped(text, fmt::format("Sharing: {} frames are mapped more than once", frames), 0,
                 width);
  for (const auto& [maps, count] : report.map.shared) {
    fmt::format_to(std::back_inserter(text), "  {:>8} by {} entries\n", count, maps);
  }
  fmt::format_to(std::back_inserter(text), "  {:>8} {:>7} {:>12}\n", "KiB", "process", "area");
  constexpr std::size_t kFront = 34;
  for (const SharedArea& shared : report.shared) {
    const std::string& name = shared.area.name;
    fmt::format_to(std::back_inserter(text), "  {:>8} {:>7} {:>12x} {}\n",
                   shared.bytes() / kKilobyte, shared.process, shared.area.range.start.value,
                   shortened(name.empty() ? "anonymous" : name, width - kFront));
  }
}

}  // namespace

std::string memory_report_text(const MemoryReport& report, std::size_t width) {
  width = std::max(width, kLeastWidth);
  std::string text;
  append_parts(text, report, width);
  append_states(text, report.machine);
  text += "Physical memory, by frame number\n";
  text += frame_map_text(report.map, width);
  append_buddy(text, report.machine);
  append_sharing(text, report, width);
  return text;
}

}  // namespace gonzo

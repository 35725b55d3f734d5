#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "kernel/machine_memory.h"
#include "observe/entry_text.h"
#include "observe/explanation.h"
#include "observe/frame_text.h"
#include "observe/wrap.h"

namespace gonzo {
namespace {

constexpr std::size_t kIndent = 2;

/// "1 entry", "2 entries".
std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}
std::string entries_text(std::uint64_t count) { return counted(count, "entry", "entries"); }

/// Puts the sections together, line by line.
class Writer {
 public:
  explicit Writer(std::size_t width) : width_(std::max(width, kLeastWidth)) {}

  void heading(std::string_view text) { append_wrapped(text_, text, 0, width_); }
  void line(std::string_view text, std::size_t indent = kIndent) {
    append_wrapped(text_, text, indent, width_);
  }
  /// As it is.
  void row(std::string_view text) {
    text_.append(kIndent, ' ');
    text_ += text.substr(0, text.find_last_not_of(' ') + 1);
    text_ += '\n';
  }
  std::size_t room() const { return width_ - kIndent; }
  std::string take() { return std::move(text_); }

 private:
  std::size_t width_;
  std::string text_;
};

void write_head(Writer& out, const Explanation& explanation) {
  out.heading(fmt::format("{:#x} in process {}, {}", explanation.address().value,
                          explanation.process, explanation.program));
  if (explanation.fault) {
    const FaultFacts& fault = *explanation.fault;
    std::string text = fault.signal_name;
    if (fault.error_code) {
      text += fmt::format(" after {}, error code {:#x}", access_name(*fault.error_code),
                          *fault.error_code);
    }
    if (!fault.reason.empty()) text += fmt::format(": {}", fault.reason);
    out.line(text);
  }
  out.line(explanation.reason);
}

void write_tls(Writer& out, const Segment& segment) {
  out.line(fmt::format("{} {:#x}: GDT entry {}, descriptor {:#018x}, {}, base {:#x}, limit {:#x}",
                       segment.name, segment.selector, segment.selector >> 3, segment.descriptor,
                       descriptor_text(segment.descriptor), segment.base, segment.limit));
}

/// Flat segments in a line, the others with all that is known of them.
void write_segments(Writer& out, const Explanation& explanation) {
  const std::uint64_t linear = explanation.address().value;
  out.heading("segments");
  std::string flat, none;
  for (const Segment& segment : explanation.segments) {
    std::string& list = segment.is_flat() ? flat : none;
    if (segment.is_usable() && !segment.is_flat()) continue;
    list += fmt::format("{}{} {:#x}", list.empty() ? "" : ", ", segment.name, segment.selector);
  }
  out.line(fmt::format("{}: base 0, so this is linear address {:#x}", flat, linear));
  if (!none.empty()) out.line(fmt::format("{}: none", none));
  if (std::ranges::find(explanation.segments, "fs", &Segment::name) == explanation.segments.end()) {
    out.line("fs, gs: each thread's own; the first has ended");
  }
  for (const Segment& segment : explanation.segments) {
    if (!segment.is_usable() || segment.is_flat()) continue;
    if (segment.descriptor != 0) {
      write_tls(out, segment);
    } else {
      out.line(fmt::format("{} {:#x}: base {:#x}", segment.name, segment.selector, segment.base));
    }
    constexpr std::uint64_t kNear = 1 << 20;
    if (const auto offset = segment.offset_of(linear); offset && *offset < kNear) {
      out.line(fmt::format("the address is {}:{:#x}", segment.name, *offset), 2 * kIndent);
    }
  }
}

void write_area(Writer& out, const Explanation& explanation) {
  const PageReport& page = explanation.page;
  out.heading(page.area ? "area" : "area: none");
  if (page.area) {
    out.line(page.area->line);
    out.line(fmt::format("page {} of {}",
                         (page.address.page_floor() - page.area->range.start) / kPageSize,
                         page.area->range.pages()));
  }
  if (page.above) out.line(fmt::format("above: {}", page.above->line));
  if (page.below) out.line(fmt::format("below: {}", page.below->line));
}

std::string target_text(const TableStep& step) {
  switch (step.leads) {
    case TableStep::Leads::kToTable:
      return fmt::format("table {:#x}", step.target.value);
    case TableStep::Leads::kToPage:
      return fmt::format("frame {:#x}", step.target.value);
    case TableStep::Leads::kNowhere:
      break;
  }
  if (step.level == 1 && step.entry.is_swap()) {
    return fmt::format("type {}, slot {}", step.entry.swap_type(), step.entry.swap_offset());
  }
  return {};
}

void write_tables(Writer& out, const Explanation& explanation) {
  const PageReport& page = explanation.page;
  if (page.path.steps().empty()) return;
  out.heading(
      fmt::format("tables: {}, root in frame {:#x}", format_name(page.format), page.root.value));
  for (const TableStep& step : page.path.steps()) {
    const std::string flags = fmt::format("{}", fmt::join(entry_flags(page.format, step), " "));
    out.row(fmt::format("{} {:>3} {} {:<16} {}", level_name(page.format, step.level), step.index,
                        raw_text(page.format, step.entry), flags, target_text(step)));
  }
}

void write_mappings(Writer& out, const Explanation& explanation) {
  const PageReport& page = explanation.page;
  for (const PageMapping& mapping : explanation.mappings) {
    out.line(fmt::format("mapped at {:#x} by process {}{}{}", mapping.address.value, mapping.owner,
                         mapping.area.empty() ? "" : ", ",
                         shortened(mapping.area, out.room() / 2)));
  }
  const auto all = static_cast<std::size_t>(std::max(page.frame->maps, 0));
  if (all > explanation.mappings.size() && !page.is_zero_page) {
    out.line(fmt::format("and {} more", entries_text(all - explanation.mappings.size())));
  }
}

void write_frame(Writer& out, const Explanation& explanation) {
  const PageReport& page = explanation.page;
  if (!page.frame) return;
  const FrameReport& frame = *page.frame;
  out.heading(fmt::format("frame {:#x}: physical address {:#x}", frame.pfn.value,
                          frame.pfn.address().value + page.address.page_offset()));
  const auto number = [](std::int32_t count) {
    return static_cast<std::uint64_t>(std::max(count, 0));
  };
  out.line(fmt::format("{}, {}, mapped by {}", frame_state_name(frame.state),
                       counted(number(frame.refs), "reference", "references"),
                       entries_text(number(frame.maps))));
  std::string zone = fmt::format("zone {}", zone_name(frame.zone));
  if (!frame.block.is_none()) {
    zone += fmt::format(", block of order {}", frame.order);
    if (frame.block != frame.pfn) zone += fmt::format(" from frame {:#x}", frame.block.value);
  }
  out.line(zone);
  if (const auto flags = frame_flag_names(frame); !flags.empty()) {
    out.line(fmt::format("flags: {}", fmt::join(flags, ", ")));
  }
  if (!explanation.policy.empty()) {
    out.line(fmt::format("reclaim, {}: {}", explanation.policy,
                         explanation.policy_place.empty() ? "not listed, it may not leave"
                                                          : explanation.policy_place));
  }
  if (page.is_zero_page) out.line("its entries are not counted");
  write_mappings(out, explanation);
}

void write_object(Writer& out, const Explanation& explanation) {
  const auto& object = explanation.page.object;
  if (!object) return;
  out.heading(object->is_shared_memory ? "shared memory" : "file");
  out.line(fmt::format("{}, offset {:#x}, page {}{}", object->path, object->offset,
                       object->offset / kPageSize,
                       object->bytes ? fmt::format(" of {} bytes", *object->bytes) : ""));
}

void write_swap(Writer& out, const Explanation& explanation) {
  const auto& swap = explanation.swap;
  if (!swap) return;
  out.heading(fmt::format("swap: device {}, slot {}", swap->slot.type, swap->slot.offset));
  if (!swap->device.empty()) out.line(fmt::format("{}, {}", swap->device, swap->kind));
  out.line(fmt::format("named by {}{}", entries_text(swap->entries),
                       swap->is_cached ? "; in the swap cache" : ""));
}

}  // namespace

std::string explanation_text(const Explanation& explanation, std::size_t width) {
  Writer out(width);
  write_head(out, explanation);
  write_segments(out, explanation);
  write_area(out, explanation);
  write_tables(out, explanation);
  write_frame(out, explanation);
  write_object(out, explanation);
  write_swap(out, explanation);
  return out.take();
}

}  // namespace gonzo

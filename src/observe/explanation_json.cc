#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kernel/machine_memory.h"
#include "observe/entry_text.h"
#include "observe/explanation.h"
#include "observe/frame_text.h"
#include "observe/json.h"

namespace gonzo {
namespace {

Json segments_json(const Explanation& explanation) {
  Json list = Json::array();
  for (const Segment& segment : explanation.segments) {
    const auto offset = segment.offset_of(explanation.address().value);
    list.push_back({{"register", segment.name},
                    {"selector", hex(segment.selector)},
                    {"descriptor", segment.descriptor != 0 ? hex(segment.descriptor) : Json()},
                    {"base", hex(segment.base)},
                    {"limit", hex(segment.limit)},
                    {"offset", offset ? hex(*offset) : Json()}});
  }
  return list;
}

Json area_json(const std::optional<AreaReport>& area) {
  if (!area) return {};
  return {{"start", hex(area->range.start.value)},
          {"end", hex(area->range.end.value)},
          {"name", area->name},
          {"maps", area->line}};
}

Json tables_json(const PageReport& page) {
  Json list = Json::array();
  for (const TableStep& step : page.path.steps()) {
    list.push_back({{"level", level_name(page.format, step.level)},
                    {"table_frame", step.table.value},
                    {"index", step.index},
                    {"entry", raw_text(page.format, step.entry)},
                    {"flags", entry_flags(page.format, step)},
                    {"frame", step.target.is_none() ? Json() : Json(step.target.value)}});
  }
  return list;
}

Json frame_json(const Explanation& explanation) {
  if (!explanation.page.frame) return {};
  const FrameReport& frame = *explanation.page.frame;
  Json mappings = Json::array();
  for (const PageMapping& mapping : explanation.mappings) {
    mappings.push_back({{"process", mapping.owner},
                        {"address", hex(mapping.address.value)},
                        {"area", mapping.area}});
  }
  const bool has_block = !frame.block.is_none();
  return {{"number", frame.pfn.value},
          {"physical", hex(frame.pfn.address().value + explanation.page.address.page_offset())},
          {"state", frame_state_name(frame.state)},
          {"references", frame.refs},
          {"maps", frame.maps},
          {"zone", zone_name(frame.zone)},
          {"order", has_block ? Json(frame.order) : Json()},
          {"block", has_block ? Json(frame.block.value) : Json()},
          {"flags", frame_flag_names(frame)},
          {"policy", explanation.policy},
          {"policy_place", explanation.policy_place},
          {"mappings", mappings}};
}

Json object_json(const std::optional<ObjectPlace>& object) {
  if (!object) return {};
  return {{"path", object->path},
          {"kind", object->is_shared_memory ? "shared memory" : "file"},
          {"offset", object->offset},
          {"bytes", object->bytes ? Json(*object->bytes) : Json()},
          {"resident", object->is_resident},
          {"swapped", object->is_swapped}};
}

Json swap_json(const std::optional<SwapPlace>& swap) {
  if (!swap) return {};
  return {{"type", swap->slot.type}, {"slot", swap->slot.offset}, {"device", swap->device},
          {"kind", swap->kind},      {"entries", swap->entries},  {"cached", swap->is_cached}};
}

Json fault_json(const std::optional<FaultFacts>& fault) {
  if (!fault) return {};
  return {{"signal", fault->signal_name},
          {"error_code", fault->error_code ? Json(*fault->error_code) : Json()},
          {"reason", fault->reason}};
}

}  // namespace

std::string explanation_json(const Explanation& explanation) {
  const PageReport& page = explanation.page;
  const Json all = {{"process", explanation.process},
                    {"program", explanation.program},
                    {"address", hex(explanation.address().value)},
                    {"fault", fault_json(explanation.fault)},
                    {"state", residence_name(explanation.residence)},
                    {"reason", explanation.reason},
                    {"segments", segments_json(explanation)},
                    {"area", area_json(page.area)},
                    {"area_above", area_json(page.above)},
                    {"area_below", area_json(page.below)},
                    {"format", format_name(page.format)},
                    {"tables", tables_json(page)},
                    {"frame", frame_json(explanation)},
                    {"object", object_json(page.object)},
                    {"swap", swap_json(explanation.swap)}};
  return one_line(all);
}

}  // namespace gonzo

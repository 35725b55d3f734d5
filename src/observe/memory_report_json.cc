#include "observe/entry_text.h"
#include "observe/json.h"
#include "observe/memory_report.h"

namespace gonzo {
namespace {

Json usage_json(const PartUsage& usage) {
  return {{"bytes", usage.size},
          {"present", usage.present},
          {"absent", usage.absent()},
          {"swapped", usage.swapped},
          {"areas", usage.areas}};
}

Json parts_json(const std::vector<MemoryPart>& parts) {
  Json list = Json::array();
  for (const MemoryPart& part : parts) {
    Json members = Json::array();
    for (const MemoryPart::Member& member : part.members) {
      Json each = {{"name", member.name}};
      each.update(usage_json(member.usage));
      members.push_back(std::move(each));
    }
    Json each = {{"part", part_name(part.kind)},
                 {"start", hex(part.range.start.value)},
                 {"end", hex(part.range.end.value)}};
    each.update(usage_json(part.usage));
    each["members"] = std::move(members);
    list.push_back(std::move(each));
  }
  return list;
}

Json zones_json(const MachineMemory& machine) {
  Json list = Json::array();
  for (const ZoneMemory& zone : machine.zones) {
    Json states;
    for (int state = 0; state < kFrameStates; ++state) {
      const auto which = static_cast<FrameState>(state);
      if (which >= FrameState::kAnonymous) {
        states[std::string(frame_state_name(which))] = zone.used.in(which);
      }
    }
    list.push_back({{"zone", zone_name(zone.stats.kind)},
                    {"start", zone.stats.start.value},
                    {"frames", zone.stats.spanned},
                    {"free", zone.stats.free},
                    {"never_used", zone.stats.virgin},
                    {"in_thread_lists", zone.in_lists()},
                    {"in_use", states},
                    {"shared_memory", zone.used.shared_memory},
                    {"dirty", zone.used.dirty_files},
                    {"free_blocks", zone.free_blocks}});
  }
  return list;
}

Json runs_json(const FrameMap& map) {
  Json list = Json::array();
  for (const FrameRun& run : map.runs) {
    list.push_back(
        {{"first", run.first.value}, {"frames", run.frames}, {"use", use_name(run.use)}});
  }
  return list;
}

Json sharing_json(const MemoryReport& report) {
  Json frames = Json::array(), areas = Json::array();
  for (const auto& [maps, count] : report.map.shared) {
    frames.push_back({{"entries", maps}, {"frames", count}});
  }
  for (const SharedArea& shared : report.shared) {
    areas.push_back({{"process", shared.process},
                     {"program", shared.program},
                     {"start", hex(shared.area.range.start.value)},
                     {"name", shared.area.name},
                     {"bytes", shared.bytes()},
                     {"most_entries", shared.area.usage.most_maps}});
  }
  return {{"frames", frames}, {"areas", areas}};
}

}  // namespace

std::string memory_report_json(const MemoryReport& report) {
  const Json all = {{"process", report.process},
                    {"program", report.program},
                    {"format", format_name(report.format)},
                    {"user_end", hex(report.user_end.value)},
                    {"areas", report.counts.areas},
                    {"table_frames", report.counts.table_frames},
                    {"parts", parts_json(report.parts)},
                    {"zones", zones_json(report.machine)},
                    {"physical", runs_json(report.map)},
                    {"sharing", sharing_json(report)}};
  return one_line(all);
}

}  // namespace gonzo

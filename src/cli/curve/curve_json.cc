#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/curve/curve_text.h"

namespace gonzo {
namespace {

using Json = nlohmann::ordered_json;

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSame:
      return "same";
    case Outcome::kTimeout:
      return "timeout";
    case Outcome::kFailed:
      return "failed";
  }
  return "";
}

Json runs_of(const std::vector<Measurement>& runs) {
  Json list = Json::array();
  for (const Measurement& run : runs) {
    list.push_back({{"real_ns", run.real.count()},
                    {"minor_faults", run.minor_faults},
                    {"major_faults", run.major_faults},
                    {"pswpin", run.swapped_in},
                    {"pswpout", run.swapped_out},
                    {"stall_some_ns", run.stalled_some.count()},
                    {"stall_full_ns", run.stalled_full.count()}});
  }
  return list;
}

Json number_or_null(const std::optional<std::uint64_t>& number) {
  return number ? Json(*number) : Json();
}

Json knee_of(const Knee& knee) {
  const bool is_bracketed = knee.memory && knee.too_small;
  return {{"within", knee.within},
          {"memory", number_or_null(knee.memory)},
          {"too_small", number_or_null(knee.too_small)},
          {"resolution", is_bracketed ? Json(knee.resolution()) : Json()}};
}

Json curve_of(const Curve& curve, double full_speed) {
  Json points = Json::array(), knees = Json::array();
  for (const Point& point : curve.points) {
    Json row = {{"memory", point.memory}, {"outcome", name_of(point.outcome)}};
    if (point.outcome == Outcome::kSame) {
      const Middle real = point.real();
      row["real_ns"] = std::llround(real.median);
      row["spread"] = real.spread;
      row["slower"] = real.median / full_speed;
      row["major_faults"] = point.major_faults();
      row["stall_ns"] = std::llround(point.stalled());
    } else {
      row["reason"] = point.reason;
    }
    row["runs"] = runs_of(point.runs);
    points.push_back(std::move(row));
  }
  for (const Knee& knee : curve.knees) knees.push_back(knee_of(knee));
  return {{"policy", curve.policy}, {"points", points}, {"knees", knees}};
}

}  // namespace

std::string curve_json(const CurveReport& report) {
  const Middle full = report.full_real();
  Json curves = Json::array();
  for (const Curve& curve : report.curves) curves.push_back(curve_of(curve, full.median));
  const Json all = {{"command", report.command},
                    {"swap", report.swap},
                    {"ample_memory", report.ample_memory},
                    {"peak", report.peak},
                    {"status", report.status},
                    {"output_varies", report.output_varies},
                    {"timeout_ns", report.timeout.count()},
                    {"full_speed",
                     {{"real_ns", std::llround(full.median)},
                      {"spread", full.spread},
                      {"runs", runs_of(report.full_speed)}}},
                    {"curves", curves},
                    {"stopped_by", report.stopped_by}};
  // Programs' arguments and last words may be no UTF-8.
  return all.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gonzo

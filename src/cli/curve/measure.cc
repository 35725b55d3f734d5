#include "cli/curve/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "cli/curve/curve_text.h"
#include "cli/curve/ladder.h"
#include "cli/exit_codes.h"
#include <gonzo/base/bytes.h>

namespace gonzo {
namespace {

using std::chrono::nanoseconds;

/// About what a few repeats tell, and what halving the distance four times gives.
constexpr double kResolution = 0.03;
/// Runs per knee: enough for a rung of an eighth of the peak.
constexpr unsigned kRefinements = 4;
/// A point that is slower than that is measured once: its exact place tells nobody anything.
constexpr double kFarOff = 3;

std::unexpected<CurveMeasurer::Failure> failure(std::string text,
                                                int status = exit_code::kOwnFailure) {
  return std::unexpected(CurveMeasurer::Failure{std::move(text), status});
}

/// All of the program, and as much again: what is in memory may keep its slot.
std::vector<SwapRequest> default_swap(std::uint64_t peak) {
  constexpr std::uint64_t kUnit = std::uint64_t{1} << 20, kLeast = 64;
  const std::uint64_t mebibytes = std::max(kLeast, 2 * peak / kUnit + 1);
  return {*parse_swap(fmt::format("{}M", mebibytes))};
}

nanoseconds default_timeout(double full_speed) {
  constexpr double kSlower = 20;
  const nanoseconds least = std::chrono::seconds(10);
  return std::max(least, nanoseconds(static_cast<std::int64_t>(full_speed * kSlower)));
}

std::string swap_text(const std::vector<SwapRequest>& requests) {
  std::string text;
  for (const SwapRequest& request : requests) {
    if (!text.empty()) text += " and ";
    text += request.text;
  }
  return text;
}

}  // namespace

std::expected<Trial, CurveMeasurer::Failure> CurveMeasurer::run(std::uint64_t memory,
                                                                const std::string& policy) {
  machine_.memory_bytes = memory;
  machine_.reclaim = policy;
  progress_.show(done_++, planned_, fmt::format("{}, {}", memory_text(memory), policy));
  auto trial = runner_.run(machine_, report_.timeout, [this] { progress_.tick(); });
  if (!trial) return failure(fmt::format("cannot run it: {}", errno_text(trial.error())));
  if (trial->kind == Trial::Kind::kStopped) report_.stopped_by = trial->status;
  return std::move(*trial);
}

std::expected<CurveReport, CurveMeasurer::Failure> CurveMeasurer::measure() {
  report_.command = options_.run.command;
  report_.ample_memory = options_.run.memory_bytes;
  report_.timeout = options_.timeout.value_or(nanoseconds(0));
  machine_ = options_.run;
  planned_ = 1 + options_.repeat;
  if (auto step = measure_full_speed(); !step) return std::unexpected(step.error());
  if (is_stopped()) return std::move(report_);

  if (machine_.swap.empty()) machine_.swap = default_swap(report_.peak);
  report_.swap = swap_text(machine_.swap);
  if (!options_.timeout) report_.timeout = default_timeout(report_.full_real().median);
  const auto rungs = options_.ladder.rungs(report_.peak).size();
  const auto policies = static_cast<unsigned>(options_.policies.size());
  const auto refinements = static_cast<unsigned>(options_.within.size()) * kRefinements;
  planned_ += policies * options_.repeat * (static_cast<unsigned>(rungs) + refinements);

  for (const std::string& policy : options_.policies) {
    Curve& curve = report_.curves.emplace_back();
    curve.policy = policy;
    Step step = measure_ladder(curve);
    for (const double within : options_.within) {
      if (step) step = refine(curve, within);
    }
    if (!step) return std::unexpected(step.error());
    if (is_stopped()) break;
  }
  return std::move(report_);
}

// ---- ample memory ----

/// The first run finds the host's caches cold: it is what the others are compared with, but its
/// time does not count.
CurveMeasurer::Step CurveMeasurer::measure_full_speed() {
  while (report_.full_speed.size() < options_.repeat) {
    const auto trial = run(report_.ample_memory, options_.policies.front());
    if (!trial) return std::unexpected(trial.error());
    if (is_stopped()) return {};
    if (auto taken = take_full_run(*trial); !taken) return taken;
  }
  return {};
}

CurveMeasurer::Step CurveMeasurer::take_full_run(const Trial& trial) {
  if (trial.kind == Trial::Kind::kFailed) return failure(trial.problem, trial.status);
  if (trial.kind == Trial::Kind::kTimeout) {
    return failure(fmt::format("with {} it takes longer than --timeout allows",
                               memory_text(report_.ample_memory)));
  }
  if (trial.measurement.reclaimed != 0) {
    return failure(fmt::format("{} are not ample: pages were reclaimed: try a larger --memory",
                               memory_text(report_.ample_memory)));
  }
  report_.peak = std::max(report_.peak, trial.measurement.peak_bytes);
  if (!reference_) return take_reference(trial);
  if (trial.status != report_.status) {
    return failure(
        fmt::format("with ample memory it ends with status {} and with {}: sizes "
                    "could not be compared",
                    report_.status, trial.status));
  }
  if (!runner_.output().equals(*reference_)) report_.output_varies = true;
  report_.full_speed.push_back(trial.measurement);
  return {};
}

CurveMeasurer::Step CurveMeasurer::take_reference(const Trial& trial) {
  // Died of a signal, of having too little memory perhaps.
  constexpr int kLeastDeath = 128;
  if (trial.status > kLeastDeath) {
    return failure(fmt::format("with {} it ends with status {}: {}",
                               memory_text(report_.ample_memory), trial.status, trial.problem));
  }
  report_.status = trial.status;
  auto kept = runner_.take_output();
  if (!kept) return failure(fmt::format("a temporary file: {}", errno_text(kept.error())));
  reference_.emplace(std::move(*kept));
  if (options_.output.empty()) return {};
  if (const auto copied = reference_->copy_to(options_.output); !copied) {
    return failure(fmt::format("--output {}: {}", options_.output, errno_text(copied.error())));
  }
  return {};
}

// ---- less of it ----

/// What the run did otherwise than with ample memory; empty: nothing.
std::string CurveMeasurer::difference(const Trial& trial) {
  if (trial.kind == Trial::Kind::kFailed) return trial.problem;
  if (trial.status != report_.status) {
    const std::string said = trial.problem.empty() ? "" : ": " + trial.problem;
    return fmt::format("status {}, not {}{}", trial.status, report_.status, said);
  }
  if (!report_.output_varies && !runner_.output().equals(*reference_)) return "its output differs";
  return {};
}

std::expected<Point, CurveMeasurer::Failure> CurveMeasurer::measure_point(
    std::uint64_t memory, const std::string& policy) {
  Point point{.memory = memory, .reason = {}, .runs = {}};
  const double far_off = report_.full_real().median * kFarOff;
  while (point.runs.size() < options_.repeat && !is_stopped()) {
    auto trial = run(memory, policy);
    if (!trial) return std::unexpected(trial.error());
    if (is_stopped()) break;
    if (trial->kind == Trial::Kind::kTimeout) {
      point.outcome = Outcome::kTimeout;
      point.reason =
          fmt::format("more than {}", duration_text(static_cast<double>(report_.timeout.count())));
      break;
    }
    if (std::string differs = difference(*trial); !differs.empty()) {
      point.outcome = Outcome::kFailed;
      point.reason = std::move(differs);
      break;
    }
    point.runs.push_back(trial->measurement);
    if (static_cast<double>(trial->measurement.real.count()) > far_off) break;
  }
  return point;
}

/// In its place by size. What a signal broke off is not there.
CurveMeasurer::Step CurveMeasurer::add_point(Curve& curve, std::uint64_t memory) {
  auto point = measure_point(memory, curve.policy);
  if (!point) return std::unexpected(point.error());
  if (is_stopped() && point->outcome == Outcome::kSame && point->runs.empty()) return {};
  const auto place = std::ranges::lower_bound(curve.points, memory, std::greater(), &Point::memory);
  curve.points.insert(place, std::move(*point));
  return {};
}

/// With less memory than took too long it takes longer still.
CurveMeasurer::Step CurveMeasurer::measure_ladder(Curve& curve) {
  for (const std::uint64_t memory : options_.ladder.rungs(report_.peak)) {
    if (auto step = add_point(curve, memory); !step || is_stopped()) return step;
    if (curve.points.back().outcome == Outcome::kTimeout) break;
  }
  return {};
}

CurveMeasurer::Step CurveMeasurer::refine(Curve& curve, double within) {
  const auto find = [&] { return find_knee(curve.points, report_.full_real().median, within); };
  Knee knee = find();
  for (unsigned i = 0; i < kRefinements && !is_stopped(); ++i) {
    const auto size = next_size(knee, kResolution);
    if (!size) break;
    if (auto step = add_point(curve, *size); !step) return step;
    knee = find();
  }
  curve.knees.push_back(knee);
  return {};
}

}  // namespace gonzo

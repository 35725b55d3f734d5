// The order of the runs that make up a curve.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "cli/curve/progress.h"
#include "cli/curve/report.h"
#include "cli/curve/trial.h"
#include "cli/options.h"

namespace gonzo {

/// First with ample memory, then down the ladder for each policy, then between the sizes around
/// each knee.
class CurveMeasurer {
 public:
  /// What ends the command: what to say, and its exit status.
  struct Failure {
    std::string text;
    int status;
  };

  /// All outlive it.
  CurveMeasurer(const CurveOptions& options, TrialRunner& runner, Progress& progress)
      : options_(options), runner_(runner), progress_(progress) {}

  /// The report is complete unless a signal stopped it.
  std::expected<CurveReport, Failure> measure();

 private:
  using Step = std::expected<void, Failure>;
  std::expected<Trial, Failure> run(std::uint64_t memory, const std::string& policy);
  Step measure_full_speed();
  Step take_reference(const Trial& trial);
  Step take_full_run(const Trial& trial);
  std::expected<Point, Failure> measure_point(std::uint64_t memory, const std::string& policy);
  Step measure_ladder(Curve& curve);
  Step refine(Curve& curve, double within);
  Step add_point(Curve& curve, std::uint64_t memory);
  std::string difference(const Trial& trial);
  bool is_stopped() const { return report_.stopped_by != 0; }

  const CurveOptions& options_;
  TrialRunner& runner_;
  Progress& progress_;
  CurveReport report_;
  RunOptions machine_;
  std::optional<ScratchFile> reference_;  ///< the output with ample memory
  unsigned done_ = 0, planned_ = 0;       ///< runs
};

}  // namespace gonzo

// The options of gonzo curve.
#pragma once

#include <CLI/App.hpp>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "cli/machine_options.h"

namespace gonzo {

/// What CLI11 fills in, before it is checked.
struct RawCurve {
  RawMachine machine{.overcommit = "always"};
  std::vector<std::string> reclaim, sizes;
  std::string from, to, timeout, svg, output;
  std::optional<long> steps;
  long repeat = 3;
  bool json = false;
};

void describe_curve(CLI::App& app, RawCurve& raw);
/// Complains itself.
std::expected<CurveOptions, Exit> checked(const RawCurve& raw, std::vector<std::string> command);

}  // namespace gonzo

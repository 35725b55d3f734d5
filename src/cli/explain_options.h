// The options of gonzo explain.
#pragma once

#include <CLI/App.hpp>
#include <expected>
#include <string>
#include <vector>

#include "cli/options.h"

namespace gonzo {

/// What CLI11 fills in, before it is checked.
struct RawExplain {
  std::string runner;
  std::vector<std::string> addresses;
  std::string guest = "1";
  bool json = false;
};

void describe_explain(CLI::App& app, RawExplain& raw);
/// Complains itself.
std::expected<ExplainOptions, Exit> checked(const RawExplain& raw);

}  // namespace gonzo

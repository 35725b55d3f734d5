// The options about the machine, which the commands that run programs share.
#pragma once

#include <CLI/App.hpp>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"

namespace gonzo {

/// What CLI11 fills in, before it is checked.
struct RawMachine {
  std::string memory = "2G";
  std::vector<std::string> swap;
  unsigned fault_around = 16;
  std::string vma_index{name_of(kDefaultVmaIndex)};
  std::string overcommit = "heuristic";
  std::string paging = "auto";
  std::string machine = "host";
  std::string accelerator = "tcg";
};

/// --fault-around, --vma-index, --overcommit, --paging, --machine, --accel, in their group.
void describe_machine(CLI::App& app, RawMachine& raw);
/// --swap; `text` is what it is for.
void describe_swap(CLI::App& app, RawMachine& raw, std::string_view text);
/// Complains itself.
std::expected<RunOptions, Exit> checked(const RawMachine& raw);
/// Complains itself if there is no such policy.
std::expected<void, Exit> check_policy(const std::string& name);
/// "linux, mglru ...".
std::string policy_list();
/// A formatter whose first line is `usage`.
std::shared_ptr<CLI::Formatter> formatter(std::string usage);
/// On standard error; the exit for wrong options.
Exit complain(const std::string& what);
/// Without a "--" before it; complains itself if there is nothing to run.
std::expected<void, Exit> take_command(std::string_view subcommand,
                                       std::vector<std::string> command, RunOptions& options);

}  // namespace gonzo

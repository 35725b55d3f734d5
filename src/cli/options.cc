#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "cli/address.h"
#include "cli/curve_options.h"
#include "cli/exit_codes.h"
#include "cli/explain_options.h"
#include "cli/machine_options.h"

namespace gonzo {

namespace {

constexpr const char* kAbout =
    "Runs Linux programs on memory of its own: its VMAs, page tables and frames.";

constexpr const char* kRunFooter =
    "PROGRAM is looked for in PATH. Options end before it: what follows is the program's.\n"
    "\n"
    "Exit status: the program's; 128+N when signal N killed it; 125 when gonzo failed,\n"
    "126 when PROGRAM cannot be executed, 127 when it is not found.\n"
    "\n"
    "Examples:\n"
    "  gonzo run ls -l /                        as if it ran directly\n"
    "  gonzo run -- cat /proc/self/maps         Gonzo's own areas, in Linux's format\n"
    "  gonzo run --stats -- sort -u words       faults, frames, page tables, times\n"
    "  gonzo run --strace=log -- make           every system call, into a file\n"
    "  gonzo run --memory 64M --swap 1G -- sort big    a machine with little memory\n"
    "  gonzo run --fault-around 1 -- true       4 KiB a fault, as Linux without large folios";

/// What CLI11 fills in, before it is checked.
struct RawRun {
  RawMachine machine;
  std::string stats;
  std::string strace;
  bool maps = false;
  std::vector<std::string> explain_at;
  std::string report;
  bool control = false;
  std::string view;
  std::uint64_t fail_frame = 0;
  unsigned evict_every = 0;
  std::string reclaim{kDefaultPolicy};
};

void describe_run(CLI::App& run, RawRun& raw) {
  run.formatter(formatter("Usage: gonzo run [OPTIONS] [--] PROGRAM [ARGS...]\n"));
  run.footer(kRunFooter);
  run.set_help_flag("-h,--help", "This text")->group("Other");
  run.add_option("--memory", raw.machine.memory,
                 "Physical memory of the machine (K, M, G), 1M or more")
      ->type_name("SIZE")
      ->capture_default_str()
      ->group("Machine");
  describe_swap(run, raw.machine,
                "Where pages go when memory is short: SIZE (a temporary file), file:PATH[:SIZE],\n"
                "zram:SIZE[:lz4|zstd], zswap:POOL:DEVICE or redis://HOST[:PORT]; several, each\n"
                "with ,prio=N or ,latency=TIME");
  run.add_option("--reclaim", raw.reclaim, "Which pages go first: " + policy_list())
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Machine");
  describe_machine(run, raw.machine);
  run.add_option("--fail-frame", raw.fail_frame,
                 "Fails the Nth frame allocation after the program's start, as if memory had\n"
                 "run out for that moment")
      ->type_name("N")
      ->group("Machine");
  run.add_option("--evict-every", raw.evict_every,
                 "Evicts pages before each Nth page fault, however much memory is free: for\n"
                 "tests of all that may happen then")
      ->type_name("N")
      ->group("Machine");
  run.add_flag("--stats{text}", raw.stats,
               "At exit, on standard error: faults, frames, page tables, times; --stats=json\n"
               "as one line of JSON")
      ->group("Insight");
  run.add_flag("--maps", raw.maps,
               "At exit, on standard error: the areas as /proc/PID/maps shows them")
      ->group("Insight");
  run.add_option("--explain-at", raw.explain_at,
                 "What is behind an address, on standard error: SIGNAL (SIGSEGV, SIGBUS ...), the\n"
                 "faulting one when it ends a process; or an address, at exit; several")
      ->type_name("WHAT")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group("Insight");
  run.add_flag("--control", raw.control,
               "Listens for gonzo explain PID ADDRESS..., by the same user")
      ->group("Insight");
  run.add_option("--report", raw.report,
                 "At exit, on standard error: all of memory, the program's and the machine's;\n"
                 "text, or json in one line")
      ->type_name("FORMAT")
      ->group("Insight");
  run.add_option("--view", raw.view,
                 "At exit, on standard error: the same in another kernel's terms; windows:\n"
                 "EPROCESS, VADs (a tree with --vma-index avl), PFN database")
      ->type_name("NAME")
      ->group("Insight");
  run.add_flag("--strace{-}", raw.strace,
               "Each system call, on standard error; --strace=FILE into a file")
      ->group("Insight");
}

std::expected<ExplainRequest, Exit> checked_explain(const std::vector<std::string>& texts) {
  constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  ExplainRequest request;
  for (const std::string& text : texts) {
    const auto named = std::ranges::find_if(
        kSignals, [&](int signal) { return text == fmt::format("SIG{}", sigabbrev_np(signal)); });
    if (named != kSignals.end()) {
      request.signals.push_back(*named);
    } else if (const auto address = parse_address(text)) {
      request.addresses.push_back(*address);
    } else {
      return std::unexpected(complain(
          fmt::format("--explain-at {}: neither an address (0x7ffff7fa3010) nor a signal that has "
                      "one: use SIGSEGV, SIGBUS, SIGILL, SIGFPE or SIGTRAP",
                      text)));
    }
  }
  return request;
}

/// What followed `option`; empty: it was not there.
std::expected<StatsFormat, Exit> checked_format(std::string_view option, const std::string& text,
                                                std::string_view remedy) {
  if (text.empty()) return StatsFormat::kNone;
  if (text == "json") return StatsFormat::kJson;
  if (text == "text") return StatsFormat::kText;
  return std::unexpected(
      complain(fmt::format("{}{}: no such format: use {}", option, text, remedy)));
}

std::expected<RunOptions, Exit> checked(const RawRun& raw, std::vector<std::string> command) {
  auto machine = checked(raw.machine);
  if (!machine) return machine;
  RunOptions options = std::move(*machine);
  options.fail_frame = raw.fail_frame;
  options.evict_every = raw.evict_every;
  if (options.evict_every != 0 && options.swap.empty()) {
    return std::unexpected(complain("--evict-every: there is nowhere to evict to: add --swap"));
  }
  if (auto valid = check_policy(raw.reclaim); !valid) return std::unexpected(valid.error());
  options.reclaim = raw.reclaim;
  const auto stats = checked_format("--stats=", raw.stats, "--stats or --stats=json");
  if (!stats) return std::unexpected(stats.error());
  options.stats = *stats;
  const auto report = checked_format("--report ", raw.report, "text or json");
  if (!report) return std::unexpected(report.error());
  options.report = *report;
  if (raw.view == "windows") {
    options.view = KernelView::kWindows;
  } else if (!raw.view.empty()) {
    return std::unexpected(complain(fmt::format("--view {}: no such view: use windows", raw.view)));
  }
  auto explain_at = checked_explain(raw.explain_at);
  if (!explain_at) return std::unexpected(explain_at.error());
  options.explain_at = std::move(*explain_at);
  options.maps = raw.maps;
  options.control = raw.control;
  if (!raw.strace.empty()) options.strace = raw.strace;
  if (auto taken = take_command("run", std::move(command), options); !taken) {
    return std::unexpected(taken.error());
  }
  return options;
}

/// Index of PROGRAM: options end at the first argument that is none, or after "--".
int find_command(const CLI::App& app, int argc, char** argv) {
  int index = 2;
  for (; index < argc; ++index) {
    const std::string argument = argv[index];
    if (argument == "--") return index;
    if (argument.size() < 2 || argument.front() != '-') return index;
    const CLI::Option* option = app.get_option_no_throw(argument);
    if (option != nullptr && option->get_items_expected_min() > 0) ++index;
  }
  return argc;
}

}  // namespace

std::expected<Command, Exit> parse_command_line(int argc, char** argv) {
  CLI::App app(kAbout, "gonzo");
  app.set_version_flag("--version", "gonzo " GONZO_VERSION)->group("Other");
  app.set_help_flag("-h,--help", "This text")->group("Other");
  app.footer("gonzo COMMAND --help tells more.");
  RawRun raw_run;
  RawCurve raw_curve;
  RawExplain raw_explain;
  std::vector<std::string> command;
  CLI::App* run = app.add_subcommand("run", "Runs a program");
  CLI::App* curve = app.add_subcommand("curve", "Measures a program at less and less memory");
  CLI::App* explain =
      app.add_subcommand("explain", "Tells what is behind addresses of a running program");
  CLI::App* help = app.add_subcommand("help", "This text");
  help->set_help_flag();
  describe_run(*run, raw_run);
  describe_curve(*curve, raw_curve);
  describe_explain(*explain, raw_explain);
  try {
    int command_at = argc;
    for (const CLI::App* sub : {run, curve}) {
      if (argc > 1 && sub->get_name() == argv[1]) {
        command_at = std::min(find_command(*sub, argc, argv), argc);
      }
    }
    command.assign(argv + command_at, argv + argc);
    app.parse(command_at, argv);
  } catch (const CLI::Success& wanted) {
    return std::unexpected(Exit{app.exit(wanted)});
  } catch (const CLI::ParseError& error) {
    std::string what = error.what();
    return std::unexpected(complain(fmt::format("{}: see gonzo --help", what)));
  }
  if (run->parsed()) return checked(raw_run, std::move(command));
  if (curve->parsed()) return checked(raw_curve, std::move(command));
  if (explain->parsed()) return checked(raw_explain);
  const bool wanted = help->parsed();
  app.clear();  // or it would be the help of help
  fmt::print(wanted ? stdout : stderr, "{}", app.help());
  return std::unexpected(Exit{wanted ? 0 : exit_code::kOwnFailure});
}

}  // namespace gonzo

#include "cli/curve_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <tuple>

namespace gonzo {
namespace {

constexpr const char* kFooter =
    "PROGRAM is run with ample memory first: that gives its peak and its full speed. The\n"
    "very first run, with cold caches, is only what the others are compared with. Then it\n"
    "is run with less and less, down to an eighth of the peak, and between the two sizes\n"
    "around each knee: the least memory at which it is at most 5 % and 20 % slower. Run\n"
    "time is that of the program, from its start to its end. A size at which it takes more\n"
    "than three times as long is measured once; below one that takes too long none is.\n"
    "\n"
    "The program must be one that can be run again. Its standard input is a file, from\n"
    "where it stands now on and anew for each run, or /dev/null, which a terminal counts\n"
    "as; its output goes nowhere, but is compared: a size at which it or the exit status is\n"
    "another has failed. If the output differs with ample memory already, it is not compared.\n"
    "\n"
    "Exit status: 0 when the curve was measured, whatever became of its points; 128+N when\n"
    "signal N stopped it, after printing what there is; else as gonzo run.\n"
    "\n"
    "Examples:\n"
    "  gonzo curve -- sort words                      how little memory does it need?\n"
    "  gonzo curve --svg sort.svg --reclaim linux,mglru -- sort words    two policies\n"
    "  gonzo curve --swap zram:1G --sizes 64M,48M,32M -- ./server-test   on compressed memory";

/// A number of seconds; "ms", "s", "m" and "h" may follow.
std::optional<std::chrono::nanoseconds> parse_time(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit(end, text.end());
  double seconds = 1;
  if (unit == "ms") {
    seconds = 1e-3;
  } else if (unit == "m") {
    seconds = 60;
  } else if (unit == "h") {
    seconds = 3600;
  } else if (!unit.empty() && unit != "s") {
    return std::nullopt;
  }
  constexpr double kMost = 1e7;
  number *= seconds;
  if (!(number > 0) || number > kMost) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(number * 1e9));
}

std::unexpected<Exit> wrong(const std::string& text) { return std::unexpected(complain(text)); }

std::expected<MemorySize, Exit> checked_size(std::string_view option, const std::string& text) {
  if (const auto size = parse_memory_size(text)) return *size;
  return wrong(fmt::format("{} {}: not a size from 1M to 1T, nor a share of the peak such as 50%",
                           option, text));
}

std::expected<Ladder, Exit> checked_ladder(const RawCurve& raw) {
  constexpr long kMostSteps = 1000;
  Ladder ladder;
  const bool has_range = !raw.from.empty() || !raw.to.empty() || raw.steps;
  if (!raw.sizes.empty() && has_range) {
    return wrong("--sizes names all sizes: leave --from, --to and --steps out");
  }
  for (const std::string& text : raw.sizes) {
    auto size = checked_size("--sizes", text);
    if (!size) return std::unexpected(size.error());
    ladder.sizes.push_back(*size);
  }
  for (const auto& [option, text, size] :
       {std::tuple("--from", &raw.from, &ladder.from), std::tuple("--to", &raw.to, &ladder.to)}) {
    if (text->empty()) continue;
    auto parsed = checked_size(option, *text);
    if (!parsed) return std::unexpected(parsed.error());
    *size = *parsed;
  }
  if (raw.steps && (*raw.steps < 1 || *raw.steps > kMostSteps)) {
    return wrong(fmt::format("--steps {}: not a number from 1 to {}", *raw.steps, kMostSteps));
  }
  if (raw.steps) ladder.steps = static_cast<unsigned>(*raw.steps);
  return ladder;
}

}  // namespace

void describe_curve(CLI::App& app, RawCurve& raw) {
  app.formatter(formatter("Usage: gonzo curve [OPTIONS] [--] PROGRAM [ARGS...]\n"));
  app.footer(kFooter);
  app.set_help_flag("-h,--help", "This text")->group("Other");
  app.add_option("--sizes", raw.sizes,
                 "Memory sizes, with commas between: 64M, or a share of the peak, 50%")
      ->type_name("LIST")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group("Curve");
  app.add_option("--from", raw.from, "The largest size, 100% by default")
      ->type_name("SIZE")
      ->group("Curve");
  app.add_option("--to", raw.to, "The smallest size, 12.5% by default")
      ->type_name("SIZE")
      ->group("Curve");
  app.add_option("--steps", raw.steps, "How many sizes, each by the same factor less")
      ->type_name("N")
      ->group("Curve");
  app.add_option("--repeat", raw.repeat, "Runs at each size; the median counts")
      ->type_name("N")
      ->capture_default_str()
      ->group("Curve");
  app.add_option("--timeout", raw.timeout,
                 "Ends a run that takes longer (30s, 5m); by default 20 times the full speed,\n"
                 "10s at least")
      ->type_name("TIME")
      ->group("Curve");
  app.add_option("--reclaim", raw.reclaim,
                 "Which pages go first, a curve for each: " + policy_list())
      ->type_name("NAMES")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group("Machine");
  app.add_option("--memory", raw.machine.memory, "What is ample")
      ->type_name("SIZE")
      ->capture_default_str()
      ->group("Machine");
  describe_swap(app, raw.machine,
                "As in gonzo run; several at once. By default a temporary file of twice the\npeak");
  describe_machine(app, raw.machine);
  app.add_option("--svg", raw.svg, "Draws run time, major faults and stalls into a file")
      ->type_name("FILE")
      ->group("Results");
  app.add_flag("--json", raw.json, "One line of JSON in place of tables")->group("Results");
  app.add_option("--output", raw.output, "Keeps what the program wrote with ample memory")
      ->type_name("FILE")
      ->group("Results");
}

std::expected<CurveOptions, Exit> checked(const RawCurve& raw, std::vector<std::string> command) {
  constexpr long kMostRepeats = 1000;
  CurveOptions options;
  auto run = checked(raw.machine);
  if (!run) return std::unexpected(run.error());
  options.run = std::move(*run);
  auto ladder = checked_ladder(raw);
  if (!ladder) return std::unexpected(ladder.error());
  options.ladder = std::move(*ladder);
  for (const std::string& name : raw.reclaim) {
    if (auto valid = check_policy(name); !valid) return std::unexpected(valid.error());
    if (std::ranges::find(options.policies, name) == options.policies.end()) {
      options.policies.push_back(name);
    }
  }
  if (options.policies.empty()) options.policies.emplace_back(kDefaultPolicy);
  if (raw.repeat < 1 || raw.repeat > kMostRepeats) {
    return wrong(fmt::format("--repeat {}: not a number from 1 to {}", raw.repeat, kMostRepeats));
  }
  options.repeat = static_cast<unsigned>(raw.repeat);
  if (!raw.timeout.empty()) {
    options.timeout = parse_time(raw.timeout);
    if (!options.timeout) {
      return wrong(fmt::format("--timeout {}: not a time such as 30s or 5m", raw.timeout));
    }
  }
  options.format = raw.json ? CurveFormat::kJson : CurveFormat::kText;
  options.svg = raw.svg;
  options.output = raw.output;
  if (auto taken = take_command("curve", std::move(command), options.run); !taken) {
    return std::unexpected(taken.error());
  }
  return options;
}

}  // namespace gonzo

// Prints one table: each operation on the core, under `gonzo run`, and natively on the host kernel,
// all measured in this run, taking turns, as medians; then the kinds of VMA index, and what it
// costs when memory is short. BENCHES, TOOLS: where the programs of bench/ were built, and of
// tools/.
//   bench_table GONZO BENCHES TOOLS [ROUNDS] [--json FILE]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "measure.h"
#include "pressure.h"
#include "programs.h"
#include "rows.h"

namespace gonzo::bench {
namespace {

/// With a digit more for what is short.
std::string short_time(std::optional<double> ns) {
  return ns && *ns < 10 ? fmt::format("{:.1f} ns", *ns) : time_text(ns);
}

std::string indexed(const std::string& name, const char* kind, const std::string& count) {
  return name + "_" + kind + "_" + count;
}

/// What one run measures.
struct Figures {
  Samples native, core, run, qemu, index;
};

constexpr const char* kQemu = "qemu-system-x86_64";

struct Commands {
  std::string gonzo, gonzo_qemu;  ///< as far as the program
  std::string core_bench, guest_ops;
};

void measure_round(const Commands& commands, const std::vector<Program>& all, Figures& figures) {
  const std::string& guest_ops = commands.guest_ops;
  const bool has_qemu = is_installed(kQemu);
  sample_lines(guest_ops, figures.native);
  sample_lines(commands.gonzo + guest_ops, figures.run);
  if (has_qemu) sample_lines(commands.gonzo_qemu + guest_ops, figures.qemu);
  sample_lines(guest_ops + " trap_floor", figures.native);
  sample_benchmarks(commands.core_bench + " --benchmark_min_time=0.2", figures.core);
  for (const Program& program : all) {
    if (!is_installed(program.needs)) continue;
    for (int i = 0; i < program.repeats; ++i) {
      if (const auto ns = wall_of(program.command)) figures.native[program.name].push_back(*ns);
      if (const auto ns = wall_of(commands.gonzo + program.command))
        figures.run[program.name].push_back(*ns);
      if (!has_qemu) continue;
      if (const auto ns = wall_of(commands.gonzo_qemu + program.command))
        figures.qemu[program.name].push_back(*ns);
    }
  }
}

/// Prints a row, and gives it as the report has it.
nlohmann::json print_row(const std::string& name, const std::string& text, const Figures& figures) {
  const auto core = median(figures.core, name);
  const auto run = median(figures.run, name);
  const auto native = median(figures.native, name);
  const auto qemu = median(figures.qemu, name);
  fmt::print("| {:<48} | {:>9} | {:>9} | {:>9} | {:>9} | {:>6} | {:>6} |\n", text, time_text(core),
             time_text(run), time_text(qemu), time_text(native), ratio_text(core, native),
             ratio_text(run, native));
  return {{"name", name},
          {"text", text},
          {"unit", "ns"},
          {"core", or_null(core)},
          {"run", or_null(run)},
          {"qemu", or_null(qemu)},
          {"native", or_null(native)}};
}

nlohmann::json print_table(const std::vector<Program>& all, const Figures& figures) {
  auto rows = nlohmann::json::array();
  fmt::print("| {:<48} | {:>9} | {:>9} | {:>9} | {:>9} | {:>6} | {:>6} |\n", "operation", "core",
             "gonzo run", "on QEMU", "native", "core/n", "run/n");
  fmt::print("|{:-<50}|{:->10}:|{:->10}:|{:->10}:|{:->10}:|{:->7}:|{:->7}:|\n", "", "", "", "", "",
             "", "");
  for (const Row& row : kOperations) rows.push_back(print_row(row.name, row.text, figures));
  for (const Program& program : all) {
    const bool installed = is_installed(program.needs);
    rows.push_back(print_row(
        program.name, installed ? program.text : fmt::format("{}: not installed", program.text),
        figures));
  }
  return rows;
}

/// The kinds of VMA index against each other.
nlohmann::json print_indexes(const Samples& samples) {
  constexpr Row kMeasures[] = {
      {"find", "find"},
      {"find_look", "find, and look at the area"},
      {"gap", "gap search, top-down"},
      {"insert_erase", "erase + insert"},
      {"churn", "erase + gap search + insert"},
      {"iterate", "iteration, an area"},
      {"bytes", "bytes of the index, an area"},
  };
  constexpr const char* kKinds[] = {"rbtree", "avl", "btree"};
  auto rows = nlohmann::json::array();
  fmt::print("\n| {:<30} | {:>9} | {:>9} | {:>9} | {:>9} |\n", "VMA index", "areas", kKinds[0],
             kKinds[1], kKinds[2]);
  fmt::print("|{:-<32}|{:->10}:|{:->10}:|{:->10}:|{:->10}:|\n", "", "", "", "", "");
  for (const Row& measure : kMeasures) {
    const bool bytes = std::string_view(measure.name) == "bytes";
    for (const std::string count : {"10", "1000", "100000", "1000000"}) {
      fmt::print("| {:<30} | {:>9} |", measure.text, count);
      nlohmann::json row = {
          {"name", measure.name}, {"areas", std::stol(count)}, {"unit", bytes ? "bytes" : "ns"}};
      for (const char* kind : kKinds) {
        const auto value = median(samples, indexed(measure.name, kind, count));
        row[kind] = or_null(value);
        fmt::print(" {:>9} |", bytes && value ? fmt::format("{:.0f}", *value) : short_time(value));
      }
      rows.push_back(row);
      fmt::print("\n");
    }
  }
  return rows;
}

void print_derived(const Samples& run, const Samples& native) {
  fmt::print("\nThe floor of a trapped system call (SIGSYS + sigreturn in one process): {}\n",
             time_text(median(native, "trap_floor")));
  const auto rate = [](const Samples& samples, const char* name) {
    const auto ns = median(samples, name);
    return ns ? fmt::format("{:.0f}", 1e6 / *ns) : "-";
  };
  fmt::print("Pages touched, thousands a second: one thread {}, two {} (natively {} and {})\n",
             rate(run, "touch_one_thread"), rate(run, "touch_two_threads"),
             rate(native, "touch_one_thread"), rate(native, "touch_two_threads"));
}

int run(std::vector<std::string> arguments) {
  const auto json_file = take_json_option(arguments);
  if (arguments.size() < 3) {
    fmt::print(stderr, "usage: bench_table GONZO BENCHES TOOLS [ROUNDS] [--json FILE]\n");
    return 2;
  }
  const std::string& benches = arguments[1];
  const Commands commands{.gonzo = arguments[0] + " run --memory 4G -- ",
                          .gonzo_qemu = arguments[0] + " run --machine qemu --memory 3G -- ",
                          .core_bench = benches + "/core_bench",
                          .guest_ops = benches + "/guest_ops"};
  const int rounds = arguments.size() > 3 ? std::max(1, std::atoi(arguments[3].c_str())) : 5;

  nlohmann::json report = {{"machine", machine()}, {"rounds", rounds}};
  const Inputs inputs;
  const std::vector<Program> all = programs(inputs);
  Figures figures;
  for (int round = 0; round < rounds; ++round) {
    fmt::print(stderr, "\rbench: round {} of {}", round + 1, rounds);
    measure_round(commands, all, figures);
  }
  sample_benchmarks(benches + "/index_bench --benchmark_min_time=0.05", figures.index);
  const PressureFigures pressure = measure_pressure({.gonzo = arguments[0],
                                                     .benches = benches,
                                                     .tools = arguments[2],
                                                     .lines = inputs.path("lines")},
                                                    std::min(rounds, 3));
  fmt::print(stderr, "\n");

  fmt::print("{}", head_text(report["machine"], "make bench"));
  fmt::print(
      "Medians of {} rounds that took turns. Ratios: time over native; below 1 is faster.\n"
      "Programs: from the start of `gonzo run` to its end.\n\n",
      rounds);
  report["rows"] = print_table(all, figures);
  print_derived(figures.run, figures.native);
  report["trap_floor"] = or_null(median(figures.native, "trap_floor"));
  report["indexes"] = print_indexes(figures.index);
  report["pressure"] = print_pressure(pressure, figures.core);
  write_json(report, json_file);
  return 0;
}

}  // namespace
}  // namespace gonzo::bench

int main(int argc, char** argv) {
  return gonzo::bench::run(std::vector<std::string>(argv + 1, argv + argc));
}

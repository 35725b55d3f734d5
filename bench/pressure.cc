#include "pressure.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <vector>

#include "rows.h"
#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo::bench {
namespace {

constexpr double kPage = 4096;

struct Tight {
  const char* name;
  const char* text;
  std::string command;
};

std::vector<Tight> tight_programs(const PressurePrograms& programs) {
  return {{"cycle", "256 MiB round and round, 4 times",
           fmt::format("{}/bench_cycle 256 4 >/dev/null", programs.benches)},
          {"sort", "sort of 50 MB, one thread",
           fmt::format("sort --parallel=1 -S 300M {} -o /dev/null", programs.lines)}};
}

/// What it has resident at most, in bytes.
std::optional<double> working_set(const PressurePrograms& programs, const Tight& program) {
  const std::string text = output_of(
      fmt::format("{} run --memory 2G --stats=json -- /bin/sh -c \"exec {}\" 2>&1 >/dev/null",
                  programs.gonzo, program.command));
  const auto stats = nlohmann::json::parse(text, nullptr, false);
  if (stats.is_discarded()) return {};
  return stats.at("resident_pages").at("peak").get<double>() * kPage;
}

/// Timed inside, so that neither the start of the machine nor the making of the host's swap counts.
void sample_tight(const PressurePrograms& programs, const Tight& program,
                  PressureFigures& figures) {
  const auto set = working_set(programs, program);
  if (!set) return;
  const auto half =
      static_cast<std::uint64_t>(*set / 2 / kPage) * static_cast<std::uint64_t>(kPage);
  figures.run[fmt::format("bytes_{}", program.name)].push_back(static_cast<double>(half));
  const auto timed = [&](const char* what) {
    return fmt::format("{}/guest_ops --time {}_{} /bin/sh -c \"exec {}\"", programs.benches, what,
                       program.name, program.command);
  };
  sample_lines(timed("ample"), figures.native);
  sample_lines(fmt::format("{} run --memory 2G -- {}", programs.gonzo, timed("ample")),
               figures.run);
  sample_lines(
      fmt::format("{} run --memory {} --swap zram:1G -- {}", programs.gonzo, half, timed("half")),
      figures.run);
  // Says itself why it cannot.
  sample_lines(
      fmt::format("{}/host-limit {} {} || [ $? = 77 ]", programs.tools, half, timed("half")),
      figures.native);
}

// ---- swap devices ----

std::string rate_text(std::optional<double> ns) {
  return ns ? fmt::format("{:.2f}", kPage / *ns) : "-";
}

nlohmann::json print_devices(const Samples& samples) {
  struct Device {
    Row row;
    const char* contents;
    const char* suffix;
  };
  constexpr std::array kDevices = std::to_array<Device>({
      {{"zram_lz4", "zram, LZ4"}, "same-filled", "_0"},
      {{"zram_lz4", "zram, LZ4"}, "compressible", "_3"},
      {{"zram_lz4", "zram, LZ4"}, "text, 2 to 1", "_1"},
      {{"zram_lz4", "zram, LZ4"}, "random", "_2"},
      {{"zram_zstd", "zram, zstd"}, "same-filled", "_0"},
      {{"zram_zstd", "zram, zstd"}, "compressible", "_3"},
      {{"zram_zstd", "zram, zstd"}, "text, 2 to 1", "_1"},
      {{"zram_zstd", "zram, zstd"}, "random", "_2"},
      {{"zswap_file", "zswap before a file"}, "text, 2 to 1", "_1"},
      {{"file", "temporary file"}, "text, 2 to 1", "_1"},
  });
  auto rows = nlohmann::json::array();
  fmt::print("\n| {:<20} | {:<13} | {:>9} | {:>9} | {:>9} | {:>9} |\n", "swap device", "pages",
             "out", "in", "out, GB/s", "in, GB/s");
  fmt::print("|{:-<22}|{:-<15}|{:->10}:|{:->10}:|{:->10}:|{:->10}:|\n", "", "", "", "", "", "");
  for (const Device& device : kDevices) {
    const auto of = [&](const char* direction) {
      return median(samples, fmt::format("{}_{}{}", direction, device.row.name, device.suffix));
    };
    const auto out = of("out"), in = of("in");
    fmt::print("| {:<20} | {:<13} | {:>9} | {:>9} | {:>9} | {:>9} |\n", device.row.text,
               device.contents, time_text(out), time_text(in), rate_text(out), rate_text(in));
    rows.push_back({{"device", device.row.text},
                    {"pages", device.contents},
                    {"unit", "ns"},
                    {"out", or_null(out)},
                    {"in", or_null(in)}});
  }
  return rows;
}

// ---- policies ----

nlohmann::json print_policies(const Samples& samples) {
  constexpr std::array kTraces{"zipf", "loop", "hot_and_scan"};
  std::vector<std::string> names(policy_names().begin(), policy_names().end());
  names.emplace_back("opt");
  auto rows = nlohmann::json::array();
  fmt::print(
      "\nMisses in percent of uses, with a quarter of the pages in memory and accessed bits\n"
      "only; opt is told all uses, and the future.\n\n"
      "| {:<8} | {:>13} | {:>13} | {:>8} | {:>8} | {:>12} |\n",
      "policy", "scan, 1M", "evict, a page", kTraces[0], kTraces[1], kTraces[2]);
  fmt::print("|{:-<10}|{:->14}:|{:->14}:|{:->9}:|{:->9}:|{:->13}:|\n", "", "", "", "", "", "");
  for (const std::string& name : names) {
    const auto per_page = median(samples, "scan_a_million_" + name);
    const auto scan = per_page ? std::optional(*per_page * (1 << 20)) : std::nullopt;
    const auto evict = median(samples, "evicted_added_" + name);
    nlohmann::json row = {
        {"policy", name}, {"scan_a_million_ns", or_null(scan)}, {"evict_ns", or_null(evict)}};
    std::array<std::string, kTraces.size()> misses;
    for (std::size_t i = 0; i < kTraces.size(); ++i) {
      const auto percent = median(samples, fmt::format("misses_{}_1_4_{}_{}", kTraces[i],
                                                       name == "opt" ? "each_use" : "bits", name));
      row[kTraces[i]] = or_null(percent);
      misses[i] = percent ? fmt::format("{:.1f}", *percent) : "-";
    }
    fmt::print("| {:<8} | {:>13} | {:>13} | {:>8} | {:>8} | {:>12} |\n", name, time_text(scan),
               time_text(evict), misses[0], misses[1], misses[2]);
    rows.push_back(std::move(row));
  }
  return rows;
}

// ---- reverse mapping ----

nlohmann::json print_walks(const Samples& core) {
  constexpr std::array kWalks = std::to_array<Row>({
      {"rmap_walk_1", "one"},
      {"rmap_walk_10", "10"},
      {"rmap_walk_100", "100"},
      {"rmap_walk_1000", "1,000"},
      {"rmap_own_1000", "one, of a process with 1,000 children"},
  });
  auto rows = nlohmann::json::array();
  fmt::print("\n| {:<48} | {:>9} |\n|{:-<50}|{:->10}:|\n",
             "entries of a page, found by reverse mapping", "a page", "", "");
  for (const Row& walk : kWalks) {
    const auto ns = median(core, walk.name);
    fmt::print("| {:<48} | {:>9} |\n", walk.text, time_text(ns));
    rows.push_back({{"name", walk.name}, {"unit", "ns"}, {"core", or_null(ns)}});
  }
  return rows;
}

// ---- programs ----

nlohmann::json print_tight(const PressureFigures& figures) {
  auto rows = nlohmann::json::array();
  fmt::print(
      "\nWith half of what they have resident, compressed swap (zram, LZ4) for the rest; Gonzo's\n"
      "lies within that half, the host kernel's outside its cgroup.\n\n"
      "| {:<34} | {:>9} | {:>9} | {:>9} | {:>9} | {:>6} |\n",
      "program", "gonzo run", "at half", "native", "at half", "g/n");
  fmt::print("|{:-<36}|{:->10}:|{:->10}:|{:->10}:|{:->10}:|{:->7}:|\n", "", "", "", "", "", "");
  for (const Tight& program : tight_programs({})) {
    const auto of = [&](const Samples& samples, const char* what) {
      return median(samples, fmt::format("{}_{}", what, program.name));
    };
    const auto ours = of(figures.run, "half"), theirs = of(figures.native, "half");
    const auto ample = of(figures.run, "ample"), native = of(figures.native, "ample");
    fmt::print("| {:<34} | {:>9} | {:>9} | {:>9} | {:>9} | {:>6} |\n", program.text,
               time_text(ample), time_text(ours), time_text(native), time_text(theirs),
               ratio_text(ours, theirs));
    rows.push_back({{"name", program.name},
                    {"unit", "ns"},
                    {"half_bytes", or_null(of(figures.run, "bytes"))},
                    {"run", or_null(ample)},
                    {"run_half", or_null(ours)},
                    {"native", or_null(native)},
                    {"native_half", or_null(theirs)}});
  }
  return rows;
}

}  // namespace

PressureFigures measure_pressure(const PressurePrograms& programs, int rounds) {
  PressureFigures figures;
  sample_benchmarks(programs.benches + "/swap_bench --benchmark_min_time=0.2", figures.swap);
  sample_benchmarks(programs.benches +
                        "/reclaim_bench --benchmark_min_time=0.2 --benchmark_filter="
                        "'scan_a_million|evicted_added|1_4/bits|1_4/each_use/opt'",
                    figures.policies);
  for (int round = 0; round < rounds; ++round) {
    for (const Tight& program : tight_programs(programs)) sample_tight(programs, program, figures);
  }
  return figures;
}

nlohmann::json print_pressure(const PressureFigures& figures, const Samples& core) {
  return {{"devices", print_devices(figures.swap)},
          {"policies", print_policies(figures.policies)},
          {"reverse_mapping", print_walks(core)},
          {"programs", print_tight(figures)}};
}

}  // namespace gonzo::bench

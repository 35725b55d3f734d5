#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <string>
#include <string_view>

#include "cli/exit_codes.h"
#include <gonzo/base/bytes.h>

namespace gonzo {

namespace {

constexpr std::uint64_t kLeastMemory = 1 << 20;
constexpr std::uint64_t kMostMemory = 1ULL << 40;
constexpr unsigned kMostFaultAround = 512;

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
struct RawOptions {
  std::string memory = "2G";
  std::string stats;
  std::string strace;
  std::string machine = "host";
  std::string overcommit = "heuristic";
  std::string paging = "auto";
  bool maps = false;
  unsigned fault_around = 16;
  std::uint64_t fail_frame = 0;
  std::string vma_index{name_of(kDefaultVmaIndex)};
  std::vector<std::string> swap;
  std::string reclaim{kDefaultPolicy};
};

class RunFormatter : public CLI::Formatter {
 public:
  RunFormatter() { column_width(26); }
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: gonzo run [OPTIONS] [--] PROGRAM [ARGS...]\n";
  }
};

std::string index_names() {
  std::string names;
  for (const VmaIndexKind kind : kVmaIndexKinds) {
    if (!names.empty()) names += ", ";
    names += name_of(kind);
  }
  return names;
}

std::string policy_list() {
  std::string names;
  for (const std::string_view name : policy_names()) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

void describe_run(CLI::App& run, RawOptions& raw) {
  run.formatter(std::make_shared<RunFormatter>());
  run.footer(kRunFooter);
  run.set_help_flag("-h,--help", "This text")->group("Other");
  run.add_option("--memory", raw.memory, "Physical memory of the machine (K, M, G), 1M or more")
      ->type_name("SIZE")
      ->capture_default_str()
      ->group("Machine");
  run.add_option("--swap", raw.swap,
                 "Where pages go when memory is short: SIZE (a temporary file), file:PATH[:SIZE],\n"
                 "zram:SIZE[:lz4|zstd], zswap:POOL:DEVICE or redis://HOST[:PORT]; several, each\n"
                 "with ,prio=N or ,latency=TIME")
      ->type_name("DEVICE")
      ->allow_extra_args(false)
      ->group("Machine");
  run.add_option("--reclaim", raw.reclaim, "Which pages go first: " + policy_list())
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Machine");
  run.add_option("--fault-around", raw.fault_around,
                 "Pages that a fault on untouched memory brings: a power of two up to 512;\n"
                 "1 gives Linux's residency with 4 KiB pages, exactly")
      ->type_name("N")
      ->capture_default_str()
      ->group("Machine");
  run.add_option("--fail-frame", raw.fail_frame,
                 "Fails the Nth frame allocation after the program's start, as if memory had\n"
                 "run out for that moment")
      ->type_name("N")
      ->group("Machine");
  run.add_option("--vma-index", raw.vma_index,
                 "What finds an area: " + index_names() + "; programs cannot tell")
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Machine");
  run.add_option("--overcommit", raw.overcommit,
                 "Whether more memory is promised than there is, as vm.overcommit_memory says:\n"
                 "heuristic (0), always (1) or never (2)")
      ->type_name("MODE")
      ->capture_default_str()
      ->group("Machine");
  run.add_option("--paging", raw.paging,
                 "Format of the page tables: classic (32-bit, no NX) or pae for i386 programs,\n"
                 "4level for x86-64; auto takes the program's, classic for i386")
      ->type_name("FORMAT")
      ->capture_default_str()
      ->group("Machine");
  run.add_option("--machine", raw.machine, "What executes the program: host")
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Machine");
  run.add_flag("--stats{text}", raw.stats,
               "At exit, on standard error: faults, frames, page tables, times; --stats=json\n"
               "as one line of JSON")
      ->group("Insight");
  run.add_flag("--maps", raw.maps,
               "At exit, on standard error: the areas as /proc/PID/maps shows them")
      ->group("Insight");
  run.add_flag("--strace{-}", raw.strace,
               "Each system call, on standard error; --strace=FILE into a file")
      ->group("Insight");
}

/// By name or by Linux's number.
std::optional<Overcommit> parse_overcommit(std::string_view text) {
  constexpr std::array<std::string_view, 3> kNames{"heuristic", "always", "never"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (text == kNames[i] || text == std::to_string(i)) return static_cast<Overcommit>(i);
  }
  return std::nullopt;
}

/// Outer none: no such format; inner none: by the program.
std::optional<std::optional<PagingFormat>> parse_paging(std::string_view text) {
  if (text == "auto") return std::optional<PagingFormat>{};
  if (text == "classic") return PagingFormat::kClassic32;
  if (text == "pae") return PagingFormat::kPae;
  if (text == "4level") return PagingFormat::kFourLevel;
  return std::nullopt;
}

Exit complain(const std::string& what) {
  fmt::print(stderr, "gonzo: {}\n", what);
  return {exit_code::kOwnFailure};
}

std::expected<RunOptions, Exit> checked(const RawOptions& raw, std::vector<std::string> command) {
  RunOptions options;
  const auto memory = parse_bytes(raw.memory);
  if (!memory || *memory < kLeastMemory || *memory > kMostMemory) {
    return std::unexpected(complain(fmt::format(
        "--memory {}: not a size from 1M to 1T: write a number with K, M or G", raw.memory)));
  }
  options.memory_bytes = *memory & ~std::uint64_t{4095};
  if (!std::has_single_bit(raw.fault_around) || raw.fault_around > kMostFaultAround) {
    return std::unexpected(complain(fmt::format(
        "--fault-around {}: not a power of two from 1 to {}", raw.fault_around, kMostFaultAround)));
  }
  options.fault_around = raw.fault_around;
  options.fail_frame = raw.fail_frame;
  for (const std::string& text : raw.swap) {
    auto request = parse_swap(text);
    if (!request) return std::unexpected(complain(fmt::format("--swap {}", request.error())));
    options.swap.push_back(std::move(*request));
  }
  if (std::ranges::find(policy_names(), raw.reclaim) == policy_names().end()) {
    return std::unexpected(complain(
        fmt::format("--reclaim {}: no such policy: use one of {}", raw.reclaim, policy_list())));
  }
  options.reclaim = raw.reclaim;
  const auto index = parse_vma_index(raw.vma_index);
  if (!index) {
    return std::unexpected(complain(
        fmt::format("--vma-index {}: no such index: use one of {}", raw.vma_index, index_names())));
  }
  options.vma_index = *index;
  const auto overcommit = parse_overcommit(raw.overcommit);
  if (!overcommit) {
    return std::unexpected(complain(fmt::format(
        "--overcommit {}: no such policy: use heuristic, always or never", raw.overcommit)));
  }
  options.overcommit = *overcommit;
  const auto paging = parse_paging(raw.paging);
  if (!paging) {
    return std::unexpected(complain(
        fmt::format("--paging {}: no such format: use auto, classic, pae or 4level", raw.paging)));
  }
  options.paging = *paging;
  if (raw.stats == "json") {
    options.stats = StatsFormat::kJson;
  } else if (raw.stats == "text") {
    options.stats = StatsFormat::kText;
  } else if (!raw.stats.empty()) {
    return std::unexpected(complain(
        fmt::format("--stats={}: no such format: use --stats or --stats=json", raw.stats)));
  }
  if (raw.machine == "soft") {
    return std::unexpected(complain(
        "--machine soft: it executes no instructions, it serves tests and embedding emulators: "
        "use host"));
  }
  if (raw.machine != "host") {
    return std::unexpected(
        complain(fmt::format("--machine {}: no such machine: use host", raw.machine)));
  }
  options.maps = raw.maps;
  if (!raw.strace.empty()) options.strace = raw.strace;
  options.command = std::move(command);
  if (!options.command.empty() && options.command.front() == "--") {
    options.command.erase(options.command.begin());
  }
  if (options.command.empty()) {
    return std::unexpected(complain("run: which PROGRAM? See: gonzo run --help"));
  }
  return options;
}

/// Index of PROGRAM: options end at the first argument that is none, or after "--".
int find_command(const CLI::App& run, int argc, char** argv) {
  int index = 2;
  for (; index < argc; ++index) {
    const std::string argument = argv[index];
    if (argument == "--") return index;
    if (argument.size() < 2 || argument.front() != '-') return index;
    const CLI::Option* option = run.get_option_no_throw(argument);
    if (option != nullptr && option->get_items_expected_min() > 0) ++index;
  }
  return argc;
}

}  // namespace

std::expected<RunOptions, Exit> parse_command_line(int argc, char** argv) {
  CLI::App app(kAbout, "gonzo");
  app.set_version_flag("--version", "gonzo " GONZO_VERSION)->group("Other");
  app.set_help_flag("-h,--help", "This text")->group("Other");
  app.footer("gonzo run --help tells more.");
  RawOptions raw;
  std::vector<std::string> command;
  CLI::App* run = app.add_subcommand("run", "Runs a program");
  CLI::App* help = app.add_subcommand("help", "This text");
  help->set_help_flag();
  describe_run(*run, raw);
  try {
    const bool runs = argc > 1 && std::string_view(argv[1]) == "run";
    const int command_at = runs ? std::min(find_command(*run, argc, argv), argc) : argc;
    command.assign(argv + command_at, argv + argc);
    app.parse(command_at, argv);
  } catch (const CLI::Success& wanted) {
    return std::unexpected(Exit{app.exit(wanted)});
  } catch (const CLI::ParseError& error) {
    std::string what = error.what();
    return std::unexpected(complain(fmt::format("{}: see gonzo --help", what)));
  }
  if (run->parsed()) return checked(raw, std::move(command));
  fmt::print(help->parsed() ? stdout : stderr, "{}", app.help());
  return std::unexpected(Exit{help->parsed() ? 0 : exit_code::kOwnFailure});
}

}  // namespace gonzo

#include "cli/machine_options.h"

#include <fmt/format.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>

#include "cli/exit_codes.h"
#include <gonzo/base/bytes.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kLeastMemory = 1 << 20;
constexpr std::uint64_t kMostMemory = 1ULL << 40;
constexpr unsigned kMostFaultAround = 512;

class UsageFormatter : public CLI::Formatter {
 public:
  explicit UsageFormatter(std::string usage) : usage_(std::move(usage)) { column_width(26); }
  std::string make_usage(const CLI::App*, std::string) const override { return usage_; }

 private:
  const std::string usage_;
};

std::string index_names() {
  std::string names;
  for (const VmaIndexKind kind : kVmaIndexKinds) {
    if (!names.empty()) names += ", ";
    names += name_of(kind);
  }
  return names;
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

std::optional<MachineKind> parse_machine(std::string_view text) {
  if (text == "host") return MachineKind::kHost;
  if (text == "qemu") return MachineKind::kQemu;
  return std::nullopt;
}

std::optional<QemuMachineOptions::Accelerator> parse_accelerator(std::string_view text) {
  if (text == "tcg") return QemuMachineOptions::Accelerator::kTcg;
  if (text == "kvm") return QemuMachineOptions::Accelerator::kKvm;
  return std::nullopt;
}

std::expected<void, Exit> take_machine(const RawMachine& raw, RunOptions& options) {
  if (raw.machine == "soft") {
    return std::unexpected(complain(
        "--machine soft: it executes no instructions, it serves tests and embedding emulators: "
        "use host or qemu"));
  }
  const auto machine = parse_machine(raw.machine);
  if (!machine) {
    return std::unexpected(
        complain(fmt::format("--machine {}: no such machine: use host or qemu", raw.machine)));
  }
  options.machine = *machine;
  const auto accelerator = parse_accelerator(raw.accelerator);
  if (!accelerator) {
    return std::unexpected(
        complain(fmt::format("--accel {}: no such accelerator: use tcg or kvm", raw.accelerator)));
  }
  options.accelerator = *accelerator;
  if (options.machine == MachineKind::kQemu &&
      (options.memory_bytes > kQemuMostMemory ||
       options.memory_bytes <= 2 * kQemuFirstFrame.address().value)) {
    return std::unexpected(complain(fmt::format(
        "--memory {}: --machine qemu has from 2M up to 3G: try --memory 2G", raw.memory)));
  }
  return {};
}

}  // namespace

void describe_machine(CLI::App& app, RawMachine& raw) {
  app.add_option("--fault-around", raw.fault_around,
                 "Pages that a fault on untouched memory brings: a power of two up to 512;\n"
                 "1 gives Linux's residency with 4 KiB pages, exactly")
      ->type_name("N")
      ->capture_default_str()
      ->group("Machine");
  app.add_option("--vma-index", raw.vma_index,
                 "What finds an area: " + index_names() + "; programs cannot tell")
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Machine");
  app.add_option("--overcommit", raw.overcommit,
                 "Whether more memory is promised than there is, as vm.overcommit_memory says:\n"
                 "heuristic (0), always (1) or never (2)")
      ->type_name("MODE")
      ->capture_default_str()
      ->group("Machine");
  app.add_option("--paging", raw.paging,
                 "Format of the page tables: classic (32-bit, no NX) or pae for i386 programs,\n"
                 "4level for x86-64; auto takes the program's, classic for i386")
      ->type_name("FORMAT")
      ->capture_default_str()
      ->group("Machine");
  app.add_option("--machine", raw.machine,
                 "What executes programs: host (processes that shadow the page tables) or qemu\n"
                 "(a processor of qemu-system-x86's, which walks them itself)")
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Machine");
  app.add_option(
         "--accel", raw.accelerator,
         "How QEMU executes: tcg (translated, on any host) or kvm (where that has EPT or NPT)")
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Machine");
}

void describe_swap(CLI::App& app, RawMachine& raw, std::string_view text) {
  app.add_option("--swap", raw.swap, std::string(text))
      ->type_name("DEVICE")
      ->allow_extra_args(false)
      ->group("Machine");
}

std::expected<RunOptions, Exit> checked(const RawMachine& raw) {
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
  for (const std::string& text : raw.swap) {
    auto request = parse_swap(text);
    if (!request) return std::unexpected(complain(fmt::format("--swap {}", request.error())));
    options.swap.push_back(std::move(*request));
  }
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
  if (auto ok = take_machine(raw, options); !ok) return std::unexpected(ok.error());
  return options;
}

std::expected<void, Exit> check_policy(const std::string& name) {
  if (std::ranges::find(policy_names(), name) != policy_names().end()) return {};
  return std::unexpected(
      complain(fmt::format("--reclaim {}: no such policy: use one of {}", name, policy_list())));
}

std::string policy_list() {
  std::string names;
  for (const std::string_view name : policy_names()) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

std::shared_ptr<CLI::Formatter> formatter(std::string usage) {
  return std::make_shared<UsageFormatter>(std::move(usage));
}

Exit complain(const std::string& what) {
  fmt::print(stderr, "gonzo: {}\n", what);
  return {exit_code::kOwnFailure};
}

std::expected<void, Exit> take_command(std::string_view subcommand,
                                       std::vector<std::string> command, RunOptions& options) {
  options.command = std::move(command);
  if (!options.command.empty() && options.command.front() == "--") {
    options.command.erase(options.command.begin());
  }
  if (!options.command.empty()) return {};
  return std::unexpected(
      complain(fmt::format("{0}: which PROGRAM? See: gonzo {0} --help", subcommand)));
}

}  // namespace gonzo

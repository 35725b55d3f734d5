// The command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/curve/ladder.h"
#include "kernel/system.h"
#include "observe/control_message.h"
#include <gonzo/base/address.h>
#include <gonzo/frame/commit_ledger.h>
#include <gonzo/paging/paging_format.h>
#include <gonzo/reclaim/reclaim_policy.h>
#include <gonzo/swap/swap_text.h>
#include <gonzo/vma/vma_index.h>

namespace gonzo {

enum class StatsFormat : std::uint8_t { kNone, kText, kJson };

/// In whose terms the machine is told.
enum class KernelView : std::uint8_t { kWindows };

/// What is to be explained, and when.
struct ExplainRequest {
  std::vector<int> signals;         ///< the address that one of these has, when it ends a process
  std::vector<VirtAddr> addresses;  ///< at the end of the first process
};

struct RunOptions {
  std::uint64_t memory_bytes = 2ULL << 30;
  StatsFormat stats = StatsFormat::kNone;
  std::optional<int> stats_fd;  ///< where they go; none: standard error
  bool maps = false;
  ExplainRequest explain_at;
  StatsFormat report = StatsFormat::kNone;  ///< of all memory
  bool control = false;                     ///< answers gonzo explain
  std::optional<KernelView> view;
  std::optional<std::string> strace;  ///< a file, or "-" for standard error
  unsigned fault_around = 16;
  std::uint64_t fail_frame = 0;  ///< fail the Nth allocation of a frame; 0: none
  unsigned evict_every = 0;      ///< evict pages before each Nth fault; 0: when memory is short
  std::vector<SwapRequest> swap;
  std::string reclaim{kDefaultPolicy};
  VmaIndexKind vma_index = kDefaultVmaIndex;
  Overcommit overcommit = Overcommit::kHeuristic;
  std::optional<PagingFormat> paging;  ///< none: by the program's kind
  MachineKind machine = MachineKind::kHost;
  QemuMachineOptions::Accelerator accelerator = QemuMachineOptions::Accelerator::kTcg;
  std::vector<std::string> command;  ///< program and its arguments, at least one
};

enum class CurveFormat : std::uint8_t { kText, kJson };

struct CurveOptions {
  RunOptions run;  ///< its memory is ample; without swap it gets some when the peak is known
  Ladder ladder;
  std::vector<std::string> policies;                ///< at least one
  std::vector<double> within{0.05, 0.2};            ///< knees to look for
  unsigned repeat = 3;                              ///< runs a point
  std::optional<std::chrono::nanoseconds> timeout;  ///< of a run; none: by the full speed
  CurveFormat format = CurveFormat::kText;
  std::string svg, output;  ///< files, or empty
};

struct ExplainOptions {
  int runner = 0;                   ///< the host's number of a gonzo run
  int guest = 1;                    ///< its process
  std::vector<VirtAddr> addresses;  ///< at least one
  TextFormat format = TextFormat::kText;
};

using Command = std::variant<RunOptions, CurveOptions, ExplainOptions>;

/// Nothing to run: the process ends with this.
struct Exit {
  int code = 0;
};

/// Prints help, version and complaints itself.
std::expected<Command, Exit> parse_command_line(int argc, char** argv);

}  // namespace gonzo

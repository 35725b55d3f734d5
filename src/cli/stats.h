// The figures of a run.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "kernel/run_loop.h"
#include "kernel/task.h"

namespace gonzo {

struct RunStats {
  RunCounters loop;                  ///< of all tasks
  std::chrono::nanoseconds real{0};  ///< from the first program to the end of the last
  AddressSpaceCounts memory;
  FrameStats frames;
  MachineCounters machine;
  std::uint64_t cached_pages = 0, cached_files = 0;
  std::uint64_t processes = 0;
  bool has_swap = false;
  ReclaimStats reclaim;
  SwapSpace::Totals swap;
  /// For how long some task, and every task that had something to do, was stalled for memory.
  std::chrono::nanoseconds stalled_some{0}, stalled_full{0};

  /// A process that ends, its memory still being there: what is counted, of all; what is there now,
  /// at the end of the first.
  void add(Task& last);
  std::string text() const;
  /// One line.
  std::string json() const;
};

}  // namespace gonzo

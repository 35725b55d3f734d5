// The figures of a run.
#pragma once

#include <string>

#include "kernel/run_loop.h"
#include "kernel/task.h"

namespace gonzo {

struct RunStats {
  RunCounters loop;
  AddressSpaceCounts memory;
  FrameStats frames;
  MachineCounters machine;
  std::uint64_t cached_pages = 0, cached_files = 0;

  /// While the process is still there.
  static RunStats of(Task& task, const RunCounters& loop);
  std::string text() const;
  /// One line.
  std::string json() const;
};

}  // namespace gonzo

// A process: what its threads share. Linux: the shared halves of task_struct (mm, files, signal).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/file_table.h"
#include "kernel/signal_actions.h"
#include "kernel/system.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Set by exec. Linux: mm->exe_file, comm, saved_auxv.
struct ProgramImage {
  std::string path;                 ///< absolute, symbolic links resolved: /proc/self/exe
  std::string name;                 ///< at most 15 bytes: comm
  std::vector<std::uint64_t> auxv;  ///< pairs, AT_NULL included
};

struct ResourceLimit {
  std::uint64_t soft = ~0ULL, hard = ~0ULL;
};
inline constexpr int kResourceLimits = 16;

class Process {
 public:
  /// An empty address space on the system's machine; limits are those of the runner. ENOMEM,
  /// EAGAIN.
  static Result<std::unique_ptr<Process>> create(System& system, int pid);
  ~Process();

  System& system() { return system_; }
  int pid() const { return pid_; }
  AddressSpace& memory() { return *memory_; }
  MachineSpace& machine_space() { return *machine_space_; }
  FileTable& files() { return files_; }
  SignalActions& signals() { return signals_; }
  ProgramImage& image() { return image_; }
  std::array<ResourceLimit, kResourceLimits>& limits() { return limits_; }

 private:
  Process(System& system, int pid);
  System& system_;
  int pid_;
  std::unique_ptr<AddressSpace> memory_;
  std::unique_ptr<MachineSpace> machine_space_;
  FileTable files_;
  SignalActions signals_;
  ProgramImage image_;
  std::array<ResourceLimit, kResourceLimits> limits_;
};

}  // namespace gonzo

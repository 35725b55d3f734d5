// Starting a program. Linux: fs/exec.c, fs/binfmt_elf.c, fs/binfmt_script.c.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "kernel/exec_error.h"
#include "kernel/process.h"
#include "kernel/program_abi.h"
#include <gonzo/base/address.h>

namespace gonzo {

class Task;

/// AT_RANDOM's bytes when nobody asked for others: runs repeat exactly.
inline constexpr std::array<std::byte, 16> kFixedRandomBytes{
    std::byte{0x67}, std::byte{0x6f}, std::byte{0x6e}, std::byte{0x7a},
    std::byte{0x6f}, std::byte{0x9e}, std::byte{0x37}, std::byte{0x79},
    std::byte{0xb9}, std::byte{0x7f}, std::byte{0x4a}, std::byte{0x7c},
    std::byte{0x15}, std::byte{0xf3}, std::byte{0x9c}, std::byte{0xc0}};

struct ExecRequest {
  std::string path;        ///< what the host opens: execve does not search PATH
  std::string shown_path;  ///< what the program and its interpreter are told; empty: `path`
  std::vector<std::string> arguments;  ///< argv, argv[0] included
  std::vector<std::string> environment;
  std::array<std::byte, 16> random_bytes = kFixedRandomBytes;
};

/// Where the first instruction and the stack are.
struct ExecResult {
  ProgramAbi abi = ProgramAbi::kX8664;
  VirtAddr entry;
  VirtAddr stack_pointer;

  CpuRegisters registers() const { return initial_registers(abi, entry, stack_pointer); }
};

/// Loads a program (ELF64 or ELF32 for i386, static, static-PIE or dynamic; #! scripts up to
/// Linux's depth) into the empty address space of `process`, which gets the paging format of the
/// program's kind if it has another, and fills its image. Nothing a file says is trusted. After an
/// error the address space holds what was mapped until then: the process is of no use any more.
ExecOutcome<ExecResult> exec_program(Process& process, const ExecRequest& request);

/// execve of a running task: the same in a new address space, which takes the place of the old one
/// when nothing can be refused any more; the process's other threads end. The task goes on at the
/// program's first instruction. An error with a signal: the process has been told to die of it.
ExecOutcome<void> exec_task(Task& task, const ExecRequest& request);

}  // namespace gonzo

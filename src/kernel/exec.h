// Starting a program. Linux: fs/exec.c, fs/binfmt_elf.c, fs/binfmt_script.c.
#pragma once

#include <string>
#include <vector>

#include "kernel/process.h"
#include <gonzo/base/address.h>
#include <gonzo/base/result.h>

namespace gonzo {

struct ExecRequest {
  std::string path;                    ///< as given: execve does not search PATH
  std::vector<std::string> arguments;  ///< argv, argv[0] included
  std::vector<std::string> environment;
};

/// Where the first instruction and the stack are.
struct ExecResult {
  VirtAddr entry;
  VirtAddr stack_pointer;
};

struct ExecError {
  Errno error;       ///< what execve would return
  std::string text;  ///< one line for a person: what is wrong with which file
};

/// Loads a program (ELF64 static, static-PIE or dynamic; #! scripts up to Linux's depth) into the
/// empty address space of `process` and fills its image. Nothing a file says is trusted.
std::expected<ExecResult, ExecError> exec_program(Process& process, const ExecRequest& request);

}  // namespace gonzo

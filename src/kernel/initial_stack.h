// The stack that a program starts with. Linux: bprm_set_stack_limits and copy_strings in
// fs/exec.c, create_elf_tables in fs/binfmt_elf.c.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernel/exec_error.h"
#include "kernel/program_abi.h"
#include <gonzo/base/address.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

struct AuxEntry {
  std::uint64_t type, value;  ///< AT_*
};

struct InitialStack {
  ProgramAbi abi = ProgramAbi::kX8664;
  std::string file_name;  ///< AT_EXECFN
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::array<std::byte, 16> random_bytes;
  /// In their order. The values of AT_RANDOM, AT_EXECFN and AT_PLATFORM are filled in here.
  std::vector<AuxEntry> auxv;
};

/// The finished bytes, which end at stack_top(), and what points into them.
struct StackImage {
  VirtAddr stack_pointer;        ///< argc is there; a multiple of 16
  std::vector<std::byte> bytes;  ///< [stack_pointer, stack_top())
  VirtAddr strings_start;        ///< the lowest string
  VirtAddr arg_start, arg_end, env_start, env_end;
  std::vector<std::uint64_t> auxv;  ///< pairs, AT_NULL included
};

/// Do the strings fit? E2BIG as execve has it: a string of more than 128 KiB, or all with their
/// pointers over a quarter of the stack limit, 6 MiB at most and 128 KiB at least.
ExecOutcome<void> check_argument_size(const InitialStack& stack, std::uint64_t stack_limit);

StackImage build_stack(const InitialStack& stack);

/// How large the stack's area is at first: the strings' pages and 128 KiB, within the limit (Linux:
/// setup_arg_pages).
std::uint64_t initial_stack_bytes(ProgramAbi abi, VirtAddr strings_start,
                                  std::uint64_t stack_limit);

}  // namespace gonzo

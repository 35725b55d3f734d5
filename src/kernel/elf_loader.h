// Maps a parsed ELF image. Linux: load_elf_binary and load_elf_interp in fs/binfmt_elf.c.
#pragma once

#include <cstdint>
#include <string>

#include "kernel/elf.h"
#include "kernel/exec_error.h"
#include <gonzo/base/address.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Where an ELF image has come to lie.
struct LoadedElf {
  std::uint64_t bias = 0;  ///< added to the file's addresses
  VirtAddr entry;
  VirtAddr program_headers;  ///< AT_PHDR; 0 when no segment holds them
  VirtAddr start_code, end_code, start_data, end_data;
  VirtAddr break_start;  ///< page aligned; where the heap begins
};

/// Maps the program: at its own addresses, or for a PIE where Linux puts it without randomisation.
/// Any error is one past the point of no return (`signal` is set).
ExecOutcome<LoadedElf> load_elf_program(AddressSpace& memory, const ElfImage& image,
                                        const ObjectRef& file, const std::string& name);

/// Maps the interpreter of a program that was loaded with `program_bias`.
ExecOutcome<LoadedElf> load_elf_interpreter(AddressSpace& memory, const ElfImage& image,
                                            const ObjectRef& file, std::uint64_t program_bias,
                                            const std::string& name);

}  // namespace gonzo

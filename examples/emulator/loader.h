// A static ELF program into an empty address space.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "memory.h"
#include "processor.h"
#include <gonzo/mm/address_space.h>

struct Program {
  Isa isa = Isa::kX8664;
  std::uint64_t entry = 0;
  int descriptor = -1;
};

/// Opens it and looks at its header. An error is a sentence without the name.
std::expected<Program, std::string> open_program(const std::string& path);
/// Maps the segments from the file, the heap's beginning and a stack with `arguments`; the stack
/// pointer to start with.
std::expected<std::uint64_t, std::string> load_program(const Program& program, Memory& memory,
                                                       gonzo::AddressSpace& space,
                                                       const std::vector<std::string>& arguments);

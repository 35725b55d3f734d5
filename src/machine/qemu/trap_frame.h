// The registers of a stopped guest, as the processor and the stub have pushed them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "machine/qemu/entry_pages.h"
#include <gonzo/machine/machine.h>
#include <gonzo/paging/paging_format.h>

namespace gonzo {

struct RawTrap {
  std::uint64_t vector = 0;  ///< the processor's, or one of the stub's
  std::uint64_t error_code = 0;
  std::uint64_t fault_address = 0;  ///< CR2
};

/// Where the stack ends while the stub has a guest's registers on it. Anything else is a trap of
/// the stub's own.
std::uint64_t guest_frame_address(PagingFormat format, VirtAddr base);

/// Takes the registers over.
RawTrap load_frame(const EntryPages& pages, CpuRegisters& registers);
/// Puts them back. What a user must not have is left out: system flags, segments that the processor
/// would refuse to load.
void store_frame(const EntryPages& pages, const CpuRegisters& registers);

/// Whether the processor can go on from here: an instruction pointer that is not canonical is the
/// kernel's fault on its way to the user.
bool can_resume(const CpuRegisters& registers);

}  // namespace gonzo

// The two kinds of programs, and what exec makes different between them. Linux: binfmt_elf and
// compat_binfmt_elf, arch/x86/include/asm/elf.h. An i386 program finds the 3 GiB of the classic
// machine, as on a 32-bit kernel (or with ADDR_LIMIT_3GB on a 64-bit one).
#pragma once

#include <cstdint>
#include <string_view>

#include <gonzo/base/address.h>
#include <gonzo/machine/machine.h>
#include <gonzo/paging/paging_format.h>

namespace gonzo {

enum class ProgramAbi : std::uint8_t { kX8664, kI386 };

/// First address past user space (Linux: TASK_SIZE).
constexpr std::uint64_t task_size(ProgramAbi abi) {
  return abi == ProgramAbi::kI386 ? 0xC0000000 : 0x7ffffffff000;
}
/// Linux: STACK_TOP, not randomised.
constexpr VirtAddr stack_top(ProgramAbi abi) { return VirtAddr(task_size(abi)); }

/// Where a PIE goes (Linux: ELF_ET_DYN_BASE). x86-64: two thirds of the window, not page aligned: a
/// PIE starts at its floor, a loader's heap at its ceiling. i386: 16 MiB above a third.
constexpr std::uint64_t dynamic_base(ProgramAbi abi) {
  const std::uint64_t size = task_size(abi);
  return abi == ProgramAbi::kI386 ? size / 3 + (16U << 20) : size / 3 * 2;
}

constexpr std::uint64_t pointer_bytes(ProgramAbi abi) { return abi == ProgramAbi::kI386 ? 4 : 8; }

/// AT_PLATFORM.
constexpr std::string_view platform_name(ProgramAbi abi) {
  return abi == ProgramAbi::kI386 ? "i686" : "x86_64";
}

/// Page tables of either kind serve programs of one kind only.
constexpr ProgramAbi abi_of(PagingFormat format) {
  return is_32bit(format) ? ProgramAbi::kI386 : ProgramAbi::kX8664;
}

/// As a program finds them at its first instruction (Linux: start_thread, compat_start_thread).
constexpr CpuRegisters initial_registers(ProgramAbi abi, VirtAddr entry, VirtAddr stack_pointer) {
  CpuRegisters registers;
  registers.rip = entry.value;
  registers.rsp = stack_pointer.value;
  if (abi == ProgramAbi::kI386) {
    registers.cs = segment::kUserCode32;
    registers.ds = registers.es = segment::kUserData;
  }
  return registers;
}

}  // namespace gonzo

// PROT_* as area flags. Linux: calc_vm_prot_bits.
#pragma once

#include <linux/mman.h>

#include <cstdint>

#include <gonzo/vma/vma.h>

namespace gonzo {

constexpr std::uint64_t protection_flags(int protection) {
  std::uint64_t flags = 0;
  if ((protection & PROT_READ) != 0) flags |= vm_flags::kRead;
  if ((protection & PROT_WRITE) != 0) flags |= vm_flags::kWrite;
  if ((protection & PROT_EXEC) != 0) flags |= vm_flags::kExec;
  return flags;
}

/// Of the heap and the stack (Linux: VM_DATA_DEFAULT_FLAGS).
inline constexpr std::uint64_t kDataFlags = vm_flags::kRead | vm_flags::kWrite |
                                            vm_flags::kMayRead | vm_flags::kMayWrite |
                                            vm_flags::kMayExec;

/// Memory that counts as committed (Linux: accountable_mapping).
constexpr bool is_accountable(std::uint64_t flags) {
  using namespace vm_flags;
  return (flags & (kNoReserve | kShared | kHugeTlb | kWrite)) == kWrite;
}

}  // namespace gonzo

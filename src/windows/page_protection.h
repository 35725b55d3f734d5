// What a PAGE_ constant means. Source: "Memory Protection Constants" (learn.microsoft.com).
#pragma once

#include <linux/mman.h>

#include <bit>
#include <cstdint>

#include <gonzo/paging/software_mmu.h>
#include <gonzo/windows/memory_constants.h>

namespace gonzo::windows {

inline constexpr std::uint32_t kWritablePages = page::kReadWrite | page::kExecuteReadWrite;
inline constexpr std::uint32_t kCopiedPages = page::kWriteCopy | page::kExecuteWriteCopy;
inline constexpr std::uint32_t kExecutablePages =
    page::kExecute | page::kExecuteRead | page::kExecuteReadWrite | page::kExecuteWriteCopy;

/// Exactly one kind of access; a guard guards something. PAGE_NOCACHE and its like are not known:
/// entries here have no such bits.
constexpr bool is_protection(std::uint32_t protection) {
  const std::uint32_t access = protection & ~page::kGuard;
  if (!std::has_single_bit(access) || access > page::kExecuteWriteCopy) return false;
  return (protection & page::kGuard) == 0 || access != page::kNoAccess;
}

constexpr bool is_guarded(std::uint32_t protection) { return (protection & page::kGuard) != 0; }

/// PROT_* for the core. Guarded pages are there, and closed.
constexpr int core_protection(std::uint32_t protection) {
  if (is_guarded(protection) || protection == page::kNoAccess) return PROT_NONE;
  int core = protection == page::kExecute ? PROT_NONE : PROT_READ;
  if ((protection & (kWritablePages | kCopiedPages)) != 0) core |= PROT_WRITE;
  if ((protection & kExecutablePages) != 0) core |= PROT_EXEC;
  return core;
}

/// The processor reads what it may execute; without NX, it executes what it may read.
constexpr bool permits(std::uint32_t protection, Access access, bool has_no_execute) {
  const int core = core_protection(protection);
  switch (access) {
    case Access::kWrite:
      return (core & PROT_WRITE) != 0;
    case Access::kExecute:
      return has_no_execute ? (core & PROT_EXEC) != 0 : core != PROT_NONE;
    case Access::kRead:
      break;
  }
  return core != PROT_NONE;
}

/// What a copy-on-write page has become when the copy was made.
constexpr std::uint32_t after_copy(std::uint32_t protection) {
  const std::uint32_t rest = protection & ~kCopiedPages;
  if ((protection & page::kWriteCopy) != 0) return rest | page::kReadWrite;
  if ((protection & page::kExecuteWriteCopy) != 0) return rest | page::kExecuteReadWrite;
  return protection;
}

}  // namespace gonzo::windows

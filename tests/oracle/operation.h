// One memory call or access of a random sequence, the same for the live kernel and for Gonzo.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gonzo::oracle {

/// Where sequences play. Nothing else is mapped there in either subject.
inline constexpr std::uint64_t kRegionStart = 0x200000000000;
inline constexpr std::uint64_t kRegionPages = 40;
inline constexpr std::uint64_t kRegionEnd = kRegionStart + kRegionPages * 4096;
/// Size of the file that file mappings map: 9 pages and 1,000 bytes.
inline constexpr std::uint64_t kFileBytes = 9 * 4096 + 1000;

enum class Call : std::uint8_t {
  kMap,      ///< address, length, protection, flags, backing, offset
  kUnmap,    ///< address, length
  kProtect,  ///< address, length, protection
  kRemap,    ///< address, length, new_length, flags, new_address
  kAdvise,   ///< address, length, flags: the advice
  kSync,     ///< address, length, flags
  kLock,     ///< address, length, flags: MLOCK_ONFAULT
  kUnlock,   ///< address, length
  kLockAll,  ///< flags: MCL_*
  kUnlockAll,
  kLimit,      ///< flags: RLIMIT_AS, RLIMIT_DATA or RLIMIT_MEMLOCK; length: pages of the region
  kIncore,     ///< address, length
  kSeal,       ///< address, length, flags
  kRemapFile,  ///< remap_file_pages: address, length, protection, offset in pages, flags
  kBind,       ///< mbind: address, length, value: 0 default, 1 preferred, 2 bind to the one node
  kFork,       ///< value: the odd or the even pages are the child's to write
  kReadByte,   ///< address
  kWriteByte,  ///< address, value
};

/// Room for all that a sequence does.
inline constexpr std::uint64_t kUnlimitedPages = 1 << 20;

enum class Backing : std::uint8_t { kAnonymous, kFile, kReadOnlyFile };

struct Operation {
  Call call = Call::kReadByte;
  std::uint64_t address = 0, length = 0, new_length = 0, new_address = 0, offset = 0;
  int protection = 0, flags = 0;
  Backing backing = Backing::kAnonymous;
  std::uint8_t value = 0;
};

/// Takes pages of the file out of the cache. Before the next operation both subjects bring the
/// whole file in again, so that how far a fault reads around does not matter.
bool makes_holes(const Operation& operation);
/// For a person who reads a failure.
std::string describe(const Operation& operation);
/// `count` operations that follow from `seed` alone.
std::vector<Operation> random_operations(std::uint64_t seed, std::size_t count);

}  // namespace gonzo::oracle

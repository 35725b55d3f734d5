// The numbers that Windows programs pass for memory, with the values of winnt.h and memoryapi.h, so
// that an emulator hands on what its guest gave. Sources: "Memory Protection Constants",
// "VirtualAlloc function", "VirtualFree function", "CreateFileMappingA function", "MapViewOfFile
// function", "MEMORY_BASIC_INFORMATION structure" (learn.microsoft.com).
#pragma once

#include <cstdint>

namespace gonzo::windows {

/// Reservations and views begin at multiples of it (SYSTEM_INFO::dwAllocationGranularity). Bytes.
inline constexpr std::uint64_t kAllocationGranularity = 64 << 10;

/// PAGE_*
namespace page {
inline constexpr std::uint32_t kNoAccess = 0x01, kReadOnly = 0x02, kReadWrite = 0x04;
inline constexpr std::uint32_t kWriteCopy = 0x08;
inline constexpr std::uint32_t kExecute = 0x10, kExecuteRead = 0x20, kExecuteReadWrite = 0x40;
inline constexpr std::uint32_t kExecuteWriteCopy = 0x80;
inline constexpr std::uint32_t kGuard = 0x100;  ///< with one of the above
}  // namespace page

/// MEM_*: what to allocate or free; also the states and types that a query tells.
namespace mem {
inline constexpr std::uint32_t kCommit = 0x1000, kReserve = 0x2000;
inline constexpr std::uint32_t kDecommit = 0x4000, kRelease = 0x8000;
inline constexpr std::uint32_t kFree = 0x10000;
inline constexpr std::uint32_t kPrivate = 0x20000, kMapped = 0x40000;
inline constexpr std::uint32_t kReset = 0x80000, kTopDown = 0x100000, kResetUndo = 0x1000000;
}  // namespace mem

/// SEC_*
namespace sec {
inline constexpr std::uint32_t kReserve = 0x4000000, kCommit = 0x8000000;
}  // namespace sec

/// FILE_MAP_*
namespace file_map {
inline constexpr std::uint32_t kCopy = 0x1, kWrite = 0x2, kRead = 0x4, kExecute = 0x20;
inline constexpr std::uint32_t kAllAccess = 0xf001f;
}  // namespace file_map

}  // namespace gonzo::windows

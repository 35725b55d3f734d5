// Physical memory as the Windows kernel's PFN database sorts it. Sources: "!memusage"
// (learn.microsoft.com), whose words these are; Windows Internals on page lists.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <gonzo/frame/frame_allocator.h>
#include <gonzo/frame/frame_report.h>

namespace gonzo {

/// Which of our frames are on which of Windows's lists.
enum class PfnList : std::uint8_t {
  kZeroed,      ///< free, and known to be zero; never used, too
  kFree,        ///< free, with whatever was in it last
  kStandby,     ///< mapped by nobody; its file, or swap, has the same
  kModified,    ///< mapped by nobody; its file, or swap, is to be written first
  kTransition,  ///< being read from its file
  kActive,      ///< mapped, or the machine's own: page tables, kernel, reserved
  kBad,         ///< never: a frame of ours does not go bad
};
inline constexpr std::size_t kPfnLists = 7;
/// "Zeroed" ...
std::string_view list_name(PfnList list);

/// What an active frame is.
enum class ActiveUse : std::uint8_t { kPrivate, kFile, kShared, kPageTable, kKernel };
inline constexpr std::size_t kActiveUses = 5;
/// "process private" ...
std::string_view use_name(ActiveUse use);

PfnList list_of(const FrameReport& frame);

struct PfnLists {
  std::array<std::uint64_t, kPfnLists> frames{};
  std::array<std::uint64_t, kActiveUses> active{};  ///< of kActive
  std::uint64_t total = 0;

  std::uint64_t on(PfnList list) const { return frames.at(static_cast<std::size_t>(list)); }
  std::uint64_t of(ActiveUse use) const { return active.at(static_cast<std::size_t>(use)); }
  /// Reads each descriptor that was ever used. Thread-safe; what changes hands meanwhile is counted
  /// as the one or the other.
  static PfnLists count(const FrameAllocator& frames);
};

}  // namespace gonzo

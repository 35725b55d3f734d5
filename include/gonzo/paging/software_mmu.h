// A software walk of the real entries, as a processor does it. Intel SDM vol. 3A, 4.6-4.8.
#pragma once

#include <cstdint>
#include <expected>

#include <gonzo/base/address.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/page_table.h>

namespace gonzo {

enum class Access : std::uint8_t { kRead, kWrite, kExecute };
enum class Privilege : std::uint8_t { kUser, kSupervisor };

/// Page-fault error code bits (SDM vol. 3A, figure 4-12).
namespace fault_code {
inline constexpr std::uint32_t kPresent = 1;
inline constexpr std::uint32_t kWrite = 2;
inline constexpr std::uint32_t kUser = 4;
inline constexpr std::uint32_t kReserved = 8;
inline constexpr std::uint32_t kFetch = 16;
}  // namespace fault_code

struct WalkControls {
  bool write_protect = true;  ///< CR0.WP
  bool no_execute = true;     ///< EFER.NXE; without it bit 63 is reserved
  bool smep = false, smap = false;
  unsigned physical_bits = 46;  ///< MAXPHYADDR: higher frame bits are reserved
};

struct Translation {
  PhysAddr physical;
  unsigned level;       ///< 1: 4 KiB; 2: 2 or 4 MiB; 3: 1 GiB
  std::uint64_t flags;  ///< effective: kWrite, kUser as the AND of all levels, kNoExecute as the OR
};

/// Walks from `root` in the arena's bytes and sets A on each entry used, D on the leaf of a write;
/// atomically. Returns the translation or the error code that #PF would push.
std::expected<Translation, std::uint32_t> walk(FrameAllocator& frames, PagingFormat format,
                                               Pfn root, VirtAddr address, Access access,
                                               Privilege privilege,
                                               const WalkControls& controls = {});

}  // namespace gonzo

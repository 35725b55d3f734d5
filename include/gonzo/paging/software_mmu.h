// A software walk of the real entries, as a processor does it. Intel SDM vol. 3A, 4.6-4.8.
#pragma once

#include <cstdint>
#include <expected>

#include <gonzo/base/address.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/paging_format.h>

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

/// The control bits that a walk heeds. CR4.PSE and PAT are on, PSE-36 is there, CR4.PKE is off.
struct WalkControls {
  bool write_protect = true;    ///< CR0.WP
  bool no_execute = true;       ///< EFER.NXE; without it bit 63 is reserved
  bool smep = false;            ///< CR4.SMEP
  bool smap = false;            ///< CR4.SMAP, with EFLAGS.AC clear
  unsigned physical_bits = 46;  ///< MAXPHYADDR, 32 to 52: higher frame bits are reserved
};

struct Translation {
  PhysAddr physical;  ///< may lie outside the arena, if an entry says so
  unsigned level;     ///< 1: 4 KiB; 2: 2 or 4 MiB; 3: 1 GiB
  /// Effective: kWrite, kUser as the AND of all levels, kNoExecute as the OR; kDirty and kGlobal as
  /// in the leaf after this walk.
  std::uint64_t flags;
};

/// The exception that the processor would raise.
struct MmuFault {
  enum class Vector : std::uint8_t {
    kGeneralProtection = 13,  ///< the address is not canonical; the error code is 0
    kPageFault = 14,
  };
  Vector vector = Vector::kPageFault;
  std::uint32_t error_code = 0;
  constexpr bool operator==(const MmuFault&) const = default;
};

/// Walks from `root` in the arena's bytes. When the access is allowed, sets A on each entry used
/// and D on the leaf of a write, each by compare-and-exchange against the value that was checked
/// (another change in between: the walk starts again); a fault found at once writes nothing, as 4.8
/// permits. Thread-safe against other walks and entry changes; tables must not be freed meanwhile.
///
/// PAE's four root entries are read at each walk and a reserved bit in one is a page fault, as on
/// a processor with nested paging; without, loading CR3 would have raised #GP. Table frames
/// outside the arena read as all ones. For the 32-bit formats the address must be below 4 GiB.
std::expected<Translation, MmuFault> walk(FrameAllocator& frames, PagingFormat format, Pfn root,
                                          VirtAddr address, Access access, Privilege privilege,
                                          const WalkControls& controls = {});

}  // namespace gonzo

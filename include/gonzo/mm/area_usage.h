// What an area has in memory, as /proc/PID/smaps counts it. Linux: struct mem_size_stats.
#pragma once

#include <cstdint>

namespace gonzo {

/// Bytes. A share is a page's size divided by the number of entries that map it; shares are kept in
/// 4096ths of a byte, so that a sum over many areas loses nothing (Linux: PSS_SHIFT).
struct AreaUsage {
  std::uint64_t resident = 0;
  std::uint64_t share = 0, share_dirty = 0, share_locked = 0;
  std::uint64_t share_anonymous = 0, share_file = 0, share_shmem = 0;
  std::uint64_t shared_clean = 0, shared_dirty = 0, private_clean = 0, private_dirty = 0;
  std::uint64_t referenced = 0;
  std::uint64_t anonymous = 0;
  std::uint64_t lazily_freed = 0;  ///< of these; MADV_FREE, not written to since
  std::uint64_t swapped = 0;
  std::uint64_t most_maps = 0;  ///< of any one page: entries that map it

  static constexpr unsigned kShareShift = 12;

  std::uint64_t dirty() const { return shared_dirty + private_dirty; }
  void add(const AreaUsage& more);
};

/// Which entries clear_references() makes old. Linux: enum clear_refs_types.
enum class ReferenceScope : std::uint8_t {
  kAll,
  kAnonymous,  ///< areas without an object
  kMapped,     ///< areas with one
};

}  // namespace gonzo

// The page-table formats as types: everything that generic code needs to know of one, and nothing
// that it could assume. Intel SDM vol. 3A, 4.3 (32-bit), 4.4 (PAE), 4.5 (4-level and 5-level).
#pragma once

#include <array>
#include <concepts>
#include <cstdint>

#include <gonzo/base/address.h>
#include <gonzo/paging/entry.h>
#include <gonzo/paging/paging_format.h>

namespace gonzo {

enum class LargePages : std::uint8_t { kNever, kAllowed };

/// Which of an entry's fields a level has.
enum class LevelFields : std::uint8_t {
  kAll,          ///< R/W, U/S, A, and NX where the format has it
  kPresentOnly,  ///< PAE's four root entries: no rights, no A
};

struct LevelShape {
  unsigned shift;  ///< address bits below this level's index
  unsigned index_bits;
  LargePages large_pages;
  LevelFields fields;
};

enum class EntryKind : std::uint8_t { kTable, kLargePage, kPage };

/// Bits low to high, both included; none when low > high.
constexpr std::uint64_t bit_range(unsigned low, unsigned high) {
  return low > high ? 0 : (~0ULL >> (63 - high)) & (~0ULL << low);
}

/// Each level begins where the one below ends, and its table fits a frame.
template <typename F>
constexpr bool levels_tile_the_address() {
  unsigned next = kPageShift;
  for (unsigned level = 1; level <= F::kLevels; ++level) {
    const LevelShape shape = F::shape(level);
    if (shape.shift != next) return false;
    if ((sizeof(typename F::Raw) << shape.index_bits) > kPageSize) return false;
    next += shape.index_bits;
  }
  return F::shape(1).large_pages == LargePages::kNever;
}

/// Levels count from 1, the PTEs, to kLevels, the root.
template <typename F>
concept PageTableFormat =
    requires(unsigned level, EntryKind kind, unsigned physical_bits, std::uint64_t raw) {
      requires std::unsigned_integral<typename F::Raw>;
      requires std::same_as<decltype(F::kFormat), const PagingFormat>;
      requires std::same_as<decltype(F::kLevels), const unsigned>;
      requires std::same_as<decltype(F::kUserEnd), const std::uint64_t>;
      requires std::same_as<decltype(F::kHasNoExecute), const bool>;
      /// Where the kernel's half maps memory from frame 0 on, and how much it has room for.
      requires std::same_as<decltype(F::kDirectMap), const std::uint64_t>;
      requires std::same_as<decltype(F::kDirectMapBytes), const std::uint64_t>;
      /// Where it maps page by page, with a direct map of so many bytes.
      { F::vmalloc_area(raw) } -> std::same_as<AddressRange>;
      /// Where what a processor needs to enter the kernel lies, 1 MiB.
      requires std::same_as<decltype(F::kEntryArea), const std::uint64_t>;
      /// Bits of the widest frame number of a 4 KiB entry.
      requires std::same_as<decltype(F::kFrameBits), const unsigned>;
      /// The same of the root's, which CR3 holds.
      requires std::same_as<decltype(F::kRootFrameBits), const unsigned>;
      { F::shape(level) } -> std::same_as<LevelShape>;
      /// Bits that must be zero in a present entry, bit 63 of a format with NX aside.
      { F::reserved_bits(level, kind, physical_bits) } -> std::same_as<std::uint64_t>;
      /// What an entry that points to a table carries besides the frame.
      { F::table_flags(level) } -> std::same_as<std::uint64_t>;
      /// Where a large page starts.
      { F::large_page_base(level, raw) } -> std::same_as<std::uint64_t>;
    } && levels_tile_the_address<F>();

/// What the kernel of a 32-bit machine reaches directly; above lies room for what it maps at need
/// (Linux: MAXMEM with VMALLOC_RESERVE).
inline constexpr std::uint64_t kLowMemory = 896ULL << 20;

/// Behind the vmalloc area, among the windows (Linux: CPU_ENTRY_AREA_BASE, a little above).
inline constexpr std::uint64_t kEntryArea32 = 0xff80'0000;

/// On 32 bits: a hole of 8 MiB catches who runs off the direct map, and above lie the windows for
/// high memory and fixed mappings (Linux: VMALLOC_OFFSET, VMALLOC_END with 4 MiB for PKMAP).
constexpr AddressRange vmalloc_area_32bit(std::uint64_t direct_map, std::uint64_t bytes) {
  return {VirtAddr(direct_map + page_ceil(bytes) + (8ULL << 20)), VirtAddr(0xff7f'e000)};
}

struct Classic32 {
  using Raw = std::uint32_t;
  static constexpr PagingFormat kFormat = PagingFormat::kClassic32;
  static constexpr unsigned kLevels = 2;
  static constexpr std::uint64_t kUserEnd = 0xC0000000;
  static constexpr std::uint64_t kDirectMap = kUserEnd, kDirectMapBytes = kLowMemory;
  static constexpr AddressRange vmalloc_area(std::uint64_t mapped) {
    return vmalloc_area_32bit(kDirectMap, mapped);
  }
  static constexpr std::uint64_t kEntryArea = kEntryArea32;
  static constexpr bool kHasNoExecute = false;
  static constexpr unsigned kFrameBits = 20;
  static constexpr unsigned kRootFrameBits = 20;

  static constexpr LevelShape shape(unsigned level) {
    return level == 1 ? LevelShape{12, 10, LargePages::kNever, LevelFields::kAll}
                      : LevelShape{22, 10, LargePages::kAllowed, LevelFields::kAll};
  }
  /// PSE-36: a 4 MiB page keeps address bits 32 and up, 40 bits at most, from bit 13 on; what is
  /// left of bits 13-21 is reserved. Nothing else is (table 4-4).
  static constexpr std::uint64_t reserved_bits(unsigned, EntryKind kind, unsigned physical_bits) {
    const unsigned bits = physical_bits < 40 ? physical_bits : 40;
    return kind == EntryKind::kLargePage ? bit_range(bits - 19, 21) : 0;
  }
  static constexpr std::uint64_t table_flags(unsigned) {
    return pte::kPresent | pte::kWrite | pte::kUser;
  }
  static constexpr std::uint64_t large_page_base(unsigned, std::uint64_t raw) {
    return (raw & bit_range(22, 31)) | ((raw & bit_range(13, 20)) << (32 - 13));
  }
};

/// What the formats with 8-byte entries share.
template <PagingFormat Format, unsigned Levels>
struct WideFormat {
  using Raw = std::uint64_t;
  static constexpr PagingFormat kFormat = Format;
  static constexpr unsigned kLevels = Levels;
  static constexpr bool kHasNoExecute = true;
  static constexpr unsigned kFrameBits = 40;

 protected:
  static constexpr unsigned kIndexBits = 9;
  static constexpr unsigned shift(unsigned level) { return kPageShift + kIndexBits * (level - 1); }
  /// Between the PAT bit and the frame.
  static constexpr std::uint64_t low_frame_bits(unsigned level) {
    return bit_range(13, shift(level) - 1);
  }

 public:
  static constexpr std::uint64_t large_page_base(unsigned level, std::uint64_t raw) {
    return raw & bit_range(shift(level), 51);
  }
};

struct Pae : WideFormat<PagingFormat::kPae, 3> {
  static constexpr std::uint64_t kUserEnd = 0xC0000000;
  static constexpr std::uint64_t kDirectMap = kUserEnd, kDirectMapBytes = kLowMemory;
  static constexpr AddressRange vmalloc_area(std::uint64_t mapped) {
    return vmalloc_area_32bit(kDirectMap, mapped);
  }
  static constexpr std::uint64_t kEntryArea = kEntryArea32;
  static constexpr unsigned kRootFrameBits = 20;

  static constexpr LevelShape shape(unsigned level) {
    if (level == kLevels) return {shift(level), 2, LargePages::kNever, LevelFields::kPresentOnly};
    return {shift(level), kIndexBits, level == 2 ? LargePages::kAllowed : LargePages::kNever,
            LevelFields::kAll};
  }
  /// Root: bits 1, 2, 5-8 and 63 (table 4-8). Others: up to bit 62, for there are no ignored high
  /// bits (tables 4-9 to 4-11).
  static constexpr std::uint64_t reserved_bits(unsigned level, EntryKind kind,
                                               unsigned physical_bits) {
    const std::uint64_t high = bit_range(physical_bits, 62);
    if (level == kLevels) return high | bit_range(1, 2) | bit_range(5, 8) | pte::kNoExecute;
    return kind == EntryKind::kLargePage ? high | low_frame_bits(level) : high;
  }
  static constexpr std::uint64_t table_flags(unsigned level) {
    return level == kLevels ? pte::kPresent : pte::kPresent | pte::kWrite | pte::kUser;
  }
};

/// 4-level and 5-level paging differ in the root level alone.
template <PagingFormat Format, unsigned Levels>
struct LongFormat : WideFormat<Format, Levels> {
  using Base = WideFormat<Format, Levels>;
  /// The last page below the hole stays unmapped, as in Linux: a SYSCALL there would return to a
  /// non-canonical address.
  static constexpr std::uint64_t kUserEnd = (1ULL << (Base::shift(Levels + 1) - 1)) - kPageSize;
  static constexpr unsigned kRootFrameBits = 40;
  static constexpr std::uint64_t kEntryArea = 0xfffffe0000000000;

  static constexpr LevelShape shape(unsigned level) {
    return {Base::shift(level), Base::kIndexBits,
            level == 2 || level == 3 ? LargePages::kAllowed : LargePages::kNever,
            LevelFields::kAll};
  }
  /// Tables 4-15 to 4-20: frame bits from MAXPHYADDR to 51; PS where no page may be.
  static constexpr std::uint64_t reserved_bits(unsigned level, EntryKind kind,
                                               unsigned physical_bits) {
    const std::uint64_t high = bit_range(physical_bits, 51);
    if (kind == EntryKind::kLargePage) return high | Base::low_frame_bits(level);
    return kind == EntryKind::kTable ? high | pte::kPageSize : high;
  }
  static constexpr std::uint64_t table_flags(unsigned) {
    return pte::kPresent | pte::kWrite | pte::kUser;
  }
};

struct FourLevel : LongFormat<PagingFormat::kFourLevel, 4> {
  static constexpr std::uint64_t kDirectMap = 0xffff888000000000, kDirectMapBytes = 64ULL << 40;
  /// 32 TiB (Linux: VMALLOC_SIZE_TB_L4).
  static constexpr AddressRange vmalloc_area(std::uint64_t) {
    return {VirtAddr(0xffffc90000000000), VirtAddr(0xffffc90000000000 + (32ULL << 40))};
  }
};
struct FiveLevel : LongFormat<PagingFormat::kFiveLevel, 5> {
  static constexpr std::uint64_t kDirectMap = 0xff11000000000000, kDirectMapBytes = 32ULL << 50;
  /// 12,800 TiB (Linux: VMALLOC_SIZE_TB_L5).
  static constexpr AddressRange vmalloc_area(std::uint64_t) {
    return {VirtAddr(0xffa0000000000000), VirtAddr(0xffa0000000000000 + (12800ULL << 40))};
  }
};

static_assert(PageTableFormat<Classic32> && PageTableFormat<Pae> && PageTableFormat<FourLevel> &&
              PageTableFormat<FiveLevel>);

// What generic code derives from a format.

/// Bytes that one entry of a level covers.
template <PageTableFormat F>
constexpr std::uint64_t entry_span(unsigned level) {
  return std::uint64_t{1} << F::shape(level).shift;
}

template <PageTableFormat F>
constexpr unsigned entry_count(unsigned level) {
  return 1U << F::shape(level).index_bits;
}

/// Bits of a virtual address that the levels translate.
template <PageTableFormat F>
inline constexpr unsigned kAddressBits =
    F::shape(F::kLevels).shift + F::shape(F::kLevels).index_bits;

/// kUserEnd, up to where the last user slot of the root ends.
template <PageTableFormat F>
inline constexpr std::uint64_t kUserHalfEnd =
    (F::kUserEnd + entry_span<F>(F::kLevels) - 1) & ~(entry_span<F>(F::kLevels) - 1);

template <PageTableFormat F>
constexpr unsigned entry_index(unsigned level, std::uint64_t address) {
  return static_cast<unsigned>(address >> F::shape(level).shift) & (entry_count<F>(level) - 1);
}

/// What a present entry at `level` is.
template <PageTableFormat F>
constexpr EntryKind entry_kind(unsigned level, std::uint64_t raw) {
  if (level == 1) return EntryKind::kPage;
  const bool large = F::shape(level).large_pages == LargePages::kAllowed && (raw & pte::kPageSize);
  return large ? EntryKind::kLargePage : EntryKind::kTable;
}

/// Whether the entry at `level`, above 1, leads to a table.
template <PageTableFormat F>
constexpr bool leads_to_table(unsigned level, std::uint64_t raw) {
  return (raw & pte::kPresent) && entry_kind<F>(level, raw) == EntryKind::kTable;
}

/// The physical address in an entry for a table or a 4 KiB page.
template <PageTableFormat F>
constexpr PhysAddr frame_address(std::uint64_t raw) {
  return PhysAddr(raw & bit_range(kPageShift, kPageShift + F::kFrameBits - 1));
}

}  // namespace gonzo

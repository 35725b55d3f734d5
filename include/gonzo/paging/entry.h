// A page-table entry, in the processor's layout. Intel SDM vol. 3A, 4.3-4.5, tables 4-5 to 4-20.
#pragma once

#include <cstdint>

#include <gonzo/base/address.h>

namespace gonzo {

/// Entry bits, the same in all formats but for NX (bit 63: absent from 32-bit classic entries).
namespace pte {
inline constexpr std::uint64_t kPresent = 1ULL << 0;
inline constexpr std::uint64_t kWrite = 1ULL << 1;
inline constexpr std::uint64_t kUser = 1ULL << 2;
inline constexpr std::uint64_t kWriteThrough = 1ULL << 3;
inline constexpr std::uint64_t kCacheDisable = 1ULL << 4;
inline constexpr std::uint64_t kAccessed = 1ULL << 5;
inline constexpr std::uint64_t kDirty = 1ULL << 6;
/// In a directory: a large page; in a PTE: PAT.
inline constexpr std::uint64_t kPageSize = 1ULL << 7;
inline constexpr std::uint64_t kGlobal = 1ULL << 8;
/// Not present: PROT_NONE (Linux: _PAGE_PROTNONE).
inline constexpr std::uint64_t kProtNone = 1ULL << 8;
/// Software: no descriptor counts it (zero page, the machine's own frame).
inline constexpr std::uint64_t kSpecial = 1ULL << 9;
inline constexpr std::uint64_t kSoftDirty = 1ULL << 11;
/// PAT of a large page: shares its place with the lowest frame bit.
inline constexpr std::uint64_t kLargePat = 1ULL << 12;
inline constexpr std::uint64_t kNoExecute = 1ULL << 63;
inline constexpr std::uint64_t kFrameMask = 0x000ffffffffff000ULL;
}  // namespace pte

/// The canonical 64-bit form; a 32-bit classic entry is its low half. Kinds of leaf value:
///  - blank: all zero;
///  - mapping: frame number and flags; present, or PROT_NONE (bit 0 clear, bit 8 set, frame kept);
///  - swap: bits 0, 1, 7 and 8 clear, the type in bits 2-6, the offset + 1 from bit 9 up;
///  - guard: a swap entry of the last type (Linux: PTE_MARKER_GUARD), which no device gets.
class Entry {
 public:
  constexpr Entry() = default;
  constexpr explicit Entry(std::uint64_t raw) : raw_(raw) {}
  static constexpr Entry map(Pfn pfn, std::uint64_t flags) {
    return Entry((std::uint64_t{pfn.value} << kPageShift) | flags);
  }
  static constexpr Entry guard() { return swap(kMarkerType, 0); }
  /// `type` below 31 (31 is for markers), `offset` below 2^55 - 1; PageTable::can_hold knows a
  /// format's own limit.
  static constexpr Entry swap(unsigned type, std::uint64_t offset) {
    return Entry((std::uint64_t{type} << 2) | ((offset + 1) << 9));
  }

  constexpr std::uint64_t raw() const { return raw_; }
  constexpr bool is_blank() const { return raw_ == 0; }
  constexpr bool is_present() const { return raw_ & pte::kPresent; }
  constexpr bool is_prot_none() const {
    return (raw_ & (pte::kPresent | pte::kProtNone)) == pte::kProtNone;
  }
  /// Holds a frame: present or PROT_NONE.
  constexpr bool is_mapping() const { return is_present() || is_prot_none(); }
  constexpr bool is_guard() const { return *this == guard(); }
  constexpr bool is_swap() const { return !is_blank() && !is_mapping() && !is_guard(); }
  constexpr bool has(std::uint64_t flag) const { return raw_ & flag; }
  constexpr bool is_writable() const { return has(pte::kWrite); }
  /// Of a 4 KiB mapping.
  constexpr Pfn pfn() const { return Pfn((raw_ & pte::kFrameMask) >> kPageShift); }
  /// First frame of a large page: without the PAT bit that lies among the frame bits.
  constexpr Pfn large_pfn() const {
    return Pfn((raw_ & pte::kFrameMask & ~pte::kLargePat) >> kPageShift);
  }
  constexpr unsigned swap_type() const { return (raw_ >> 2) & 0x1f; }
  constexpr std::uint64_t swap_offset() const { return (raw_ >> 9) - 1; }
  constexpr Entry with(std::uint64_t flags) const { return Entry(raw_ | flags); }
  constexpr Entry without(std::uint64_t flags) const { return Entry(raw_ & ~flags); }
  constexpr bool operator==(const Entry&) const = default;

 private:
  static constexpr unsigned kMarkerType = 31;

  std::uint64_t raw_ = 0;
};

}  // namespace gonzo

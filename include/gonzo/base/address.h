// Typed addresses, frame numbers and ranges. Units: bytes unless a name says pages.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace gonzo {

inline constexpr unsigned kPageShift = 12;
inline constexpr std::uint64_t kPageSize = std::uint64_t{1} << kPageShift;
inline constexpr std::uint64_t kPageMask = ~(kPageSize - 1);

constexpr std::uint64_t page_floor(std::uint64_t bytes) { return bytes & kPageMask; }
/// Wraps to 0 for the last page of the 64-bit space, as Linux's PAGE_ALIGN does.
constexpr std::uint64_t page_ceil(std::uint64_t bytes) {
  return (bytes + kPageSize - 1) & kPageMask;
}

/// A guest-virtual address.
struct VirtAddr {
  std::uint64_t value = 0;

  constexpr VirtAddr() = default;
  constexpr explicit VirtAddr(std::uint64_t address) : value(address) {}

  constexpr VirtAddr page_floor() const { return VirtAddr(gonzo::page_floor(value)); }
  constexpr VirtAddr page_ceil() const { return VirtAddr(gonzo::page_ceil(value)); }
  constexpr std::uint64_t page_offset() const { return value & ~kPageMask; }
  constexpr std::uint64_t page_number() const { return value >> kPageShift; }
  constexpr bool is_page_aligned() const { return page_offset() == 0; }

  constexpr VirtAddr operator+(std::uint64_t bytes) const { return VirtAddr(value + bytes); }
  constexpr VirtAddr operator-(std::uint64_t bytes) const { return VirtAddr(value - bytes); }
  constexpr std::uint64_t operator-(VirtAddr other) const { return value - other.value; }
  constexpr VirtAddr& operator+=(std::uint64_t bytes) { return value += bytes, *this; }
  constexpr auto operator<=>(const VirtAddr&) const = default;
};

/// A guest-physical address: an offset into the arena.
struct PhysAddr {
  std::uint64_t value = 0;

  constexpr PhysAddr() = default;
  constexpr explicit PhysAddr(std::uint64_t address) : value(address) {}
  constexpr PhysAddr operator+(std::uint64_t bytes) const { return PhysAddr(value + bytes); }
  constexpr auto operator<=>(const PhysAddr&) const = default;
};

/// A page frame number. 32 bits address 16 TiB of guest memory.
struct Pfn {
  std::uint32_t value = kNoneValue;

  static constexpr std::uint32_t kNoneValue = 0xffffffffU;
  constexpr Pfn() = default;
  constexpr explicit Pfn(std::uint64_t number) : value(static_cast<std::uint32_t>(number)) {}

  static constexpr Pfn none() { return Pfn(); }
  static constexpr Pfn of(PhysAddr address) { return Pfn(address.value >> kPageShift); }
  constexpr bool is_none() const { return value == kNoneValue; }
  constexpr PhysAddr address() const { return PhysAddr(std::uint64_t{value} << kPageShift); }
  constexpr Pfn operator+(std::uint64_t frames) const { return Pfn(value + frames); }
  constexpr auto operator<=>(const Pfn&) const = default;
};

/// [start, end) of guest-virtual addresses.
struct AddressRange {
  VirtAddr start;
  VirtAddr end;

  constexpr std::uint64_t size() const { return end - start; }
  constexpr std::uint64_t pages() const { return size() >> kPageShift; }
  constexpr bool empty() const { return start >= end; }
  constexpr bool contains(VirtAddr a) const { return start <= a && a < end; }
  constexpr bool contains(AddressRange r) const { return start <= r.start && r.end <= end; }
  constexpr bool overlaps(AddressRange r) const { return start < r.end && r.start < end; }
  constexpr AddressRange intersect(AddressRange r) const {
    return {start > r.start ? start : r.start, end < r.end ? end : r.end};
  }
  constexpr bool operator==(const AddressRange&) const = default;
};

}  // namespace gonzo

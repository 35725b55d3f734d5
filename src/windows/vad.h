// One reservation or view. Windows: MMVAD, a node of the process's VAD tree.
#pragma once

#include "windows/page_runs.h"
#include <gonzo/vma/vma.h>
#include <gonzo/windows/virtual_memory.h>

namespace gonzo::windows {

/// Bytes, up to whole granules; 0 if that overflows.
constexpr std::uint64_t granules_ceil(std::uint64_t bytes) {
  return (bytes + kAllocationGranularity - 1) & ~(kAllocationGranularity - 1);
}
constexpr std::uint64_t granules_floor(std::uint64_t bytes) {
  return bytes & ~(kAllocationGranularity - 1);
}

/// In the tree it takes whole granules, for nothing else can begin in what is left of its last one:
/// so each gap of the tree is a place for a reservation.
struct VirtualMemory::Vad : Vma {
  enum class Kind : std::uint8_t {
    kPrivate,
    kShared,  ///< a view whose writes the section sees
    kCopied,  ///< a view that copies what is written to
  };
  Vad(AddressRange pages_of_it, std::uint32_t protection, Kind of_kind)
      : Vma({pages_of_it.start, VirtAddr(granules_ceil(pages_of_it.end.value))}, {}),
        pages(pages_of_it),
        allocation_protect(protection),
        kind(of_kind) {}

  bool is_view() const { return kind != Kind::kPrivate; }
  /// May its pages get this protection? A view's as far as it was mapped for (protect.cc).
  bool lets(std::uint32_t protection) const;
  /// The section's page that is shown at this page of the address space.
  std::uint64_t section_page_at(std::uint64_t page_number) const {
    return section_page + (page_number - pages.start.page_number());
  }

  const AddressRange pages;
  const std::uint32_t allocation_protect;
  const Kind kind;
  /// By page number. kPrivate: of committed pages; views: of all, also of those that their section
  /// has not committed yet.
  PageRuns protections;
  PageRuns given_up;  ///< had contents at their MEM_RESET
  SectionRef section;
  std::uint64_t section_page = 0;  ///< the view's first
  std::uint32_t access = 0;        ///< FILE_MAP_* of a view
};

/// Pages of one VAD that are alike, up to `end`.
struct VirtualMemory::Part {
  VirtAddr end;
  bool is_committed = false;
  std::uint32_t protection = 0;

  static Part at(const Vad& vad, VirtAddr address, VirtAddr limit);
};

}  // namespace gonzo::windows

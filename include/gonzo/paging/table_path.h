// The way that a processor would take through the tables, told and not taken: nothing is marked as
// used. Intel SDM vol. 3A, 4.3-4.5.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <gonzo/base/address.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/entry.h>
#include <gonzo/paging/paging_format.h>

namespace gonzo {

/// One entry on the way.
struct TableStep {
  enum class Leads : std::uint8_t { kNowhere, kToTable, kToPage };

  unsigned level = 0;  ///< 1: a PTE
  unsigned index = 0;  ///< in its table
  Pfn table;           ///< the frame that it is in
  Entry entry;         ///< a 4-byte entry is the low half
  Leads leads = Leads::kNowhere;
  VirtAddr start;           ///< of what the entry covers
  std::uint64_t bytes = 0;  ///< that it covers
  Pfn target;               ///< the next table, or the page's first frame; none: kNowhere
};

class TablePath {
 public:
  static constexpr unsigned kMostLevels = 5;

  void add(const TableStep& step) { steps_.at(count_++) = step; }
  /// From the root down; ends at the first that leads to no table. Empty: not an address of the
  /// format.
  std::span<const TableStep> steps() const { return std::span(steps_).first(count_); }
  /// Where it ended; level 0 if it never began.
  const TableStep& last() const { return steps_.at(count_ == 0 ? 0 : count_ - 1); }

 private:
  std::array<TableStep, kMostLevels> steps_{};
  unsigned count_ = 0;
};

/// Of either half. Thread-safe; the tables must not be freed meanwhile.
TablePath trace_path(const FrameAllocator& frames, PagingFormat format, Pfn root, VirtAddr address);

/// Whether a program on such tables can name the address at all: below 4 GiB, or with its high bits
/// all alike (SDM vol. 1, 3.3.7.1).
bool is_canonical(PagingFormat format, VirtAddr address);

}  // namespace gonzo

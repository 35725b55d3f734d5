// A model of a processor's TLB: set-associative, least recently used entry replaced.
#pragma once

#include <cstdint>
#include <vector>

#include <gonzo/base/address.h>
#include <gonzo/machine/soft_machine.h>
#include <gonzo/paging/software_mmu.h>

namespace gonzo {

/// Holds 4 KiB translations; larger pages are held in pieces, as many processors do. Not
/// thread-safe.
class SoftTlb {
 public:
  SoftTlb(unsigned sets, unsigned ways)
      : sets_(sets), ways_(ways), entries_(std::size_t{sets} * ways) {}

  struct Entry {
    std::uint64_t page = kNone;
    std::uint64_t frame = 0;
    std::uint64_t flags = 0;  ///< of Translation
    std::uint64_t used = 0;
  };

  /// Null when there is none.
  const Entry* find(VirtAddr address);
  void insert(VirtAddr address, const Translation& translation);
  void invalidate(AddressRange range);
  const TlbCounters& counters() const { return counters_; }

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  Entry* set_of(std::uint64_t page) { return &entries_[(page & (sets_ - 1)) * ways_]; }
  void forget(std::uint64_t page);

  unsigned sets_;
  unsigned ways_;
  std::vector<Entry> entries_;
  std::uint64_t clock_ = 0;
  TlbCounters counters_;
};

}  // namespace gonzo

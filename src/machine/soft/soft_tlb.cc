#include "machine/soft/soft_tlb.h"

namespace gonzo {

const SoftTlb::Entry* SoftTlb::find(VirtAddr address) {
  const std::uint64_t page = address.page_number();
  Entry* set = set_of(page);
  for (unsigned way = 0; way < ways_; ++way) {
    if (set[way].page == page) {
      set[way].used = ++clock_;
      ++counters_.hits;
      return &set[way];
    }
  }
  ++counters_.misses;
  return nullptr;
}

void SoftTlb::insert(VirtAddr address, const Translation& translation) {
  const std::uint64_t page = address.page_number();
  Entry* set = set_of(page);
  Entry* victim = set;
  for (unsigned way = 0; way < ways_; ++way) {
    if (set[way].page == page) {
      victim = &set[way];
      break;
    }
    if (set[way].used < victim->used) victim = &set[way];
  }
  *victim = {page, page_floor(translation.physical.value), translation.flags, ++clock_};
}

void SoftTlb::forget(std::uint64_t page) {
  Entry* set = set_of(page);
  for (unsigned way = 0; way < ways_; ++way) {
    if (set[way].page == page) set[way] = {};
  }
}

void SoftTlb::invalidate(AddressRange range) {
  const std::uint64_t first = range.start.page_number();
  const std::uint64_t end = (range.end + (kPageSize - 1)).page_number();
  if (end - first < entries_.size()) {
    for (std::uint64_t page = first; page < end; ++page) forget(page);
    return;
  }
  for (Entry& entry : entries_) {
    if (entry.page >= first && entry.page < end) entry = {};
  }
}

}  // namespace gonzo

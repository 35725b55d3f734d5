// What an address space may have, and what it has. Linux: vm_stat_account, may_expand_vm
// (mm/vma.c), mlock_future_ok (mm/mmap.c).
#include <algorithm>

#include "mm/area_counts.h"

namespace gonzo {
namespace {

bool exceeds(std::uint64_t count, std::int64_t pages, std::uint64_t limit_bytes) {
  const std::int64_t wanted = static_cast<std::int64_t>(count) + pages;
  return wanted > static_cast<std::int64_t>(limit_bytes >> kPageShift);
}

}  // namespace

void AddressSpace::account(std::uint64_t flags, std::int64_t pages) {
  add_area_pages(counts_, flags, pages);
  counts_.peak_total = std::max(counts_.peak_total, counts_.total);
}

bool AddressSpace::may_expand(std::uint64_t flags, std::int64_t pages) const {
  if (exceeds(counts_.total, pages, limits_.address_space)) return false;
  if (!is_data(flags)) return true;
  return !exceeds(counts_.data, pages, limits_.data == 0 ? limits_.hard_data : limits_.data);
}

bool AddressSpace::may_lock(std::uint64_t flags, std::uint64_t bytes) const {
  if ((flags & vm_flags::kLocked) == 0 || limits_.locks_freely) return true;
  return (bytes >> kPageShift) + counts_.locked <= limits_.locked >> kPageShift;
}

Result<void> AddressSpace::charge(std::uint64_t pages) {
  if (!manager_.commitments().charge(pages, claimant())) return fail(Errno::kNoMem);
  counts_.committed += pages;
  return {};
}

void AddressSpace::uncharge(std::uint64_t pages) {
  manager_.commitments().release(pages);
  counts_.committed -= pages;
}

}  // namespace gonzo

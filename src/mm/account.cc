// What an address space may have, and what it has. Linux: vm_stat_account, may_expand_vm.
#include <algorithm>

#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

using namespace vm_flags;

/// Linux: is_data_mapping(). Private and writable, and no stack.
bool is_data(std::uint64_t flags) { return (flags & (kWrite | kShared | kGrowsDown)) == kWrite; }

bool is_exec(std::uint64_t flags) { return (flags & (kExec | kWrite | kGrowsDown)) == kExec; }

void add(std::uint64_t& count, std::int64_t pages) { count += static_cast<std::uint64_t>(pages); }

bool exceeds(std::uint64_t count, std::int64_t pages, std::uint64_t limit_bytes) {
  const std::int64_t wanted = static_cast<std::int64_t>(count) + pages;
  return wanted > static_cast<std::int64_t>(limit_bytes >> kPageShift);
}

}  // namespace

void AddressSpace::account(std::uint64_t flags, std::int64_t pages) {
  add(counts_.total, pages);
  counts_.peak_total = std::max(counts_.peak_total, counts_.total);
  if (is_exec(flags)) {
    add(counts_.exec, pages);
  } else if ((flags & kGrowsDown) != 0) {
    add(counts_.stack, pages);
  } else if (is_data(flags)) {
    add(counts_.data, pages);
  }
  if ((flags & kLocked) != 0) add(counts_.locked, pages);
}

bool AddressSpace::may_expand(std::uint64_t flags, std::int64_t pages) const {
  if (exceeds(counts_.total, pages, limits_.address_space)) return false;
  return !is_data(flags) || !exceeds(counts_.data, pages, limits_.data);
}

bool AddressSpace::may_lock(std::uint64_t flags, std::uint64_t bytes) const {
  if ((flags & kLocked) == 0) return true;
  return (bytes >> kPageShift) + counts_.locked <= limits_.locked >> kPageShift;
}

bool AddressSpace::may_commit(std::int64_t pages) const {
  return pages <= static_cast<std::int64_t>(frames_.frame_count());
}

}  // namespace gonzo

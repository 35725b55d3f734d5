// Reserving and committing. Page: "VirtualAlloc function (memoryapi.h)" (learn.microsoft.com).
#include <linux/mman.h>

#include "windows/core_error.h"
#include "windows/page_protection.h"
#include "windows/vad.h"

namespace gonzo::windows {
namespace {

/// MEM_LARGE_PAGES, MEM_PHYSICAL and MEM_WRITE_WATCH are refused.
bool is_allocation_type(std::uint32_t type) {
  if (type == mem::kReset || type == mem::kResetUndo) return true;
  constexpr std::uint32_t kKnown = mem::kCommit | mem::kReserve | mem::kTopDown;
  return (type & ~kKnown) == 0 && (type & (mem::kCommit | mem::kReserve)) != 0;
}

}  // namespace

/// The start of what was reserved, or of the first page. Sizes round up to pages; an address rounds
/// down, to a granule if it is reserved and else to a page. MEM_COMMIT alone at NULL reserves too;
/// pages that are committed already may be committed again, and have the new protection then.
/// In this order:
/// ERROR_INVALID_PARAMETER: size 0; an unknown type; MEM_RESET or MEM_RESET_UNDO with another one;
/// an unknown protection, or one for views (PAGE_WRITECOPY); beyond the addresses given out.
/// ERROR_INVALID_ADDRESS: to be reserved, and something is there; to be committed, and not all of
/// it is of one reservation. ERROR_NOT_ENOUGH_MEMORY: no room that is large enough, or no memory
/// for the core's own. ERROR_COMMITMENT_LIMIT. MEM_RESET: see reset().
Win32Result<VirtAddr> VirtualMemory::allocate(VirtAddr address, std::uint64_t size,
                                              std::uint32_t type, std::uint32_t protection) {
  if (size == 0 || !is_allocation_type(type) || !is_protection(protection) ||
      (protection & kCopiedPages) != 0 || size > range_.end.value || address > range_.end - size) {
    return fail(Win32Error::kInvalidParameter);
  }
  const LockGuard guard(lock_);
  if (type == mem::kReset || type == mem::kResetUndo) return reset(address, size, type);
  if ((type & mem::kReserve) != 0 || address == VirtAddr()) {
    return reserve(address, size, type, protection);
  }
  return commit(address, size, protection);
}

Win32Result<VirtAddr> VirtualMemory::reserve(VirtAddr address, std::uint64_t size,
                                             std::uint32_t type, std::uint32_t protection) {
  AddressRange range{VirtAddr(granules_floor(address.value)), (address + size).page_ceil()};
  if (address == VirtAddr()) {
    const bool top_down = (type & mem::kTopDown) != 0;
    const auto room = room_for(page_ceil(size), top_down ? Search::kTopDown : Search::kBottomUp);
    if (!room) return fail(Win32Error::kNotEnoughMemory);
    range = *room;
  } else {
    if (!range_.contains(range)) return fail(Win32Error::kInvalidParameter);
    if (!is_free(range)) return fail(Win32Error::kInvalidAddress);
  }
  Vad& vad = enter(std::make_unique<Vad>(range, protection, Vad::Kind::kPrivate));
  if ((type & mem::kCommit) != 0) {
    if (const auto committed = commit_private(vad, range, protection); !committed) {
      forget(vad);
      return fail(committed.error());
    }
  }
  return range.start;
}

Win32Result<VirtAddr> VirtualMemory::commit(VirtAddr address, std::uint64_t size,
                                            std::uint32_t protection) {
  const AddressRange range{address.page_floor(), (address + size).page_ceil()};
  Vad* const vad = vad_holding(range);
  if (vad == nullptr) return fail(Win32Error::kInvalidAddress);
  const auto committed = vad->is_view() ? commit_view(*vad, range, protection)
                                        : commit_private(*vad, range, protection);
  if (!committed) return fail(committed.error());
  return range.start;
}

/// What is refused is refused before the first change, but for memory for the core's index: then
/// what comes before stays committed.
Win32Result<void> VirtualMemory::commit_private(Vad& vad, AddressRange range,
                                                std::uint32_t protection) {
  const std::uint64_t end = range.end.page_number();
  const std::uint64_t missing =
      range.pages() - vad.protections.count(range.start.page_number(), end);
  if (!charge(missing)) return fail(Win32Error::kCommitmentLimit);
  std::uint64_t mapped = 0;
  const auto stop = [&](Errno error) GONZO_NO_THREAD_SAFETY_ANALYSIS {
    uncharge(missing - mapped);
    return fail(error_of(error));
  };
  for (std::uint64_t page = range.start.page_number(); page < end;) {
    const PageRuns::Part part = vad.protections.part_at(page, end);
    const VirtAddr start(page << kPageShift);
    const std::uint64_t length = (part.end - page) * kPageSize;
    if (part.value) {
      const auto changed = space_.protect(start, length, core_protection(protection));
      if (!changed) return stop(changed.error());
    } else {
      const auto done = space_.map({.hint = start,
                                    .length = length,
                                    .protection = core_protection(protection),
                                    .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                                    .charging = Charging::kCallers});
      if (!done) return stop(done.error());
      mapped += part.end - page;
    }
    vad.protections.set(page, part.end, protection);
    page = part.end;
  }
  return {};
}

/// Pages of a section that reserves them become everybody's who has a view.
Win32Result<void> VirtualMemory::commit_view(Vad& vad, AddressRange range,
                                             std::uint32_t protection) {
  if (!vad.lets(protection)) return fail(Win32Error::kInvalidParameter);
  const std::uint64_t first = vad.section_page_at(range.start.page_number());
  if (const auto done = vad.section->commit(first, first + range.pages()); !done) return done;
  return set_protection(vad, range, protection);
}

}  // namespace gonzo::windows

// Contents that a program may miss, or not. Page: "VirtualAlloc function (memoryapi.h)"
// (learn.microsoft.com), MEM_RESET and MEM_RESET_UNDO.
#include <linux/mman.h>

#include "windows/core_error.h"
#include "windows/page_words.h"
#include "windows/vad.h"

namespace gonzo::windows {

/// Pages that lie in the range as a whole: what is beside them is not to be lost. MEM_RESET: they
/// stay committed, and need not keep their contents until they are written to again; those of a
/// page-file view stay, but leave memory first. MEM_RESET_UNDO: all of them are as they were, or
/// ERROR_GEN_FAILURE (the documentation names no code): some read as zeros now. A page that was
/// written to in between is the program's again.
/// ERROR_INVALID_ADDRESS: no whole page, or not all are committed, in one reservation.
/// ERROR_USER_MAPPED_FILE: a file's view.
Win32Result<VirtAddr> VirtualMemory::reset(VirtAddr address, std::uint64_t size,
                                           std::uint32_t type) {
  const AddressRange range{address.page_ceil(), (address + size).page_floor()};
  if (range.empty()) return fail(Win32Error::kInvalidAddress);
  Vad* const vad = vad_holding(range);
  if (vad == nullptr || !is_committed(*vad, range)) return fail(Win32Error::kInvalidAddress);
  if (vad->is_view() && vad->section->is_file()) return fail(Win32Error::kUserMappedFile);

  if (type == mem::kResetUndo) {
    if (!vad->is_view() && !take_back(*vad, range)) return fail(Win32Error::kGenFailure);
    return range.start;
  }
  if (!vad->is_view()) give_up(*vad, range);
  const int advice = vad->is_view() ? MADV_COLD : MADV_FREE;
  if (const auto advised = space_.advise(range.start, range.size(), advice); !advised) {
    return fail(error_of(advised.error()));
  }
  return range.start;
}

void VirtualMemory::give_up(Vad& vad, AddressRange range) {
  visit_own_pages(space_, range, [&](std::uint64_t page, bool is_own) {
    if (is_own) vad.given_up.set(page, page + 1, 0);
    return true;
  });
}

/// False: something is lost. What is there stays from now on, in either case.
bool VirtualMemory::take_back(Vad& vad, AddressRange range) {
  space_.keep(range.start, range.size());
  const std::uint64_t end = range.end.page_number();
  bool is_complete = true;
  visit_own_pages(space_, range, [&](std::uint64_t page, bool is_own) {
    is_complete = is_own || !vad.given_up.part_at(page, end).value;
    return is_complete;
  });
  vad.given_up.erase(range.start.page_number(), end);
  return is_complete;
}

}  // namespace gonzo::windows

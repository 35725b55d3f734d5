// Views of sections. Pages: "MapViewOfFile function", "MapViewOfFileEx function",
// "UnmapViewOfFile function", "FlushViewOfFile function" (learn.microsoft.com).
#include <linux/mman.h>

#include "windows/core_error.h"
#include "windows/page_protection.h"
#include "windows/vad.h"

namespace gonzo::windows {
namespace {

/// The access that counts: FILE_MAP_ALL_ACCESS is FILE_MAP_WRITE, which includes reading; 0 if it
/// is none.
std::uint32_t plain_access(std::uint32_t access) {
  const std::uint32_t execute = access & file_map::kExecute;
  for (const std::uint32_t one : {file_map::kWrite, file_map::kCopy, file_map::kRead}) {
    if ((access & one) != 0) return one | execute;
  }
  return 0;
}

std::uint32_t initial_protection(std::uint32_t access) {
  const bool executes = (access & file_map::kExecute) != 0;
  if ((access & file_map::kWrite) != 0) {
    return executes ? page::kExecuteReadWrite : page::kReadWrite;
  }
  if ((access & file_map::kCopy) != 0) {
    return executes ? page::kExecuteWriteCopy : page::kWriteCopy;
  }
  return executes ? page::kExecuteRead : page::kReadOnly;
}

/// The bytes of the section to show. Errors: see map_view().
Win32Result<std::uint64_t> view_bytes(const Section& section, const ViewRequest& request,
                                      std::uint32_t access) {
  if (access == 0) return fail(Win32Error::kInvalidParameter);
  if ((request.offset | request.base.value) % kAllocationGranularity != 0) {
    return fail(Win32Error::kMappedAlignment);
  }
  if (((access & file_map::kWrite) != 0 && !section.lets_write()) ||
      ((access & file_map::kExecute) != 0 && !section.lets_execute())) {
    return fail(Win32Error::kAccessDenied);
  }
  if (request.offset >= section.size()) return fail(Win32Error::kAccessDenied);
  const std::uint64_t rest = section.size() - request.offset;
  if (request.bytes > rest) return fail(Win32Error::kAccessDenied);
  return request.bytes == 0 ? rest : request.bytes;
}

}  // namespace

/// In this order:
/// ERROR_INVALID_PARAMETER: an access that neither reads, writes nor copies.
/// ERROR_MAPPED_ALIGNMENT: the offset or the base is no multiple of the allocation granularity.
/// ERROR_ACCESS_DENIED: more access than the section's protection gives; past its end.
/// ERROR_INVALID_PARAMETER: a base past the addresses given out. ERROR_INVALID_ADDRESS: something
/// is there. ERROR_NOT_ENOUGH_MEMORY: no room. ERROR_COMMITMENT_LIMIT: FILE_MAP_COPY, for each page
/// of which may become one of the process's own.
Win32Result<VirtAddr> VirtualMemory::map_view(const SectionRef& section,
                                              const ViewRequest& request) {
  const std::uint32_t access = plain_access(request.access);
  const auto bytes = view_bytes(*section, request, access);
  if (!bytes) return fail(bytes.error());

  const LockGuard guard(lock_);
  const auto range = place_view(request.base, page_ceil(*bytes));
  if (!range) return fail(range.error());
  const bool copies = (access & file_map::kCopy) != 0;
  if (copies && !charge(range->pages())) return fail(Win32Error::kCommitmentLimit);

  auto vad = std::make_unique<Vad>(*range, initial_protection(access),
                                   copies ? Vad::Kind::kCopied : Vad::Kind::kShared);
  vad->section = section;
  vad->section_page = request.offset >> kPageShift;
  vad->access = access;
  vad->protections.set(range->start.page_number(), range->end.page_number(),
                       vad->allocation_protect);
  if (const auto mapped = map_core(*vad); !mapped) {
    if (copies) uncharge(range->pages());
    return fail(mapped.error());
  }
  return enter(std::move(vad)).pages.start;
}

Win32Result<AddressRange> VirtualMemory::place_view(VirtAddr base, std::uint64_t length) const {
  if (base == VirtAddr()) {
    const auto room = room_for(length, Search::kBottomUp);
    if (!room) return fail(Win32Error::kNotEnoughMemory);
    return *room;
  }
  const AddressRange range{base, base + length};
  if (range.empty() || !range_.contains(range)) return fail(Win32Error::kInvalidParameter);
  if (!is_free(range)) return fail(Win32Error::kInvalidAddress);
  return range;
}

/// Pages that their section has not committed are closed: the first fault after that opens them
/// (resolve()), in whichever process it was done.
Win32Result<void> VirtualMemory::map_core(const Vad& vad) {
  const bool copies = vad.kind == Vad::Kind::kCopied;
  const bool closed = vad.section->is_reserved();
  const auto mapped =
      space_.map({.hint = vad.pages.start,
                  .length = vad.pages.size(),
                  .protection = closed ? PROT_NONE : core_protection(vad.allocation_protect),
                  .flags = (copies ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED_NOREPLACE,
                  .object = &vad.section->object(),
                  .offset = vad.section_page << kPageShift,
                  .object_writable = (vad.access & file_map::kWrite) != 0,
                  .object_executable = (vad.access & file_map::kExecute) != 0,
                  .charging = Charging::kCallers});
  if (!mapped) return fail(error_of(mapped.error()));
  return {};
}

Win32Result<void> VirtualMemory::unmap_view(VirtAddr address) {
  const VirtAddr page = address.page_floor();
  const LockGuard guard(lock_);
  Vad* const vad = vad_holding({page, page + kPageSize});
  if (vad == nullptr || !vad->is_view()) return fail(Win32Error::kInvalidAddress);
  return unmap(*vad);
}

Win32Result<void> VirtualMemory::flush_view(VirtAddr address, std::uint64_t bytes) {
  AddressRange range{address.page_floor(), address + bytes};
  {
    const LockGuard guard(lock_);
    const Vad* const vad = vad_holding({range.start, range.start + kPageSize});
    if (vad == nullptr || !vad->is_view()) return fail(Win32Error::kInvalidAddress);
    range.end = bytes == 0 ? vad->pages.end : range.end.page_ceil();
    if (range.empty() || !vad->pages.contains(range)) return fail(Win32Error::kInvalidAddress);
  }
  // The file is written with no lock held: the view may have gone meanwhile.
  const auto synced = space_.sync(range.start, range.size(), MS_SYNC);
  if (synced) return {};
  return fail(synced.error() == Errno::kNoMem ? Win32Error::kInvalidAddress
                                              : error_of(synced.error()));
}

}  // namespace gonzo::windows

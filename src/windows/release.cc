// Page: "VirtualFree function (memoryapi.h)" (learn.microsoft.com).
#include "windows/core_error.h"
#include "windows/vad.h"

namespace gonzo::windows {

/// MEM_DECOMMIT: all pages that the range touches are reserved only, be they committed or not; with
/// size 0 at the base, all of the reservation. MEM_RELEASE: the reservation is gone, whatever was
/// committed of it. In this order:
/// ERROR_INVALID_PARAMETER: neither, or both; MEM_RELEASE with a size; past the addresses given
/// out. ERROR_INVALID_ADDRESS: nothing is reserved there. ERROR_INVALID_PARAMETER: a view; past the
/// reservation's end. ERROR_INVALID_ADDRESS: size 0, not at the base. ERROR_NOT_ENOUGH_MEMORY: no
/// memory for the core's index.
Win32Result<void> VirtualMemory::free(VirtAddr address, std::uint64_t size, std::uint32_t type) {
  const bool releases = type == mem::kRelease;
  if ((!releases && type != mem::kDecommit) || (releases && size != 0) || size > range_.end.value ||
      address > range_.end - size) {
    return fail(Win32Error::kInvalidParameter);
  }
  const VirtAddr page = address.page_floor();
  const LockGuard guard(lock_);
  Vad* const vad = vad_holding({page, page + kPageSize});
  if (vad == nullptr) return fail(Win32Error::kInvalidAddress);
  if (vad->is_view()) return fail(Win32Error::kInvalidParameter);
  if (size == 0 && page != vad->pages.start) return fail(Win32Error::kInvalidAddress);
  if (releases) return unmap(*vad);

  const AddressRange range =
      size == 0 ? vad->pages : AddressRange{page, (address + size).page_ceil()};
  if (!vad->pages.contains(range)) return fail(Win32Error::kInvalidParameter);
  return decommit(*vad, range);
}

Win32Result<void> VirtualMemory::decommit(Vad& vad, AddressRange range) {
  if (const auto unmapped = space_.unmap(range.start, range.size()); !unmapped) {
    return fail(error_of(unmapped.error()));
  }
  const std::uint64_t first = range.start.page_number(), end = range.end.page_number();
  uncharge(vad.protections.count(first, end));
  vad.protections.erase(first, end);
  vad.given_up.erase(first, end);
  return {};
}

}  // namespace gonzo::windows

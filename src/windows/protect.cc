// Page: "VirtualProtect function (memoryapi.h)" (learn.microsoft.com).
#include <tuple>

#include "windows/core_error.h"
#include "windows/page_protection.h"
#include "windows/vad.h"

namespace gonzo::windows {

bool VirtualMemory::Vad::lets(std::uint32_t protection) const {
  const bool copies = (protection & kCopiedPages) != 0;
  if (!is_view()) return !copies;
  const bool writes = (protection & kWritablePages) != 0;
  if ((protection & kExecutablePages) != 0 && (access & file_map::kExecute) == 0) return false;
  if (writes && (access & file_map::kWrite) == 0) return false;
  return !copies || kind == Kind::kCopied;
}

/// The first page's protection so far; a copy-on-write page that has been copied is a plain
/// writable one. All pages that the range touches change, or none. In this order:
/// ERROR_INVALID_PARAMETER: size 0, an unknown protection, or past the addresses given out.
/// ERROR_INVALID_ADDRESS: not all are of one reservation or view, or not all are committed.
/// ERROR_INVALID_PARAMETER: PAGE_WRITECOPY elsewhere than in a view with FILE_MAP_COPY; more than
/// the view was mapped for. ERROR_NOT_ENOUGH_MEMORY: the core cannot tell so many areas apart.
Win32Result<std::uint32_t> VirtualMemory::protect(VirtAddr address, std::uint64_t size,
                                                  std::uint32_t protection) {
  if (size == 0 || !is_protection(protection) || size > range_.end.value ||
      address > range_.end - size) {
    return fail(Win32Error::kInvalidParameter);
  }
  const AddressRange range{address.page_floor(), (address + size).page_ceil()};
  const LockGuard guard(lock_);
  Vad* const vad = vad_holding(range);
  if (vad == nullptr || !is_committed(*vad, range)) return fail(Win32Error::kInvalidAddress);
  if (!vad->lets(protection)) return fail(Win32Error::kInvalidParameter);
  const std::uint32_t old = shown_part(*vad, range.start).protection;
  if (const auto set = set_protection(*vad, range, protection); !set) return fail(set.error());
  return old;
}

/// All of `range` is committed.
Win32Result<void> VirtualMemory::set_protection(Vad& vad, AddressRange range,
                                                std::uint32_t protection) {
  const auto changed = space_.protect(range.start, range.size(), core_protection(protection));
  if (!changed) {
    // The core stops where it meets its limit: what lies before goes back.
    std::ignore = apply(vad, range);
    return fail(error_of(changed.error()));
  }
  vad.protections.set(range.start.page_number(), range.end.page_number(), protection);
  return {};
}

/// The core's areas as the contract has them.
Win32Result<void> VirtualMemory::apply(const Vad& vad, AddressRange range) {
  for (VirtAddr at = range.start; at < range.end;) {
    const Part part = Part::at(vad, at, range.end);
    if (part.is_committed) {
      const auto changed = space_.protect(at, part.end - at, core_protection(part.protection));
      if (!changed) return fail(error_of(changed.error()));
    }
    at = part.end;
  }
  return {};
}

}  // namespace gonzo::windows

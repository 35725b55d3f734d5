// Accesses. Pages: "Creating Guard Pages", "EXCEPTION_RECORD structure (winnt.h)"
// (learn.microsoft.com).
#include <algorithm>

#include "windows/page_protection.h"
#include "windows/vad.h"

namespace gonzo::windows {

NtStatus VirtualMemory::fault(VirtAddr address, Access access) {
  for (;;) {
    switch (space_.fault(address, access)) {
      case FaultOutcome::kMinor:
      case FaultOutcome::kMajor:
        return NtStatus::kSuccess;
      case FaultOutcome::kOutOfMemory:
        return NtStatus::kNoMemory;
      case FaultOutcome::kBeyondObject:
        return NtStatus::kInPageError;
      case FaultOutcome::kNoMapping:
      case FaultOutcome::kNoAccess:
        break;
    }
    const LockGuard guard(lock_);
    if (const NtStatus status = resolve(address, access); status != NtStatus::kSuccess) {
      return status;
    }
  }
}

/// The core has denied an access. STATUS_SUCCESS: the contract grants it by now, and so does the
/// core: somebody else has changed it meanwhile, or committed the page through another view.
NtStatus VirtualMemory::resolve(VirtAddr address, Access access) {
  const AddressRange page{address.page_floor(), address.page_floor() + kPageSize};
  Vad* const vad = vad_holding(page);
  if (vad == nullptr) return NtStatus::kAccessViolation;
  const Part part = Part::at(*vad, page.start, vad->pages.end);
  if (!part.is_committed) return NtStatus::kAccessViolation;
  if (is_guarded(part.protection)) {
    const auto opened = set_protection(*vad, page, part.protection & ~page::kGuard);
    return opened ? NtStatus::kGuardPageViolation : NtStatus::kNoMemory;
  }
  if (!permits(part.protection, access, space_.page_table().has_no_execute())) {
    return NtStatus::kAccessViolation;
  }
  return apply(*vad, {page.start, part.end}) ? NtStatus::kSuccess : NtStatus::kNoMemory;
}

/// Page by page, so that the one that fails is known.
NtStatus VirtualMemory::copy(VirtAddr at, std::size_t size, Access access,
                             const CopyPart& copy_part) {
  if (size > range_.end.value || at > range_.end - size) return NtStatus::kAccessViolation;
  for (const VirtAddr end = at + size; at < end;) {
    const std::size_t step = std::min<std::uint64_t>(kPageSize - at.page_offset(), end - at);
    while (!copy_part(at, step)) {
      if (const NtStatus status = fault(at, access); status != NtStatus::kSuccess) return status;
    }
    at += step;
  }
  return NtStatus::kSuccess;
}

NtStatus VirtualMemory::copy_in(std::span<std::byte> to, VirtAddr from) {
  return copy(from, to.size(), Access::kRead, [&](VirtAddr at, std::size_t size) {
    return space_.copy_in(to.subspan(at - from, size), at).has_value();
  });
}

NtStatus VirtualMemory::copy_out(VirtAddr to, std::span<const std::byte> from) {
  return copy(to, from.size(), Access::kWrite, [&](VirtAddr at, std::size_t size) {
    return space_.copy_out(at, from.subspan(at - to, size)).has_value();
  });
}

}  // namespace gonzo::windows

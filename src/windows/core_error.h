// What a refusal of the core's is in Win32's words.
#pragma once

#include <gonzo/base/result.h>
#include <gonzo/windows/win32_error.h>

namespace gonzo::windows {

/// Of AddressSpace's contracts, for ranges that were checked before: what is left is a lack of
/// something, or that somebody else uses the address space.
constexpr Win32Error error_of(Errno error) {
  switch (error) {
    case Errno::kExist:
    case Errno::kPerm:
      return Win32Error::kInvalidAddress;
    case Errno::kAcces:
      return Win32Error::kAccessDenied;
    case Errno::kIo:
      return Win32Error::kIoDevice;
    case Errno::kNoSpc:
      return Win32Error::kDiskFull;
    default:
      return Win32Error::kNotEnoughMemory;
  }
}

}  // namespace gonzo::windows

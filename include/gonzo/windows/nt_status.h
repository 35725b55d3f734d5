// What an access to memory comes to, as the NT kernel says it. Source: "NTSTATUS Values"
// ([MS-ERREF] 2.3.1, learn.microsoft.com).
#pragma once

#include <cstdint>
#include <string_view>

namespace gonzo::windows {

enum class NtStatus : std::uint32_t {
  kSuccess = 0,
  kGuardPageViolation = 0x80000001,  ///< once for each PAGE_GUARD
  kAccessViolation = 0xC0000005,     ///< free, reserved, or not allowed
  kInPageError = 0xC0000006,         ///< the file, or the device of the swap, could not be read
  kNoMemory = 0xC0000017,            ///< no frame, and nothing to reclaim
};

/// "STATUS_ACCESS_VIOLATION" ...
std::string_view name_of(NtStatus status);

}  // namespace gonzo::windows

// Win32's error codes, as far as the calls of this room give them, and the Result that carries
// them. Source: "System Error Codes" (learn.microsoft.com).
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

namespace gonzo::windows {

enum class Win32Error : std::uint32_t {
  kAccessDenied = 5,
  kNotEnoughMemory = 8,
  kGenFailure = 31,
  kDiskFull = 112,
  kInvalidParameter = 87,
  kInvalidAddress = 487,
  kFileInvalid = 1006,
  kIoDevice = 1117,
  kMappedAlignment = 1132,
  kUserMappedFile = 1224,
  kCommitmentLimit = 1455,
};

/// "ERROR_INVALID_ADDRESS" ...
std::string_view name_of(Win32Error error);

template <typename T>
using Win32Result = std::expected<T, Win32Error>;

/// `return fail(Win32Error::kInvalidAddress);`
constexpr std::unexpected<Win32Error> fail(Win32Error error) {
  return std::unexpected<Win32Error>(error);
}

}  // namespace gonzo::windows

#include <gonzo/windows/nt_status.h>
#include <gonzo/windows/win32_error.h>

namespace gonzo::windows {

std::string_view name_of(Win32Error error) {
  switch (error) {
    case Win32Error::kAccessDenied:
      return "ERROR_ACCESS_DENIED";
    case Win32Error::kNotEnoughMemory:
      return "ERROR_NOT_ENOUGH_MEMORY";
    case Win32Error::kGenFailure:
      return "ERROR_GEN_FAILURE";
    case Win32Error::kDiskFull:
      return "ERROR_DISK_FULL";
    case Win32Error::kInvalidParameter:
      return "ERROR_INVALID_PARAMETER";
    case Win32Error::kInvalidAddress:
      return "ERROR_INVALID_ADDRESS";
    case Win32Error::kFileInvalid:
      return "ERROR_FILE_INVALID";
    case Win32Error::kIoDevice:
      return "ERROR_IO_DEVICE";
    case Win32Error::kMappedAlignment:
      return "ERROR_MAPPED_ALIGNMENT";
    case Win32Error::kUserMappedFile:
      return "ERROR_USER_MAPPED_FILE";
    case Win32Error::kCommitmentLimit:
      return "ERROR_COMMITMENT_LIMIT";
  }
  return "ERROR_?";
}

std::string_view name_of(NtStatus status) {
  switch (status) {
    case NtStatus::kSuccess:
      return "STATUS_SUCCESS";
    case NtStatus::kGuardPageViolation:
      return "STATUS_GUARD_PAGE_VIOLATION";
    case NtStatus::kAccessViolation:
      return "STATUS_ACCESS_VIOLATION";
    case NtStatus::kInPageError:
      return "STATUS_IN_PAGE_ERROR";
    case NtStatus::kNoMemory:
      return "STATUS_NO_MEMORY";
  }
  return "STATUS_?";
}

}  // namespace gonzo::windows

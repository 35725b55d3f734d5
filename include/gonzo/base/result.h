// Errors: Linux's errno values as a type, and the Result that carries them.
#pragma once

#include <cerrno>
#include <expected>
#include <string_view>

namespace gonzo {

/// A Linux errno value (asm-generic/errno.h). Any host errno may be carried, named here or not.
enum class Errno : int {
  kPerm = EPERM,
  kNoEnt = ENOENT,
  kSrch = ESRCH,
  kIntr = EINTR,
  kIo = EIO,
  kNxIo = ENXIO,
  kTooBig = E2BIG,
  kNoExec = ENOEXEC,
  kBadF = EBADF,
  k2Big = E2BIG,
  kChild = ECHILD,
  kAgain = EAGAIN,
  kNoMem = ENOMEM,
  kAcces = EACCES,
  kFault = EFAULT,
  kBusy = EBUSY,
  kExist = EEXIST,
  kNoDev = ENODEV,
  kNotDir = ENOTDIR,
  kIsDir = EISDIR,
  kInval = EINVAL,
  kNFile = ENFILE,
  kMFile = EMFILE,
  kNoTty = ENOTTY,
  kTxtBsy = ETXTBSY,
  kFBig = EFBIG,
  kNoSpc = ENOSPC,
  kSPipe = ESPIPE,
  kRoFs = EROFS,
  kPipe = EPIPE,
  kRange = ERANGE,
  kDeadlk = EDEADLK,
  kNameTooLong = ENAMETOOLONG,
  kNoSys = ENOSYS,
  kLoop = ELOOP,
  kOverflow = EOVERFLOW,
  kLibBad = ELIBBAD,
  kMsgSize = EMSGSIZE,
  kOpNotSupp = EOPNOTSUPP,
};

/// The symbolic name ("ENOMEM"), or "E?" for a value the host does not name.
std::string_view errno_name(Errno error);
/// The host's description ("Cannot allocate memory").
std::string_view errno_text(Errno error);

template <typename T>
using Result = std::expected<T, Errno>;

/// `return fail(Errno::kNoMem);`
constexpr std::unexpected<Errno> fail(Errno error) { return std::unexpected<Errno>(error); }
/// For the line after a failed host call.
inline std::unexpected<Errno> fail_from_host() {
  return std::unexpected<Errno>(static_cast<Errno>(errno));
}

}  // namespace gonzo

// `GONZO_TRY(expr);` returns the error of a Result expression to the caller.
#define GONZO_TRY(expr)                                                 \
  do {                                                                  \
    if (auto gonzo_try_result = (expr); !gonzo_try_result) {            \
      return std::unexpected<::gonzo::Errno>(gonzo_try_result.error()); \
    }                                                                   \
  } while (false)

#define GONZO_CONCAT_(a, b) a##b
#define GONZO_CONCAT(a, b) GONZO_CONCAT_(a, b)
// `GONZO_ASSIGN(auto x, expr);` does the same and keeps the value.
#define GONZO_ASSIGN_(tmp, decl, expr)                           \
  auto tmp = (expr);                                             \
  if (!tmp) return std::unexpected<::gonzo::Errno>(tmp.error()); \
  decl = std::move(*tmp)
#define GONZO_ASSIGN(decl, expr) GONZO_ASSIGN_(GONZO_CONCAT(gonzo_assign_, __LINE__), decl, expr)

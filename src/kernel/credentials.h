// Whose a task is, and who may look into it. Linux: struct cred, __ptrace_may_access.
#pragma once

#include <cstdint>

#include <gonzo/base/result.h>

namespace gonzo {

/// A guest's task has those of its host thread.
struct Credentials {
  unsigned uid = 0, euid = 0, suid = 0, fsuid = 0;
  unsigned gid = 0, egid = 0, sgid = 0, fsgid = 0;
  std::uint64_t permitted = 0, effective = 0;  ///< CAP_* as bits

  /// Of the calling host thread.
  static Credentials current();
  /// By its real ids it is the subject, in all that the subject is.
  bool is_user(const Credentials& subject) const;
  /// `capability`: CAP_*. In effect.
  bool has(unsigned capability) const { return (effective >> capability & 1) != 0; }
};

/// As which user the caller asks: whose files it may open, or who it is.
enum class CallerIds : std::uint8_t {
  kFile,  ///< PTRACE_MODE_FSCREDS
  kReal,  ///< PTRACE_MODE_REALCREDS
};

/// Whether it says that others of its user may look (PR_SET_DUMPABLE); kNone: it has no memory.
enum class Dumpable : std::uint8_t { kNo, kYes, kNone };

/// Of threads of different processes. EPERM: another user, more privileges, or not dumpable.
Result<void> may_inspect(const Credentials& caller, const Credentials& subject, Dumpable dumpable,
                         CallerIds ids);

}  // namespace gonzo

// POSIX record locks. Linux: fs/locks.c, whose owner of such a lock is a files_struct.
#pragma once

#include <fcntl.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "kernel/open_file.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/cache/backing_file.h>

namespace gonzo {

/// EBADF.
Result<FileIdentity> identity_of(const OpenFile& file);

struct RecordLock {
  std::int64_t first = 0, last = 0;  ///< bytes, both included
  short type = F_UNLCK;              ///< F_RDLCK, F_WRLCK, F_UNLCK
  int pid = 0;                       ///< who took it
};

/// Of one descriptor table. The host sees one process, so each table has a description of its own
/// of each file that it locks, and locks by that (F_OFD_SETLK): tables exclude each other and other
/// programs of the host, and the locks end with the description. Thread-safe.
class RecordLocks {
 public:
  /// By which `file` is locked. EMFILE, EBADF.
  Result<OpenFileRef> description(const OpenFile& file) GONZO_EXCLUDES(lock_);
  /// By that description a lock was set or, with F_UNLCK, taken away.
  void note(const OpenFileRef& description, const RecordLock& lock) GONZO_EXCLUDES(lock_);
  /// Who took a lock that is in the way of `wanted`.
  std::optional<int> owner_against(const FileIdentity& file, const RecordLock& wanted) const
      GONZO_EXCLUDES(lock_);
  /// A descriptor of the file was closed: none of its locks is left (fcntl(2)).
  void file_closed(const OpenFile& file) GONZO_EXCLUDES(lock_);

 private:
  struct LockedFile {
    OpenFileRef description;
    std::vector<RecordLock> locks;  ///< none overlaps another
  };

  mutable Mutex lock_;
  std::map<FileIdentity, LockedFile> files_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo

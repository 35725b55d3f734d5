// The guest's descriptor numbers. Linux: struct files_struct. Host descriptors never show through.
#pragma once

#include <cstddef>
#include <vector>

#include "kernel/open_file.h"
#include "kernel/record_locks.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>

namespace gonzo {

enum class CloseOnExec : bool { kNo, kYes };

class FileTable {
 public:
  explicit FileTable(unsigned limit) : limit_(limit) {}
  /// fork: the same open files at the same numbers, no record locks.
  FileTable(const FileTable& other) GONZO_EXCLUDES(other.lock_);
  FileTable& operator=(const FileTable&) = delete;

  /// The lowest free number from `from` up. EMFILE; EINVAL when `from` is past the limit.
  Result<int> insert(OpenFileRef file, CloseOnExec cloexec, int from = 0) GONZO_EXCLUDES(lock_);
  /// At that number, closing what was there (dup2). EBADF when out of range.
  Result<void> insert_at(int fd, OpenFileRef file, CloseOnExec cloexec) GONZO_EXCLUDES(lock_);
  Result<OpenFileRef> get(int fd) const GONZO_EXCLUDES(lock_);
  Result<void> close(int fd) GONZO_EXCLUDES(lock_);
  Result<CloseOnExec> cloexec(int fd) const GONZO_EXCLUDES(lock_);
  Result<void> set_cloexec(int fd, CloseOnExec cloexec) GONZO_EXCLUDES(lock_);
  RecordLocks& record_locks() { return record_locks_; }
  /// Closes what exec closes.
  void close_on_exec() GONZO_EXCLUDES(lock_);
  /// Open numbers, ascending (close_range, /proc/self/fd).
  std::vector<int> numbers() const GONZO_EXCLUDES(lock_);
  void set_limit(unsigned limit) GONZO_EXCLUDES(lock_);
  /// How many slots Linux would have allocated: FDSize in /proc/PID/status.
  std::size_t capacity() const GONZO_EXCLUDES(lock_);

 private:
  struct Slot {
    OpenFileRef file;
    CloseOnExec cloexec = CloseOnExec::kNo;
  };
  Slot* find(int fd) GONZO_REQUIRES(lock_);
  const Slot* find(int fd) const GONZO_REQUIRES(lock_);

  RecordLocks record_locks_;
  mutable Mutex lock_;
  unsigned limit_ GONZO_GUARDED_BY(lock_);
  std::vector<Slot> slots_ GONZO_GUARDED_BY(lock_);
};

/// A duplicate of a host descriptor at a high number, CLOEXEC: our own stay clear of low numbers.
/// EMFILE, EBADF.
Result<int> duplicate_high(int host_fd);
/// The same, and closes the original; in failure it stays open.
Result<int> move_high(int host_fd);

}  // namespace gonzo

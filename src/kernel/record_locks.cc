#include "kernel/record_locks.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "kernel/file_table.h"

namespace gonzo {
namespace {

/// A description of its own for `file`. To open anything but a regular file would be felt by
/// others (a pipe gets a reader); there the guest's own description must do.
Result<OpenFileRef> reopen(const OpenFile& file) {
  struct stat what{};
  if (::fstat(file.host_fd(), &what) != 0) return fail_from_host();
  int opened = -1;
  if (S_ISREG(what.st_mode)) {
    const std::string name = fmt::format("/proc/self/fd/{}", file.host_fd());
    const int access = ::fcntl(file.host_fd(), F_GETFL) & O_ACCMODE;
    for (const int flags : {O_RDWR, access}) {
      if (opened < 0) opened = ::open(name.c_str(), flags | O_CLOEXEC);
    }
  }
  if (opened < 0) {
    GONZO_ASSIGN(const int copy, duplicate_high(file.host_fd()));
    return std::make_shared<OpenFile>(copy);
  }
  const auto high = move_high(opened);
  return std::make_shared<OpenFile>(high ? *high : opened);
}

bool overlap(const RecordLock& a, const RecordLock& b) {
  return a.first <= b.last && b.first <= a.last;
}

}  // namespace

Result<FileIdentity> identity_of(const OpenFile& file) {
  struct stat what{};
  if (::fstat(file.host_fd(), &what) != 0) return fail_from_host();
  return FileIdentity{major(what.st_dev), minor(what.st_dev), what.st_ino};
}

Result<OpenFileRef> RecordLocks::description(const OpenFile& file) {
  GONZO_ASSIGN(const FileIdentity identity, identity_of(file));
  const LockGuard guard(lock_);
  const auto found = files_.find(identity);
  if (found != files_.end()) return found->second.description;
  GONZO_ASSIGN(OpenFileRef description, reopen(file));
  files_.emplace(identity, LockedFile{description, {}});
  return description;
}

void RecordLocks::note(const OpenFileRef& description, const RecordLock& lock) {
  const auto identity = identity_of(*description);
  const LockGuard guard(lock_);
  const auto found = identity ? files_.find(*identity) : files_.end();
  // Closed meanwhile: the lock ends with the description.
  if (found == files_.end() || found->second.description != description) return;
  std::vector<RecordLock> locks;
  for (const RecordLock& old : found->second.locks) {
    if (!overlap(old, lock)) {
      locks.push_back(old);
      continue;
    }
    if (old.first < lock.first) locks.push_back({old.first, lock.first - 1, old.type, old.pid});
    if (old.last > lock.last) locks.push_back({lock.last + 1, old.last, old.type, old.pid});
  }
  if (lock.type != F_UNLCK) locks.push_back(lock);
  found->second.locks = std::move(locks);
}

std::optional<int> RecordLocks::owner_against(const FileIdentity& file,
                                              const RecordLock& wanted) const {
  const LockGuard guard(lock_);
  const auto found = files_.find(file);
  if (found == files_.end()) return std::nullopt;
  for (const RecordLock& held : found->second.locks) {
    const bool exclusive = held.type == F_WRLCK || wanted.type == F_WRLCK;
    if (exclusive && overlap(held, wanted)) return held.pid;
  }
  return std::nullopt;
}

void RecordLocks::file_closed(const OpenFile& file) {
  OpenFileRef dropped;  // closed after the lock
  const LockGuard guard(lock_);
  if (files_.empty()) return;
  const auto identity = identity_of(file);
  const auto found = identity ? files_.find(*identity) : files_.end();
  if (found == files_.end()) return;
  dropped = std::move(found->second.description);
  files_.erase(found);
}

}  // namespace gonzo

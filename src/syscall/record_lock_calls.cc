// fcntl(2)'s record locks. Linux: fs/locks.c, fcntl_setlk and fcntl_getlk.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "kernel/process_table.h"
#include "kernel/record_locks.h"
#include "syscall/handlers.h"

namespace gonzo {

namespace {

constexpr std::int64_t kLastByte = std::numeric_limits<std::int64_t>::max();

std::int64_t base_of(const OpenFile& file, int whence) {
  if (whence == SEEK_CUR) return std::max<std::int64_t>(::lseek(file.host_fd(), 0, SEEK_CUR), 0);
  struct stat what{};
  if (whence == SEEK_END && ::fstat(file.host_fd(), &what) == 0) return what.st_size;
  return 0;
}

/// Linux: flock64_to_posix_lock. EINVAL, EOVERFLOW.
Result<RecordLock> lock_from(const OpenFile& file, const struct flock& given, int pid) {
  if (given.l_whence < SEEK_SET || given.l_whence > SEEK_END) return fail(Errno::kInval);
  RecordLock lock{.last = kLastByte, .type = given.l_type, .pid = pid};
  if (__builtin_add_overflow(base_of(file, given.l_whence), given.l_start, &lock.first)) {
    return fail(Errno::kOverflow);
  }
  if (lock.first < 0) return fail(Errno::kInval);
  if (given.l_len > 0 && __builtin_add_overflow(lock.first, given.l_len - 1, &lock.last)) {
    return fail(Errno::kOverflow);
  }
  if (given.l_len < 0) {
    if (lock.first + given.l_len < 0) return fail(Errno::kInval);
    lock.last = lock.first - 1;
    lock.first += given.l_len;
  }
  if (given.l_type < F_RDLCK || given.l_type > F_UNLCK) return fail(Errno::kInval);
  return lock;
}

struct flock on_host(const RecordLock& lock) {
  struct flock result{};
  result.l_type = lock.type;
  result.l_whence = SEEK_SET;
  result.l_start = lock.first;
  result.l_len = lock.last == kLastByte ? 0 : lock.last - lock.first + 1;
  return result;
}

/// Linux: check_fmode_for_setlk.
bool allows(const OpenFile& file, short type) {
  const int access = ::fcntl(file.host_fd(), F_GETFL) & O_ACCMODE;
  return type == F_UNLCK || access == O_RDWR || access == (type == F_RDLCK ? O_RDONLY : O_WRONLY);
}

/// The process that has what is in the way of `wanted`; -1: it is no process's (an open file
/// description's), 0: it is one that the guest cannot see.
int owner_against(const Call& call, const FileIdentity& file, const RecordLock& wanted,
                  int host_owner) {
  for (const auto& process : call.processes().all()) {
    const auto files = process->files_ref();
    if (files == nullptr || files.get() == &call.files()) continue;
    if (const auto owner = files->record_locks().owner_against(file, wanted)) return *owner;
  }
  return std::min(host_owner, 0);
}

std::int64_t get_lock(Call& call, const OpenFile& file, const RecordLock& wanted,
                      struct flock& found) {
  const auto identity = identity_of(file);
  const auto description = call.files().record_locks().description(file);
  if (!identity || !description) return raw(identity ? description.error() : identity.error());
  struct flock host = on_host(wanted);
  const std::int64_t result =
      call.host_uninterrupted(SYS_fcntl, {static_cast<std::uint64_t>((*description)->host_fd()),
                                          F_OFD_GETLK, reinterpret_cast<std::uint64_t>(&host)});
  if (result < 0) return result;
  if (host.l_type == F_UNLCK) {  // nothing but the type is changed
    found.l_type = F_UNLCK;
    return 0;
  }
  host.l_pid = owner_against(call, *identity, wanted, host.l_pid);
  found = host;
  return 0;
}

enum class Waiting : bool { kNo, kYes };

std::int64_t set_lock(Call& call, const OpenFile& file, const RecordLock& wanted, Waiting waiting) {
  if (!allows(file, wanted.type)) return -EBADF;
  const auto description = call.files().record_locks().description(file);
  if (!description) return raw(description.error());
  struct flock host = on_host(wanted);
  const bool waits = waiting == Waiting::kYes;
  const std::uint64_t command = waits ? F_OFD_SETLKW : F_OFD_SETLK;
  const Arguments arguments{static_cast<std::uint64_t>((*description)->host_fd()), command,
                            reinterpret_cast<std::uint64_t>(&host)};
  const std::int64_t result =
      waits ? call.host(SYS_fcntl, arguments) : call.host_uninterrupted(SYS_fcntl, arguments);
  if (result == 0) call.files().record_locks().note(*description, wanted);
  return result;
}

}  // namespace

std::int64_t record_lock(Call& call, const OpenFile& file, int command, struct flock& lock) {
  if ((::fcntl(file.host_fd(), F_GETFL) & O_PATH) != 0) return -EBADF;
  const bool asks = command == F_GETLK;
  if (asks && lock.l_type != F_RDLCK && lock.l_type != F_WRLCK) return -EINVAL;
  const auto wanted = lock_from(file, lock, call.process().pid());
  if (!wanted) return raw(wanted.error());
  if (asks) return get_lock(call, file, *wanted, lock);
  return set_lock(call, file, *wanted, command == F_SETLKW ? Waiting::kYes : Waiting::kNo);
}

}  // namespace gonzo

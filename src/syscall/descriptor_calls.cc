// The guest's descriptor numbers.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <tuple>

#include "syscall/bad_pointer.h"
#include "syscall/file_owner.h"
#include "syscall/handlers.h"
#include "syscall/ioctl_table.h"
#include "syscall/new_descriptor.h"
#include "syscall/table.h"
#include "syscall/terminal_calls.h"
#include "syscall/user_lock.h"

namespace gonzo {

namespace {

CloseOnExec close_on_exec(bool wanted) { return wanted ? CloseOnExec::kYes : CloseOnExec::kNo; }

std::int64_t dup_to(Call& call, CloseOnExec cloexec) {
  auto file = call.file(0);
  if (!file) return raw(file.error());
  const int number = call.integer(1);
  if (auto inserted = call.files().insert_at(number, std::move(*file), cloexec); !inserted) {
    return raw(inserted.error());
  }
  return number;
}

/// Two new host descriptors become the guest's, and their numbers are stored at `out`.
std::int64_t hand_out_pair(Call& call, const std::array<int, 2>& host_fds, VirtAddr out,
                           CloseOnExec cloexec) {
  const auto first = new_descriptor(call, host_fds[0], cloexec);
  if (!first) {
    ::close(host_fds[1]);
    return raw(first.error());
  }
  const auto second = new_descriptor(call, host_fds[1], cloexec);
  const auto undo = [&](Errno error) {
    std::ignore = call.files().close(*first);
    if (second) std::ignore = call.files().close(*second);
    return raw(error);
  };
  if (!second) return undo(second.error());
  const auto stored = call.memory().store(out, std::array<int, 2>{*first, *second});
  return stored ? 0 : undo(stored.error());
}

std::int64_t make_pipe(Call& call, int flags) {
  std::array<int, 2> fds;
  if (::pipe2(fds.data(), flags | O_CLOEXEC) != 0) return -errno;
  return hand_out_pair(call, fds, call.address(0), close_on_exec((flags & O_CLOEXEC) != 0));
}

constexpr int kGetOwnerUids = 17;  // F_GETOWNER_UIDS: two users

/// Bytes behind fcntl's third argument; 0: it is a number.
std::uint32_t fcntl_bytes(int command) {
  switch (command) {
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
      return sizeof(struct flock);
    case kGetOwnerUids:
    case F_GET_RW_HINT:
    case F_SET_RW_HINT:
    case F_GET_FILE_RW_HINT:
    case F_SET_FILE_RW_HINT:
      return 8;
    default:
      return 0;
  }
}

/// i386 has locks of two sizes, by command.
std::int64_t lock_i386(Call& call, const OpenFile& file) {
  const int command = call.integer(1);
  const auto kind = i386_lock_kind(command, call.layout);
  if (!kind) return -EINVAL;
  auto lock = load_lock(call, call.address(2), kind->size);
  if (!lock) return raw(lock.error());
  const bool by_description = kind->native_command == F_OFD_GETLK ||
                              kind->native_command == F_OFD_SETLK ||
                              kind->native_command == F_OFD_SETLKW;
  const std::int64_t result =
      by_description ? call.host(SYS_fcntl, {static_cast<std::uint64_t>(file.host_fd()),
                                             static_cast<std::uint64_t>(kind->native_command),
                                             reinterpret_cast<std::uint64_t>(&*lock)})
                     : record_lock(call, file, kind->native_command, *lock);
  const bool asks = kind->native_command == F_GETLK || kind->native_command == F_OFD_GETLK;
  if (result < 0 || !asks) return result;
  return raw(store_lock(call, call.address(2), *lock, kind->size));
}

std::int64_t lock_native(Call& call, const OpenFile& file) {
  auto lock = call.memory().load<struct flock>(call.address(2));
  if (!lock) return raw(lock.error());
  const std::int64_t result = record_lock(call, file, call.integer(1), *lock);
  if (result < 0 || call.integer(1) != F_GETLK) return result;
  return raw(call.memory().store(call.address(2), *lock));
}

std::int64_t fcntl_on_host(Call& call, const OpenFile& file) {
  Arguments host = call.arguments;
  host[0] = static_cast<std::uint64_t>(file.host_fd());
  const std::uint32_t bytes = fcntl_bytes(call.integer(1));
  if (bytes == 0) return call.host_uninterrupted(SYS_fcntl, host);
  alignas(8) std::array<std::byte, 64> buffer{};
  const auto memory = std::span(buffer).first(bytes);
  const bool readable = call.memory().copy_in(memory, call.address(2)).has_value();
  host[2] = readable ? reinterpret_cast<std::uint64_t>(buffer.data()) : call.bad_pointer.user();
  const std::int64_t result = call.integer(1) == F_OFD_SETLKW
                                  ? call.host(SYS_fcntl, host)
                                  : call.host_uninterrupted(SYS_fcntl, host);
  if (result < 0) return result;
  const auto copied = call.memory().copy_out(call.address(2), memory);
  return copied ? result : raw(copied.error());
}

}  // namespace

std::int64_t sys_close(Call& call) { return raw(call.files().close(call.integer(0))); }

std::int64_t sys_close_range(Call& call) {
  const unsigned first = call.word(0), last = call.word(1), flags = call.word(2);
  if ((flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) != 0 || first > last) return -EINVAL;
  for (const int fd : call.files().numbers()) {
    if (static_cast<unsigned>(fd) < first || static_cast<unsigned>(fd) > last) continue;
    if ((flags & CLOSE_RANGE_CLOEXEC) != 0) {
      std::ignore = call.files().set_cloexec(fd, CloseOnExec::kYes);
    } else {
      std::ignore = call.files().close(fd);
    }
  }
  return 0;
}

std::int64_t sys_dup(Call& call) {
  auto file = call.file(0);
  if (!file) return raw(file.error());
  return raw(call.files().insert(std::move(*file), CloseOnExec::kNo));
}

std::int64_t sys_dup2(Call& call) {
  if (call.integer(0) == call.integer(1)) {
    const auto file = call.file(0);
    return file ? call.integer(0) : raw(file.error());
  }
  return dup_to(call, CloseOnExec::kNo);
}

std::int64_t sys_dup3(Call& call) {
  if ((call.word(2) & ~static_cast<unsigned>(O_CLOEXEC)) != 0) return -EINVAL;
  if (call.integer(0) == call.integer(1)) return -EINVAL;
  return dup_to(call, close_on_exec((call.word(2) & O_CLOEXEC) != 0));
}

std::int64_t sys_fcntl(Call& call) {
  auto file = call.file(0);
  if (!file) return raw(file.error());
  const int fd = call.integer(0);
  if (call.is_i386() && is_i386_lock_command(call.integer(1))) return lock_i386(call, **file);
  switch (call.integer(1)) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
      if (call[2] > INT_MAX) return -EINVAL;
      return raw(call.files().insert(
          std::move(*file), close_on_exec(call.integer(1) == F_DUPFD_CLOEXEC), call.integer(2)));
    }
    case F_GETFD: {
      const auto cloexec = call.files().cloexec(fd);
      return cloexec ? (*cloexec == CloseOnExec::kYes ? FD_CLOEXEC : 0) : raw(cloexec.error());
    }
    case F_GETFL: {
      const std::int64_t flags = fcntl_on_host(call, **file);
      return is_error(flags) ? flags : (*file)->status_flags(static_cast<int>(flags));
    }
    case F_SETFD:
      return raw(call.files().set_cloexec(fd, close_on_exec((call[2] & FD_CLOEXEC) != 0)));
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
      return lock_native(call, **file);
    case F_ADD_SEALS:
      return add_seals(call, **file);
    case F_NOTIFY:
    case F_SETLEASE:
      return -EINVAL;  // as where there are none: the signals would be the runner's
    default:
      if (const auto result = file_owner_call(call, **file)) return *result;
      return fcntl_on_host(call, **file);
  }
}

std::int64_t sys_pipe(Call& call) { return make_pipe(call, 0); }
std::int64_t sys_pipe2(Call& call) { return make_pipe(call, call.integer(1)); }

std::int64_t sys_socketpair(Call& call) {
  std::array<int, 2> fds{-1, -1};
  // Linux stores the numbers before it asks whether there can be such sockets.
  if (auto stored = call.memory().store(call.address(3), fds); !stored) {
    return raw(stored.error());
  }
  const std::int64_t result = call.host(
      SYS_socketpair,
      {call[0], call[1] | SOCK_CLOEXEC, call[2], reinterpret_cast<std::uint64_t>(fds.data())});
  if (result < 0) return result;
  return hand_out_pair(call, fds, call.address(3), close_on_exec((call[1] & SOCK_CLOEXEC) != 0));
}

std::int64_t sys_ioctl(Call& call) {
  const auto file = call.file(0);
  if (!file) return raw(file.error());
  const IoctlRow* row = find_ioctl(call.word(1));
  if (row == nullptr) return -ENOTTY;
  if (row->request == FIOCLEX || row->request == FIONCLEX) {
    return raw(call.files().set_cloexec(call.integer(0), close_on_exec(row->request == FIOCLEX)));
  }
  if (const auto answer = terminal_ioctl(call, **file, *row)) return *answer;
  Arguments host{static_cast<std::uint64_t>((*file)->host_fd()), call.word(1), call[2]};
  if (row->descriptor) {
    const auto other = call.files().get(call.integer(2));
    host[2] = static_cast<std::uint64_t>(other ? (*other)->host_fd() : -1);
  }
  if (row->bytes == 0) return call.host(SYS_ioctl, host);
  alignas(8) std::array<std::byte, kLargestIoctl> buffer{};
  const auto memory = std::span(buffer).first(row->bytes);
  host[2] = reinterpret_cast<std::uint64_t>(buffer.data());
  if (row->direction != Direction::kOut && !call.memory().copy_in(memory, call.address(2))) {
    host[2] = call.bad_pointer.user();
  }
  if (row->adjust_in != nullptr) row->adjust_in(call, memory);
  const std::int64_t result = call.host(SYS_ioctl, host);
  if (result < 0 || row->direction == Direction::kIn) return result;
  if (row->adjust_out != nullptr) row->adjust_out(call, memory);
  const auto copied = call.memory().copy_out(call.address(2), memory);
  return copied ? result : raw(copied.error());
}

}  // namespace gonzo

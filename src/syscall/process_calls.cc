// Who the process is.
#include <asm/prctl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include "syscall/bad_pointer.h"
#include "syscall/handlers.h"
#include "syscall/table.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

constexpr std::size_t kNameBytes = 16;  // TASK_COMM_LEN

bool is_own(const Call& call, int id) {
  return id == 0 || id == call.process().pid() || id == call.task.tid();
}

std::int64_t set_name(Call& call) {
  const auto name = call.memory().copy_in_string(call.address(1), kNameBytes);
  if (name) {
    call.process().image().name = *name;
    return 0;
  }
  if (name.error() != Errno::kNameTooLong) return raw(name.error());
  std::array<char, kNameBytes - 1> start;
  if (auto copied =
          call.memory().copy_in(std::as_writable_bytes(std::span(start)), call.address(1));
      !copied) {
    return raw(copied.error());
  }
  call.process().image().name.assign(start.data(), start.size());
  return 0;
}

std::int64_t get_name(Call& call) {
  std::array<char, kNameBytes> name{};
  call.process().image().name.copy(name.data(), name.size() - 1);
  return raw(call.memory().store(call.address(1), name));
}

}  // namespace

std::int64_t sys_exit(Call& call) {
  call.task.exit({.code = call.integer(0) & 0xff});
  return 0;
}

std::int64_t sys_getpid(Call& call) { return call.process().pid(); }
std::int64_t sys_getppid(Call&) { return 0; }
std::int64_t sys_gettid(Call& call) { return call.task.tid(); }
std::int64_t sys_getpgrp(Call& call) { return call.process().pid(); }

std::int64_t sys_getpgid(Call& call) {
  return is_own(call, call.integer(0)) ? call.process().pid() : -ESRCH;
}

std::int64_t sys_getsid(Call& call) { return sys_getpgid(call); }

/// It leads its session and its group already.
std::int64_t sys_setpgid(Call& call) {
  if (call.integer(1) < 0) return -EINVAL;
  return is_own(call, call.integer(0)) ? -EPERM : -ESRCH;
}
std::int64_t sys_setsid(Call&) { return -EPERM; }

std::int64_t sys_arch_prctl(Call& call) {
  CpuRegisters& registers = call.task.registers();
  const bool is_user = call[1] < call.memory().page_table().user_end().value;
  switch (call.integer(0)) {
    case ARCH_SET_FS:
      if (!is_user) return -EPERM;
      registers.fs_base = call[1];
      return 0;
    case ARCH_SET_GS:
      if (!is_user) return -EPERM;
      registers.gs_base = call[1];
      return 0;
    case ARCH_GET_FS:
      return raw(call.memory().store(call.address(1), registers.fs_base));
    case ARCH_GET_GS:
      return raw(call.memory().store(call.address(1), registers.gs_base));
    default:
      return -EINVAL;
  }
}

std::int64_t sys_set_tid_address(Call& call) {
  call.task.clear_child_tid = call[0];
  return call.task.tid();
}

std::int64_t sys_set_robust_list(Call& call) {
  const std::uint64_t head_bytes = 3 * long_bytes(call.layout);  // struct robust_list_head
  if (call[1] != head_bytes) return -EINVAL;
  call.task.robust_list = call[0];
  return 0;
}

std::int64_t sys_get_robust_list(Call& call) {
  if (!is_own(call, call.integer(0))) return -ESRCH;
  const std::array<std::int64_t, 1> bytes{static_cast<std::int64_t>(3 * long_bytes(call.layout))};
  if (auto stored = store_longs(call, call.address(2), bytes); !stored) {
    return raw(stored.error());
  }
  const std::array<std::int64_t, 1> list{static_cast<std::int64_t>(call.task.robust_list)};
  return raw(store_longs(call, call.address(1), list));
}

std::int64_t sys_prctl(Call& call) {
  switch (call.integer(0)) {
    case PR_SET_NAME:
      return set_name(call);
    case PR_GET_NAME:
      return get_name(call);
    case PR_SET_VMA:
      return set_area_name(call);
    case PR_GET_DUMPABLE:
      return 1;
    case PR_GET_PDEATHSIG:
      return raw(call.memory().store(call.address(1), 0));
    case PR_CAPBSET_READ:
    case PR_GET_KEEPCAPS:
    case PR_GET_SECUREBITS:
    case PR_GET_NO_NEW_PRIVS:
    case PR_GET_TIMERSLACK:
      return call.host(SYS_prctl, {call[0], call[1], call[2], call[3], call[4]});
    default:
      return -EINVAL;
  }
}

std::int64_t sys_personality(Call& call) {
  constexpr unsigned kAsk = 0xffffffff;
  // Addresses are never randomised here, so that asking for it is granted already.
  constexpr unsigned kNoRandomisation = 0x0040000;
  if (call.word(0) == kAsk || (call.word(0) & ~kNoRandomisation) == 0) return kNoRandomisation;
  return -EINVAL;
}

std::int64_t sys_capget(Call& call) {
  using Header = __user_cap_header_struct;
  auto header = call.memory().load<Header>(call.address(0));
  if (!header) return raw(header.error());
  if (!is_own(call, header->pid)) return header->pid < 0 ? -EINVAL : -ESRCH;
  header->pid = 0;
  std::array<__user_cap_data_struct, 2> data{};
  const std::int64_t result =
      call.host(SYS_capget, {reinterpret_cast<std::uint64_t>(&*header),
                             call.is_null(1) ? 0 : reinterpret_cast<std::uint64_t>(&data)});
  if (result < 0) {
    std::ignore = call.memory().store(call.address(0), header->version);
    return result;
  }
  return call.is_null(1) ? 0 : raw(call.memory().store(call.address(1), data));
}

/// getpriority and setpriority of the process itself, or of its group, which is the same.
std::int64_t sys_self_only(Call& call) {
  const int which = call.integer(0);
  if (which != PRIO_PROCESS && which != PRIO_PGRP) return which == PRIO_USER ? -EPERM : -EINVAL;
  if (!is_own(call, call.integer(1))) return -ESRCH;
  return call.host(call.row.number, {PRIO_PROCESS, 0, call[2]});
}

std::int64_t sys_no_children(Call&) { return -ECHILD; }

std::int64_t sys_sched_getaffinity(Call& call) {
  if (!is_own(call, call.integer(0))) return -ESRCH;
  std::array<std::byte, 1024> set{};
  const std::uint64_t room = std::min<std::uint64_t>(call.word(1), set.size());
  const std::int64_t bytes =
      call.host(SYS_sched_getaffinity, {0, room, reinterpret_cast<std::uint64_t>(set.data())});
  if (bytes < 0) return bytes;
  const auto copied = call.memory().copy_out(call.address(2),
                                             std::span(set).first(static_cast<std::size_t>(bytes)));
  return copied ? bytes : raw(copied.error());
}

/// The guest runs on the processors of the machine's own threads, which it cannot choose.
std::int64_t sys_sched_setaffinity(Call& call) {
  std::array<std::byte, 128> set;
  const auto part = std::span(set).first(std::min<std::size_t>(call.word(1), set.size()));
  if (auto copied = call.memory().copy_in(part, call.address(2)); !copied) {
    return raw(copied.error());
  }
  return is_own(call, call.integer(0)) ? -EPERM : -ESRCH;
}

std::int64_t sys_sched_getscheduler(Call& call) {
  return is_own(call, call.integer(0)) ? call.host(SYS_sched_getscheduler, {0}) : -ESRCH;
}

std::int64_t sys_sched_getparam(Call& call) {
  if (call.is_null(1) || call.integer(0) < 0) return -EINVAL;
  if (!is_own(call, call.integer(0))) return -ESRCH;
  sched_param parameters{};
  const std::int64_t result =
      call.host(SYS_sched_getparam, {0, reinterpret_cast<std::uint64_t>(&parameters)});
  return result < 0 ? result : raw(call.memory().store(call.address(1), parameters));
}

}  // namespace gonzo

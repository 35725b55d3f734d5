// Who the process is.
#include <asm/prctl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include "kernel/process_table.h"
#include "syscall/bad_pointer.h"
#include "syscall/handlers.h"
#include "syscall/table.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

constexpr std::size_t kNameBytes = 16;  // TASK_COMM_LEN

/// 0: the caller. ESRCH.
Result<std::shared_ptr<Task>> find_task(const Call& call, int tid) {
  auto task = call.processes().find_task(tid != 0 ? tid : call.task.tid());
  if (task == nullptr) return fail(Errno::kSrch);
  return task;
}

/// The runner's thread of a guest's task, as the host's scheduler calls take it: 0 is the own.
/// ESRCH.
Result<std::uint64_t> host_thread(const Call& call, int tid) {
  if (tid == 0 || tid == call.task.tid()) return 0;
  GONZO_ASSIGN(const auto task, find_task(call, tid));
  const pid_t thread = task->await_host_thread();
  if (thread == 0) return fail(Errno::kSrch);
  return static_cast<std::uint64_t>(thread);
}

std::int64_t set_name(Call& call) {
  const auto name = call.memory().copy_in_string(call.address(1), kNameBytes);
  if (name) {
    call.task.set_name(*name);
    return 0;
  }
  if (name.error() != Errno::kNameTooLong) return raw(name.error());
  std::array<char, kNameBytes - 1> start;
  if (auto copied =
          call.memory().copy_in(std::as_writable_bytes(std::span(start)), call.address(1));
      !copied) {
    return raw(copied.error());
  }
  call.task.set_name(std::string(start.data(), start.size()));
  return 0;
}

std::int64_t get_name(Call& call) {
  std::array<char, kNameBytes> name{};
  call.task.name().copy(name.data(), name.size() - 1);
  return raw(call.memory().store(call.address(1), name));
}

}  // namespace

std::int64_t sys_exit(Call& call) {
  call.task.exit({.code = call.integer(0) & 0xff});
  return 0;
}

std::int64_t sys_exit_group(Call& call) {
  const ExitStatus status{.code = call.integer(0) & 0xff};
  call.process().begin_exit(status);
  call.task.exit(call.process().group_exit().value_or(status));
  return 0;
}

std::int64_t sys_getpid(Call& call) { return call.process().pid(); }
std::int64_t sys_gettid(Call& call) { return call.task.tid(); }

std::int64_t sys_getppid(Call& call) {
  return call.processes().identity(call.process().pid())->shown_parent;
}

std::int64_t sys_getpgrp(Call& call) {
  return call.processes().identity(call.process().pid())->group;
}

std::int64_t sys_getpgid(Call& call) {
  const int pid = call.integer(0) != 0 ? call.integer(0) : call.process().pid();
  const auto found = call.processes().identity(pid);
  return found ? found->group : raw(found.error());
}

std::int64_t sys_getsid(Call& call) {
  const int pid = call.integer(0) != 0 ? call.integer(0) : call.process().pid();
  const auto found = call.processes().identity(pid);
  return found ? found->session : raw(found.error());
}

std::int64_t sys_setpgid(Call& call) {
  const int self = call.process().pid();
  const int pid = call.integer(0) != 0 ? call.integer(0) : self;
  const int group = call.integer(1) != 0 ? call.integer(1) : pid;
  if (group < 0) return -EINVAL;
  return raw(call.processes().set_group(self, pid, group));
}

std::int64_t sys_setsid(Call& call) {
  return raw(call.processes().new_session(call.process().pid()));
}

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
  (call.is_i386() ? call.task.robust_list_i386 : call.task.robust_list) = call[0];
  return 0;
}

/// ESRCH; EPERM: another's, that may not be looked into.
std::int64_t sys_get_robust_list(Call& call) {
  const auto task = find_task(call, call.integer(0));
  if (!task) return raw(task.error());
  if (const auto allowed = may_inspect(call.task, **task, CallerIds::kReal); !allowed) {
    return raw(allowed.error());
  }
  const std::uint64_t head = call.is_i386() ? (*task)->robust_list_i386 : (*task)->robust_list;
  const std::array<std::int64_t, 1> bytes{static_cast<std::int64_t>(3 * long_bytes(call.layout))};
  if (auto stored = store_longs(call, call.address(2), bytes); !stored) {
    return raw(stored.error());
  }
  const std::array<std::int64_t, 1> list{static_cast<std::int64_t>(head)};
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
      return call.process().is_dumpable ? 1 : 0;
    case PR_SET_DUMPABLE:
      if (call[1] > 1) return -EINVAL;
      call.process().is_dumpable = call[1] != 0;
      return 0;
    case PR_SET_PDEATHSIG:
      if (call[1] > kSignals) return -EINVAL;
      call.task.parent_death_signal = static_cast<int>(call[1]);
      return 0;
    case PR_GET_PDEATHSIG:
      return raw(call.memory().store(call.address(1), call.task.parent_death_signal));
    case PR_SET_CHILD_SUBREAPER:
      call.processes().set_subreaper(call.process().pid(), call[1] != 0);
      return 0;
    case PR_GET_CHILD_SUBREAPER: {
      const auto self = call.processes().identity(call.process().pid());
      return raw(call.memory().store(call.address(1), self && self->is_subreaper ? 1 : 0));
    }
    case PR_SET_NO_NEW_PRIVS:
      if (call[1] != 1 || call[2] != 0 || call[3] != 0 || call[4] != 0) return -EINVAL;
      call.task.no_new_privileges = true;
      return 0;
    case PR_GET_NO_NEW_PRIVS:
      if (call[1] != 0 || call[2] != 0 || call[3] != 0 || call[4] != 0) return -EINVAL;
      return call.task.no_new_privileges ? 1 : 0;
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
    case PR_CAP_AMBIENT:
    case PR_GET_KEEPCAPS:
    case PR_SET_KEEPCAPS:  // of the host's thread, which is this task's own
    case PR_GET_SECUREBITS:
    case PR_GET_TIMERSLACK:
    case PR_SET_TIMERSLACK:
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
  if (header->pid < 0) return -EINVAL;
  const auto thread = host_thread(call, header->pid);
  if (!thread) return raw(thread.error());
  header->pid = static_cast<int>(*thread);
  const auto version = header->version;
  std::array<__user_cap_data_struct, 2> data{};
  const std::int64_t result =
      call.host(SYS_capget, {reinterpret_cast<std::uint64_t>(&*header),
                             call.is_null(1) ? 0 : reinterpret_cast<std::uint64_t>(&data)});
  // Of a version that it does not know the kernel says which one it prefers.
  if (header->version != version) {
    std::ignore = call.memory().store(call.address(0), header->version);
    return result;
  }
  if (result < 0) return result;
  return call.is_null(1) ? 0 : raw(call.memory().store(call.address(1), data));
}

}  // namespace gonzo

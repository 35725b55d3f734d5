// wait4(2), waitid(2). Linux: kernel/exit.c.
#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>

#include "kernel/process_table.h"
#include "kernel/signal_info_i386.h"
#include "syscall/cpu_times.h"
#include "syscall/handlers.h"
#include "syscall/process_descriptor.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

/// si_signo to si_status.
constexpr std::size_t kWaitInfoBytes = 28, kI386WaitInfoBytes = 24;
constexpr int kThreadOptions = __WNOTHREAD | __WCLONE | __WALL;

struct WaitOutcome {
  std::optional<WaitReport> report;  ///< nothing: WNOHANG, or a signal
  std::int64_t interrupted = 0;      ///< what the call returns then; 0: WNOHANG
};

/// Until there is something to tell, or a signal. A child's end comes with SIGCHLD: whoever is
/// interrupted looks once more (Linux: do_wait scans before it minds signals).
Result<WaitOutcome> wait_for(Call& call, const ProcessTable::WaitRequest& request, int options) {
  ProcessTable& table = call.processes();
  const int self = call.process().pid();
  std::atomic<std::uint32_t>* const word = table.wait_word(self);
  std::int64_t slept = 0;
  for (;;) {
    const std::uint32_t seen = word->load(std::memory_order_acquire);
    GONZO_ASSIGN(auto report, table.try_wait(self, request));
    if (report || slept < 0 || (options & WNOHANG) != 0) return WaitOutcome{report, slept};
    slept =
        call.host(SYS_futex, {reinterpret_cast<std::uint64_t>(word), FUTEX_WAIT_PRIVATE, seen, 0});
    if (slept == -EAGAIN) slept = 0;
  }
}

int encode_status(const WaitReport& report) {
  switch (report.kind) {
    case WaitReport::Kind::kStopped:
      return W_STOPCODE(report.stop_signal);
    case WaitReport::Kind::kContinued:
      return __W_CONTINUED;
    case WaitReport::Kind::kExited:
      break;
  }
  return W_EXITCODE(report.exit.code, report.exit.signal);
}

/// Linux: kernel_wait4's reading of a pid.
Result<WaitSelector> selector_of(Call& call, int pid) {
  using Kind = WaitSelector::Kind;
  if (pid == INT32_MIN) return fail(Errno::kSrch);
  if (pid == -1) return WaitSelector{};
  if (pid > 0) return WaitSelector{Kind::kProcess, pid};
  if (pid < 0) return WaitSelector{Kind::kGroup, -pid};
  GONZO_ASSIGN(const auto self, call.processes().identity(call.process().pid()));
  return WaitSelector{Kind::kGroup, self.group};
}

/// WNOHANG of a pidfd that does not block is told as EAGAIN.
enum class Blocking : bool { kAsAsked, kNever };
struct WaitTarget {
  WaitSelector selector;
  Blocking blocking = Blocking::kAsAsked;
};

/// One that has been waited for is nobody's child.
Result<WaitTarget> target_of_descriptor(Call& call, int fd) {
  constexpr int kNobody = 0;
  if (fd < 0) return fail(Errno::kInval);
  GONZO_ASSIGN(const auto found, process_descriptor(call, fd));
  return WaitTarget{
      .selector = {WaitSelector::Kind::kProcess, found.process != nullptr ? found.id : kNobody},
      .blocking = found.is_nonblocking ? Blocking::kNever : Blocking::kAsAsked};
}

Result<WaitTarget> target_of_id(Call& call, int type, int id) {
  using Kind = WaitSelector::Kind;
  switch (type) {
    case P_ALL:
      return WaitTarget{};
    case P_PID:
      if (id <= 0) return fail(Errno::kInval);
      return WaitTarget{.selector = {Kind::kProcess, id}};
    case P_PGID: {
      if (id < 0) return fail(Errno::kInval);
      GONZO_ASSIGN(const auto selector, selector_of(call, id == 0 ? 0 : -id));
      return WaitTarget{.selector = selector};
    }
    case P_PIDFD:
      return target_of_descriptor(call, id);
    default:
      return fail(Errno::kInval);
  }
}

SignalInfo info_of(const WaitReport& report) {
  int code = report.exit.child_code(), status = report.exit.child_status();
  if (report.kind == WaitReport::Kind::kStopped) {
    code = CLD_STOPPED;
    status = report.stop_signal;
  } else if (report.kind == WaitReport::Kind::kContinued) {
    code = CLD_CONTINUED;
    status = SIGCONT;
  }
  SignalInfo info = SignalInfo::sent(SIGCHLD, code, report.pid, report.uid);
  info.fields[1] = static_cast<std::uint32_t>(status);
  return info;
}

std::int64_t store_usage(Call& call, unsigned argument, const Usage& usage) {
  if (call.is_null(argument)) return 0;
  return raw(store_longs(call, call.address(argument), to_rusage(usage)));
}

}  // namespace

std::int64_t sys_wait4(Call& call) {
  const int options = call.integer(2);
  if ((options & ~(WNOHANG | WUNTRACED | WCONTINUED | kThreadOptions)) != 0) return -EINVAL;
  const auto selector = selector_of(call, call.integer(0));
  if (!selector) return raw(selector.error());
  const auto outcome = wait_for(call,
                                {.selector = *selector,
                                 .stopped = (options & WUNTRACED) != 0,
                                 .continued = (options & WCONTINUED) != 0},
                                options);
  if (!outcome) return raw(outcome.error());
  const auto& report = outcome->report;
  if (!report) return outcome->interrupted;
  if (!call.is_null(1)) {
    const auto stored = call.memory().store(call.address(1), encode_status(*report));
    if (!stored) return raw(stored.error());
  }
  if (const std::int64_t stored = store_usage(call, 3, report->usage); stored < 0) return stored;
  return report->pid;
}

std::int64_t sys_waitid(Call& call) {
  const int options = call.integer(3);
  constexpr int kStates = WEXITED | WSTOPPED | WCONTINUED;
  if ((options & ~(WNOHANG | WNOWAIT | kStates | kThreadOptions)) != 0) return -EINVAL;
  if ((options & kStates) == 0) return -EINVAL;
  const auto target = target_of_id(call, call.integer(0), call.integer(1));
  if (!target) return raw(target.error());
  const bool never_blocks = target->blocking == Blocking::kNever;
  const auto outcome = wait_for(call,
                                {.selector = target->selector,
                                 .exited = (options & WEXITED) != 0,
                                 .stopped = (options & WSTOPPED) != 0,
                                 .continued = (options & WCONTINUED) != 0,
                                 .keep = (options & WNOWAIT) != 0},
                                never_blocks ? options | WNOHANG : options);
  if (!outcome) return raw(outcome.error());
  const auto& report = outcome->report;
  if (!report && outcome->interrupted != 0) return outcome->interrupted;
  if (!report && never_blocks && (options & WNOHANG) == 0) return -EAGAIN;
  if (report) {
    if (const std::int64_t stored = store_usage(call, 4, report->usage); stored < 0) return stored;
  }
  if (call.is_null(2)) return 0;
  // Linux writes these fields only, and zeros when there is nothing to tell.
  const SignalInfo info = report ? info_of(*report) : SignalInfo{};
  if (call.is_i386()) {
    const auto narrow = I386SignalInfo::of(info);
    return raw(call.memory().copy_out(
        call.address(2), std::as_bytes(std::span(&narrow, 1)).first(kI386WaitInfoBytes)));
  }
  return raw(call.memory().copy_out(call.address(2),
                                    std::as_bytes(std::span(&info, 1)).first(kWaitInfoBytes)));
}

}  // namespace gonzo

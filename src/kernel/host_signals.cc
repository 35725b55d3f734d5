#include "kernel/host_signals.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <tuple>

#include "kernel/kick.h"
#include "kernel/process_table.h"
#include "kernel/signal.h"
#include "kernel/task_threads.h"

namespace gonzo {
namespace {

constexpr int kFirstFreeRealTime = 34;  // libc uses 32 and 33 itself

/// Not: what cannot be caught, what the runner's own mistakes raise, SIGPIPE (raised for the guest
/// where its call fails), SIGCHLD (the machine's processes are not the guest's children), SIGTTIN
/// and SIGTTOU, which stop the runner when its terminal is somebody else's.
constexpr std::array kStandard{SIGHUP,  SIGINT,    SIGQUIT, SIGUSR1, SIGUSR2,  SIGALRM,
                               SIGTERM, SIGCONT,   SIGTSTP, SIGURG,  SIGXCPU,  SIGXFSZ,
                               SIGPROF, SIGVTALRM, SIGIO,   SIGPWR,  SIGWINCH, SIGSTKFLT};
constexpr std::array kFromTerminal{SIGINT, SIGQUIT, SIGTSTP, SIGWINCH};

constexpr SignalSet forwarded_signals() {
  SignalSet set = 0;
  for (const int signal : kStandard) set |= signal_bit(signal);
  for (int signal = kFirstFreeRealTime; signal < kKickSignal; ++signal) set |= signal_bit(signal);
  return set;
}
constexpr SignalSet kAwaited = forwarded_signals() | signal_bit(kKickSignal);

class Forwarder final : public HostSignals {
 public:
  explicit Forwarder(System& system) : system_(system) {
    sigset_t all;
    sigfillset(&all);
    for (const int own : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTTIN, SIGTTOU}) {
      sigdelset(&all, own);
    }
    pthread_sigmask(SIG_BLOCK, &all, &mask_before_);
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &pipe_before_);
  }
  ~Forwarder() override {
    sigaction(SIGPIPE, &pipe_before_, nullptr);
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }

  void wait_for_end() override;

 private:
  void stop_with_guest();
  void end_with_first(const Process& first);

  System& system_;
  SignalSet handed_on_ = 0;
  sigset_t mask_before_{};
  struct sigaction pipe_before_{};
};

bool is_from_terminal(const SignalInfo& info) {
  return info.code == SI_KERNEL &&
         std::ranges::find(kFromTerminal, info.signal) != kFromTerminal.end();
}

/// The shell that started the runner sees one job: when the group of the first process has stopped,
/// so has the job.
void Forwarder::stop_with_guest() {
  const auto job = system_.processes().group(kFirstProcess);
  bool any = false;
  for (const auto& process : job) {
    if (process->task_count() == 0) continue;
    if (!process->is_stopped()) return;
    any = true;
  }
  if (!any) return;
  ::kill(getpid(), SIGSTOP);
  for (const auto& process : job) {
    std::ignore = send_signal(*process, SignalInfo::sent(SIGCONT, SI_USER, 0, getuid()));
  }
}

/// Who ends the runner from outside means all that it runs.
void Forwarder::end_with_first(const Process& first) {
  if (first.task_count() != 0) return;
  const int signal = first.exit_status().signal;
  if (signal == 0 || (handed_on_ & signal_bit(signal)) == 0) return;
  for (const auto& process : system_.processes().all()) process->begin_exit({.signal = SIGKILL});
}

void Forwarder::wait_for_end() {
  const std::shared_ptr<Process> first = system_.processes().find(kFirstProcess);
  while (system_.tasks().running() > 0) {
    SignalInfo info;
    const SignalSet awaited = kAwaited;
    const long signal = syscall(SYS_rt_sigtimedwait, &awaited, &info, nullptr, sizeof(awaited));
    if (signal <= 0) continue;
    if (signal == kKickSignal) {
      stop_with_guest();
      if (first != nullptr) end_with_first(*first);
    } else {
      handed_on_ |= signal_bit(info.signal);
      hand_on_signal(system_, info);
    }
  }
  system_.tasks().reap();
}

}  // namespace

void hand_on_signal(System& system, const SignalInfo& info) {
  ProcessTable& processes = system.processes();
  std::vector<std::shared_ptr<Process>> targets;
  if (is_from_terminal(info)) {
    targets = processes.group(processes.foreground(processes.runner_terminal()));
  } else if (const auto identity = processes.identity(kFirstProcess);
             identity && !identity->is_zombie) {
    targets = {processes.find(kFirstProcess)};
  }
  if (targets.empty()) targets = processes.all();
  for (const auto& process : targets) std::ignore = send_signal(*process, info);
}

std::unique_ptr<HostSignals> HostSignals::install(System& system) {
  return std::make_unique<Forwarder>(system);
}

}  // namespace gonzo

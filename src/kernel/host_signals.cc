#include "kernel/host_signals.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>

#include "kernel/interruptible_window.h"
#include "kernel/signal.h"

namespace gonzo {
namespace {

constexpr int kFirstFreeRealTime = 34;  // libc uses 32 and 33 itself

/// Not: what cannot be caught, what the runner's own mistakes raise, SIGPIPE (raised for the guest
/// where its call fails), SIGCHLD (the machine's processes are not the guest's children).
constexpr std::array kStandard{SIGHUP,  SIGINT,    SIGQUIT, SIGUSR1, SIGUSR2,  SIGALRM,  SIGTERM,
                               SIGCONT, SIGTSTP,   SIGTTIN, SIGTTOU, SIGURG,   SIGXCPU,  SIGXFSZ,
                               SIGPROF, SIGVTALRM, SIGIO,   SIGPWR,  SIGWINCH, SIGSTKFLT};

constexpr SignalSet forwarded_signals() {
  SignalSet set = 0;
  for (const int signal : kStandard) set |= signal_bit(signal);
  for (int signal = kFirstFreeRealTime; signal <= kSignals; ++signal) set |= signal_bit(signal);
  return set;
}
constexpr SignalSet kForwarded = forwarded_signals();

bool is_forwarded(int signal) { return (kForwarded & signal_bit(signal)) != 0; }

/// Filled by the handler, emptied by the same thread with nothing in between but itself.
class Mailbox {
 public:
  /// Async-signal-safe; the handler is never interrupted by another of ours. What does not fit is
  /// lost, as a full queue of real-time signals is.
  void put(const siginfo_t& info) {
    const unsigned head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) == slots_.size()) return;
    std::memcpy(static_cast<void*>(&slots_[head % slots_.size()]), &info, sizeof(SignalInfo));
    head_.store(head + 1, std::memory_order_release);
  }
  bool take(SignalInfo& info) {
    const unsigned tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return false;
    info = slots_[tail % slots_.size()];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

 private:
  std::array<SignalInfo, 128> slots_{};
  std::atomic<unsigned> head_{0}, tail_{0};
};

class Forwarder final : public HostSignals, public SignalSource, public SignalActionListener {
 public:
  explicit Forwarder(Task& task) : task_(task), thread_(gettid()) {}
  ~Forwarder() override;
  void start();
  bool claim();

  void collect(Task& task) override;
  void mask_changed(SignalSet mask) override;
  SignalSet held() const override;
  void action_changed(int signal, const SignalAction& action) override;

 private:
  static void on_signal(int signal, siginfo_t* info, void* context);
  void receive(const siginfo_t& info);

  /// The one handler of the host process finds its object here.
  static std::atomic<Forwarder*> active_;

  Task& task_;
  const pid_t thread_;
  Mailbox mailbox_;
  std::array<struct sigaction, kSignals + 1> before_{};
  struct sigaction pipe_before_{};
  sigset_t mask_before_{};
  SignalSet mirrored_ = 0;
};

std::atomic<Forwarder*> Forwarder::active_{nullptr};

void Forwarder::receive(const siginfo_t& info) {
  mailbox_.put(info);
  task_.call_attention();
  if (task_.has_thread()) task_.thread().interrupt();
}

void Forwarder::on_signal(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  Forwarder* self = active_.load(std::memory_order_acquire);
  if (self == nullptr) return;
  if (gettid() != self->thread_) {
    // Another thread was handed it: pass it on, with all that it carries.
    syscall(SYS_rt_tgsigqueueinfo, getpid(), self->thread_, signal, info);
  } else {
    self->receive(*info);
    greg_t& rip = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
    rip = static_cast<greg_t>(leave_interruptible_window(static_cast<std::uintptr_t>(rip)));
  }
  errno = saved_errno;
}

bool Forwarder::claim() {
  Forwarder* nobody = nullptr;
  return active_.compare_exchange_strong(nobody, this);
}

void Forwarder::start() {
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_before_);
  mirrored_ = 0;
  for (int signal = 1; signal <= kSignals; ++signal) {
    if (!is_forwarded(signal)) continue;
    sigaction(signal, nullptr, &before_[static_cast<std::size_t>(signal)]);
    if (sigismember(&mask_before_, signal) == 1) mirrored_ |= signal_bit(signal);
  }
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &pipe_before_);
  SignalActions& actions = task_.process().signals();
  for (int signal = 1; signal <= kSignals; ++signal) {
    if (const auto action = actions.get(signal)) action_changed(signal, *action);
  }
  actions.set_listener(this);
  task_.set_signal_source(this);
}

Forwarder::~Forwarder() {
  if (active_.load() != this) return;
  task_.set_signal_source(nullptr);
  task_.process().signals().set_listener(nullptr);
  for (int signal = 1; signal <= kSignals; ++signal) {
    if (is_forwarded(signal))
      sigaction(signal, &before_[static_cast<std::size_t>(signal)], nullptr);
  }
  sigaction(SIGPIPE, &pipe_before_, nullptr);
  active_.store(nullptr);
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void Forwarder::collect(Task& task) {
  SignalInfo info;
  while (mailbox_.take(info)) {
    if (!send_signal(task.process(), info)) continue;  // the queue is full: lost, as on Linux
  }
}

void Forwarder::mask_changed(SignalSet mask) {
  const SignalSet wanted = mask & kForwarded;
  const SignalSet changed = wanted ^ mirrored_;
  if (changed == 0) return;
  mirrored_ = wanted;
  // Straight to the kernel: libc's sets would not take signals 32 and 33 but all of ours.
  const SignalSet block = changed & wanted, unblock = changed & ~wanted;
  if (block != 0) syscall(SYS_rt_sigprocmask, SIG_BLOCK, &block, nullptr, sizeof(block));
  if (unblock != 0) syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &unblock, nullptr, sizeof(unblock));
}

SignalSet Forwarder::held() const {
  SignalSet pending = 0;
  syscall(SYS_rt_sigpending, &pending, sizeof(pending));
  return pending & kForwarded;
}

void Forwarder::action_changed(int signal, const SignalAction& action) {
  if (!is_forwarded(signal)) return;
  struct sigaction host{};
  sigfillset(&host.sa_mask);
  const DefaultAction usual = default_action(signal);
  const bool terminates = usual == DefaultAction::kTerminate || usual == DefaultAction::kCore;
  if (action.is_ignore()) {
    host.sa_handler = SIG_IGN;
  } else if (action.is_default() && !terminates) {
    // The terminal's stop characters stop the runner itself, and its shell continues it.
    host.sa_handler = SIG_DFL;
  } else {
    host.sa_sigaction = &Forwarder::on_signal;
    host.sa_flags = SA_SIGINFO;  // no SA_RESTART: blocking calls return EINTR
  }
  sigaction(signal, &host, nullptr);
}

}  // namespace

Result<std::unique_ptr<HostSignals>> HostSignals::install(Task& task) {
  auto forwarder = std::make_unique<Forwarder>(task);
  if (!forwarder->claim()) return fail(Errno::kBusy);
  forwarder->start();
  return forwarder;
}

}  // namespace gonzo

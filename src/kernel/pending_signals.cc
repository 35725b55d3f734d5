#include "kernel/pending_signals.h"

#include <algorithm>
#include <bit>
#include <climits>
#include <csignal>

namespace gonzo {
namespace {

constexpr int kFirstRealTime = 32;  // the kernel's SIGRTMIN; libc keeps the first two
/// Linux: SYNCHRONOUS_MASK.
constexpr SignalSet kSynchronous = signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) |
                                   signal_bit(SIGTRAP) | signal_bit(SIGFPE) | signal_bit(SIGSYS);

int lowest(SignalSet set) { return std::countr_zero(set) + 1; }

}  // namespace

Result<void> PendingSignals::add(const SignalInfo& info, std::size_t limit) {
  const LockGuard guard(lock_);
  const bool real_time = info.signal >= kFirstRealTime;
  if (!real_time && (set_ & signal_bit(info.signal)) != 0) return {};
  if (real_time && queue_.size() >= limit) return fail(Errno::kAgain);
  set_ |= signal_bit(info.signal);
  queue_.push_back(info);
  return {};
}

std::optional<SignalInfo> PendingSignals::take(SignalSet blocked) {
  const LockGuard guard(lock_);
  const SignalSet ready = set_ & ~blocked;
  if (ready == 0) return std::nullopt;
  const int signal = lowest((ready & kSynchronous) != 0 ? ready & kSynchronous : ready);
  const auto is_it = [signal](const SignalInfo& info) { return info.signal == signal; };
  const auto found = std::ranges::find_if(queue_, is_it);
  const SignalInfo info = *found;
  const auto rest = queue_.erase(found);
  if (std::none_of(rest, queue_.end(), is_it)) set_ &= ~signal_bit(signal);
  return info;
}

std::optional<int> PendingSignals::count_timer(int timer, int missed) {
  constexpr unsigned kHalf = 32;  // si_timerid, then si_overrun
  const LockGuard guard(lock_);
  for (SignalInfo& info : queue_) {
    if (info.code != SI_TIMER || static_cast<int>(info.fields[0]) != timer) continue;
    const std::int64_t count = std::min<std::int64_t>(
        static_cast<std::int64_t>(info.fields[0] >> kHalf) + missed, INT_MAX);
    info.fields[0] = static_cast<unsigned>(timer) | static_cast<std::uint64_t>(count) << kHalf;
    return static_cast<int>(count);
  }
  return std::nullopt;
}

void PendingSignals::discard(SignalSet signals) {
  const LockGuard guard(lock_);
  set_ &= ~signals;
  std::erase_if(queue_, [signals](const SignalInfo& info) {
    return (signals & signal_bit(info.signal)) != 0;
  });
}

SignalSet PendingSignals::set() const {
  const LockGuard guard(lock_);
  return set_;
}

}  // namespace gonzo

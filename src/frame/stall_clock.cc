#include <gonzo/base/check.h>
#include <gonzo/frame/stall_clock.h>

namespace gonzo {
namespace {

/// What the calling thread does. It executes at most one task, of one machine (Linux: in_memstall
/// of current).
struct ThreadState {
  const StallClock* clock = nullptr;
  bool stalled = false;
};
thread_local ThreadState own;

}  // namespace

StallClock::StallClock(Now now) : now_(now), figures_{PressureMeter(now()), PressureMeter(now())} {}

StallClock::State StallClock::state_of(std::uint64_t tasks) {
  if (tasks < kStalled) return State::kNone;
  return tasks % kStalled == 0 ? State::kFull : State::kSome;
}

void StallClock::change(std::uint64_t difference) {
  const std::uint64_t before = tasks_.fetch_add(difference, std::memory_order_acq_rel);
  if (state_of(before) == state_of(before + difference)) [[likely]]
    return;
  const LockGuard guard(lock_);
  account();
}

/// Whoever comes last finds the word as it is.
void StallClock::account() {
  const PressureMeter::Time now = now_();
  figures_.some.pass(now, state_ == State::kNone ? Stalled::kNo : Stalled::kYes);
  figures_.full.pass(now, state_ == State::kFull ? Stalled::kYes : Stalled::kNo);
  state_ = state_of(tasks_.load(std::memory_order_acquire));
}

StallClock::Figures StallClock::figures() {
  const LockGuard guard(lock_);
  account();
  return figures_;
}

StallClock::Task::Task(StallClock& clock) : clock_(clock) {
  GONZO_CHECK(own.clock == nullptr);
  own.clock = &clock;
  clock_.change(kRunning);
}

StallClock::Task::~Task() {
  own.clock = nullptr;
  clock_.change(-kRunning);
}

StallClock::Wait::Wait(StallClock& clock) : clock_(own.clock == &clock ? &clock : nullptr) {
  if (clock_ != nullptr) clock_->change(-kRunning);
}

StallClock::Wait::~Wait() {
  if (clock_ != nullptr) clock_->change(kRunning);
}

StallClock::Stall::Stall(StallClock& clock)
    : clock_(own.clock == &clock && !own.stalled ? &clock : nullptr) {
  if (clock_ == nullptr) return;
  own.stalled = true;
  clock_->change(kStalled - kRunning);
}

StallClock::Stall::~Stall() {
  if (clock_ == nullptr) return;
  own.stalled = false;
  clock_->change(kRunning - kStalled);
}

}  // namespace gonzo

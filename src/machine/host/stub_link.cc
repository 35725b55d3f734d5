#include "machine/host/stub_link.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <gonzo/base/processor_binding.h>

namespace gonzo {
namespace {

using namespace std::chrono_literals;

// The robust futex ends a wait when the thread dies. These are for what it does not see: a process
// that died before the turn was given, a guest that wrote over the word or the list.
constexpr std::chrono::nanoseconds kFirstTimeout = 10ms;
constexpr std::chrono::nanoseconds kLastTimeout = 1s;

long futex(std::uint32_t* word, int operation, std::uint32_t value, const timespec* timeout) {
  return syscall(SYS_futex, word, operation, value, timeout, nullptr, 0);
}

SpinBudget::Outcome outcome_of(std::uint64_t patience, bool slept) {
  if (patience == 0) return SpinBudget::Outcome::kDidNotTry;
  return slept ? SpinBudget::Outcome::kGaveUp : SpinBudget::Outcome::kSpun;
}

void add(std::atomic<std::uint64_t>& sum, std::uint64_t ticks) {
  sum.store(sum.load(std::memory_order_relaxed) + ticks, std::memory_order_relaxed);
}

}  // namespace

ProcessState process_state(pid_t process) {
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0) {
    return ProcessState::kDead;
  }
  return info.si_pid == 0 ? ProcessState::kAlive : ProcessState::kDead;
}

void StubLink::prepare(gonzo_mailbox& mailbox) {
  __atomic_store_n(&mailbox.turn, GONZO_TURN_STARTING, __ATOMIC_RELEASE);
}

void StubLink::mend(gonzo_mailbox& mailbox, std::uint64_t guest_address) {
  mailbox.robust_next = guest_address + offsetof(gonzo_mailbox, robust_entry);
  mailbox.robust_entry = guest_address + offsetof(gonzo_mailbox, robust_next);
  mailbox.robust_offset = std::int64_t{offsetof(gonzo_mailbox, turn)} -
                          std::int64_t{offsetof(gonzo_mailbox, robust_entry)};
  mailbox.robust_pending = 0;
}

StubLink::Wake StubLink::wait_for_start() {
  given_at_ = __rdtsc();
  const Wake wake = wait();
  if (wake == Wake::kTurn) owner_ = mailbox_.thread_id & GONZO_TURN_OWNER;
  return wake;
}

void StubLink::give_turn(gonzo_action action) {
  unsigned processor = 0;
  given_at_ = __rdtscp(&processor);
  const std::uint64_t worked = given_at_ - returned_at_;
  is_crowded_ = processor == mailbox_.processor;
  // Commands alone are short: they neither join nor part.
  const bool together =
      action == GONZO_ACTION_RESUME ? company_.join(thread()) : company_.is_together();
  const std::uint64_t patience =
      std::exchange(stub_patience_, together || is_crowded_ ? 0 : stub_wait_.ticks());
  add(stub_spinning_, std::min(worked, patience));
  mailbox_.action = action;
  mailbox_.spin_ticks = static_cast<std::uint32_t>(stub_patience_);
  const std::uint32_t before = __atomic_exchange_n(&mailbox_.turn, owner_, __ATOMIC_ACQ_REL);
  const bool sleeps = (before & GONZO_TURN_SLEEPER) != 0;
  if (sleeps) futex(&mailbox_.turn, FUTEX_WAKE, 1, nullptr);
  if (action == GONZO_ACTION_RESUME) forecast_.learn(work_, worked >= SpinBudget::kShortWork);
  if (!std::exchange(stub_dismissed_, false)) {
    stub_wait_.learn(worked, outcome_of(patience, sleeps));
  }
}

void StubLink::expect_work(WorkForecast::Kind kind) {
  work_ = kind;
  stub_dismissed_ = forecast_.is_long(kind);
  if (!stub_dismissed_) return;
  stub_patience_ = 0;
  unbind_from_processor();
  __atomic_store_n(&mailbox_.spin_ticks, 0, __ATOMIC_RELAXED);
}

StubLink::Wake StubLink::wait() { return wait_with(nullptr); }

StubLink::Wake StubLink::wait_for_trap(const std::atomic<bool>& kicked) {
  return wait_with(&kicked);
}

StubLink::Wake StubLink::wait_with(const std::atomic<bool>* kicked) {
  const std::uint64_t limit = company_.is_together() || is_crowded_ ? 0 : wait_.ticks();
  std::uint64_t now = given_at_;
  do {
    const std::uint32_t turn = __atomic_load_n(&mailbox_.turn, __ATOMIC_ACQUIRE);
    if (!is_away(turn)) {
      add(own_spinning_, std::min(now - given_at_, limit));
      came_back(outcome_of(limit, false));
      return turn & GONZO_TURN_DIED ? Wake::kDead : Wake::kTurn;
    }
    _mm_pause();
    now = __rdtsc();
  } while (now - given_at_ < limit);
  add(own_spinning_, limit);
  const Wake wake = sleep(kicked);
  came_back(outcome_of(limit, true));
  return wake;
}

void StubLink::came_back(SpinBudget::Outcome outcome) {
  returned_at_ = __rdtsc();
  // The guest may forge it: no worse than a bad guess.
  const std::uint64_t work = mailbox_.trapped_at - mailbox_.resumed_at;
  wait_.learn(work, outcome);
  if (mailbox_.action != GONZO_ACTION_RESUME) return;
  const std::uint64_t away = returned_at_ - given_at_;
  company_.leave(work, away > work ? away - work : 0);
}

StubLink::Wake StubLink::sleep(const std::atomic<bool>* kicked) {
  std::chrono::nanoseconds unanswered{};
  const std::uint32_t sleeping = owner_ | GONZO_TURN_SLEEPER;
  for (auto pause = kFirstTimeout;; pause = std::min(2 * pause, kLastTimeout)) {
    std::uint32_t turn = owner_;
    __atomic_compare_exchange_n(&mailbox_.turn, &turn, sleeping, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
    if (turn & GONZO_TURN_DIED) return Wake::kDead;
    if (!is_away(turn)) return Wake::kTurn;
    const timespec timeout{pause / 1s, (pause % 1s).count()};
    if (futex(&mailbox_.turn, FUTEX_WAIT, sleeping, &timeout) == 0 || errno != ETIMEDOUT) continue;
    company_.part(thread());
    if (process_state(process_) == ProcessState::kDead) return Wake::kDead;
    // A guest that runs owes nothing; commands are short.
    if (kicked == nullptr || kicked->load()) unanswered += pause;
    if (unanswered >= answer_within_) return Wake::kStuck;
  }
}

}  // namespace gonzo

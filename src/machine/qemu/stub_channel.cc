#include "machine/qemu/stub_channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace gonzo {
namespace {

/// Far more than a loaded host takes.
constexpr std::chrono::milliseconds kStartTimeout{20'000};
constexpr std::chrono::milliseconds kForEver{-1};

SpinBudget::Outcome outcome_of(std::uint64_t patience, bool slept) {
  if (patience == 0) return SpinBudget::Outcome::kDidNotTry;
  return slept ? SpinBudget::Outcome::kGaveUp : SpinBudget::Outcome::kSpun;
}

}  // namespace

StubChannel::Wake StubChannel::wait_for_start() {
  const Wake wake = sleep(kStartTimeout);
  returned_at_ = __rdtsc();
  return wake;
}

StubChannel::Wake StubChannel::exchange(std::uint32_t action) {
  give(action);
  return wait();
}

void StubChannel::give(std::uint32_t action) {
  const std::uint64_t worked = __rdtsc() - returned_at_;
  const std::uint64_t patience = mailbox_.patience;
  mailbox_.action = action;
  mailbox_.patience = static_cast<std::uint32_t>(stub_wait_.ticks());
  given_at_ = __rdtsc();
  __atomic_store_n(&mailbox_.turn, std::uint32_t{GONZO_QEMU_TURN_STUB}, __ATOMIC_SEQ_CST);
  // It says so before it looks at the turn for the last time.
  const bool sleeps = __atomic_load_n(&mailbox_.stub_sleeps, __ATOMIC_SEQ_CST) != 0;
  if (sleeps) emulator_.ring();
  stub_wait_.learn(worked, outcome_of(patience, sleeps));
}

StubChannel::Wake StubChannel::wait() {
  const std::uint64_t limit = wait_.ticks();
  std::uint64_t now = given_at_;
  do {
    if (is_ours()) {
      own_spinning_ += std::min(now - given_at_, limit);
      came_back(outcome_of(limit, false));
      return Wake::kTurn;
    }
    _mm_pause();
    now = __rdtsc();
  } while (now - given_at_ < limit);
  own_spinning_ += limit;
  const Wake wake = sleep(kForEver);
  came_back(outcome_of(limit, true));
  return wake;
}

void StubChannel::came_back(SpinBudget::Outcome outcome) {
  returned_at_ = __rdtsc();
  wait_.learn(mailbox_.trapped_at - mailbox_.resumed_at, outcome);
}

StubChannel::Wake StubChannel::sleep(std::chrono::milliseconds limit) {
  std::array<char, 64> bytes;
  for (;;) {
    __atomic_store_n(&mailbox_.runner_sleeps, 1U, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&mailbox_.turn, __ATOMIC_SEQ_CST) == GONZO_QEMU_TURN_RUNNER) break;
    pollfd line{.fd = emulator_.line(), .events = POLLIN, .revents = 0};
    const int ready = poll(&line, 1, static_cast<int>(limit.count()));
    if (ready == 0) return Wake::kDead;
    if (ready < 0) continue;  // EINTR
    const ssize_t got = recv(emulator_.line(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return Wake::kDead;
  }
  __atomic_store_n(&mailbox_.runner_sleeps, 0U, __ATOMIC_RELAXED);
  return Wake::kTurn;
}

void StubChannel::kick() {
  __atomic_store_n(&mailbox_.kicked, 1U, __ATOMIC_SEQ_CST);
  emulator_.ring();
}

}  // namespace gonzo

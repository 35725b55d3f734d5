// Futexes: the arguments of futex(2), and how a wait ends. Linux: kernel/futex/syscalls.c.
#include <linux/futex.h>
#include <sys/syscall.h>

#include <algorithm>
#include <optional>

#include "kernel/futex.h"
#include "kernel/process_table.h"
#include "syscall/handlers.h"
#include "syscall/sleep.h"
#include "syscall/table.h"
#include "syscall/user_types.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13  // since Linux 5.14
#endif

namespace gonzo {

namespace {

struct FutexWait {
  std::uint32_t expected = 0, bitset = FUTEX_BITSET_MATCH_ANY;
  int flags = 0;  ///< FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME
  std::optional<timespec> deadline;
};

bool may_name_clock(int operation) {
  return operation == FUTEX_WAIT_BITSET || operation == FUTEX_WAIT_REQUEUE_PI ||
         operation == FUTEX_LOCK_PI2;
}

FutexWord word_at(const Call& call, unsigned argument, int flags) {
  return {.memory = call.memory(),
          .address = call.address(argument),
          .scope = (flags & FUTEX_PRIVATE_FLAG) != 0 ? FutexScope::kPrivate : FutexScope::kShared};
}

/// FUTEX_WAIT counts from now, the others to a moment.
Result<std::optional<timespec>> deadline_of(Call& call, int operation) {
  if (call.is_null(3)) return std::nullopt;
  GONZO_ASSIGN(const auto time, load_longs<timespec>(call, call.address(3)));
  if (!is_valid(time)) return fail(Errno::kInval);
  if (operation != FUTEX_WAIT) return time;
  return deadline_after(CLOCK_MONOTONIC, time);
}

/// One sleep of the host's.
std::int64_t sleep_on(Call& call, const FutexWait& wait, std::atomic<std::uint32_t>& word) {
  const int operation =
      FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | (wait.flags & FUTEX_CLOCK_REALTIME);
  const timespec* deadline = wait.deadline ? &*wait.deadline : nullptr;
  const std::int64_t ended = call.host(
      SYS_futex, {reinterpret_cast<std::uint64_t>(&word), static_cast<std::uint64_t>(operation), 0,
                  reinterpret_cast<std::uint64_t>(deadline), 0, FUTEX_BITSET_MATCH_ANY});
  return ended == -EAGAIN ? 0 : ended;
}

/// Linux: futex_wait, and how it leaves its call to be made again.
std::int64_t wait_on(Call& call, const FutexWord& word, const FutexWait& wait) {
  const std::int64_t ended = call.process().system().futexes().wait(
      word, wait.expected, wait.bitset,
      [&](std::atomic<std::uint32_t>& woken) { return sleep_on(call, wait, woken); });
  if (ended != -EINTR) return ended;
  if (!wait.deadline) return -restart::kSys;
  call.task.restart_block =
      Task::RestartBlock{.number = SYS_futex,
                         .arguments = {word.address.value, wait.expected, wait.bitset,
                                       static_cast<std::uint64_t>(wait.flags),
                                       static_cast<std::uint64_t>(wait.deadline->tv_sec),
                                       static_cast<std::uint64_t>(wait.deadline->tv_nsec)}};
  return -restart::kBlock;
}

std::int64_t futex_wait(Call& call, int operation, int flags) {
  const auto deadline = deadline_of(call, operation);
  if (!deadline) return raw(deadline.error());
  const std::uint32_t bitset =
      operation == FUTEX_WAIT_BITSET ? call.word(5) : FUTEX_BITSET_MATCH_ANY;
  return wait_on(
      call, word_at(call, 0, flags),
      {.expected = call.word(2), .bitset = bitset, .flags = flags, .deadline = *deadline});
}

struct LivingThreads {
  ProcessTable& processes;
  bool operator()(std::uint32_t number) const {
    const auto task = processes.find_task(static_cast<int>(number));
    return task != nullptr && !task->gave_up_locks;
  }
};

std::uint32_t number_of(const Call& call) { return static_cast<std::uint32_t>(call.task.tid()); }

/// Signals make the call again, whoever handles them.
std::int64_t again_after_signal(std::int64_t ended) {
  return ended == -EINTR ? -restart::kNoIntr : ended;
}

/// FUTEX_LOCK_PI counts to a moment of CLOCK_REALTIME; FUTEX_LOCK_PI2 by its flag.
std::int64_t futex_lock(Call& call, int operation, int flags) {
  const auto deadline = deadline_of(call, operation);
  if (!deadline) return raw(deadline.error());
  if (operation == FUTEX_LOCK_PI) flags |= FUTEX_CLOCK_REALTIME;
  const FutexWait wait{.flags = flags, .deadline = *deadline};
  const LivingThreads living{call.process().system().processes()};
  return again_after_signal(call.process().system().futexes().lock(
      word_at(call, 0, flags), {.number = number_of(call), .is_alive = living},
      [&](std::atomic<std::uint32_t>& woken) { return sleep_on(call, wait, woken); }));
}

std::int64_t futex_try_lock(Call& call, int flags) {
  const LivingThreads living{call.process().system().processes()};
  return call.process().system().futexes().try_lock(
      word_at(call, 0, flags), {.number = number_of(call), .is_alive = living});
}

std::int64_t futex_wait_requeue(Call& call, int operation, int flags) {
  const auto deadline = deadline_of(call, operation);
  if (!deadline) return raw(deadline.error());
  const FutexWait wait{.flags = flags, .deadline = *deadline};
  const LivingThreads living{call.process().system().processes()};
  return again_after_signal(call.process().system().futexes().wait_for_lock(
      word_at(call, 0, flags), call.word(2), word_at(call, 4, flags),
      {.number = number_of(call), .is_alive = living},
      [&](std::atomic<std::uint32_t>& woken) { return sleep_on(call, wait, woken); }));
}

std::int64_t futex_requeue_to_lock(Call& call, int flags) {
  if (call.integer(2) != 1 || call.integer(3) < 0) return -EINVAL;
  const LivingThreads living{call.process().system().processes()};
  return raw(call.process().system().futexes().requeue_to_lock(
      word_at(call, 0, flags), word_at(call, 4, flags), call.word(3), call.word(5), living));
}

/// Linux wakes one even when asked for none, or for less.
unsigned wake_count(const Call& call, unsigned argument) {
  return static_cast<unsigned>(std::max(call.integer(argument), 1));
}

std::int64_t futex_requeue(Call& call, int operation, int flags) {
  if (call.integer(2) < 0 || call.integer(3) < 0) return -EINVAL;
  FutexTable::Requeue how{.wake = call.word(2), .move = call.word(3)};
  if (operation == FUTEX_CMP_REQUEUE) how.expected = call.word(5);
  return raw(call.process().system().futexes().requeue(word_at(call, 0, flags),
                                                       word_at(call, 4, flags), how));
}

}  // namespace

std::int64_t sys_futex(Call& call) {
  const int operation = call.integer(1) & FUTEX_CMD_MASK;
  const int flags = call.integer(1) & ~FUTEX_CMD_MASK;
  if ((flags & FUTEX_CLOCK_REALTIME) != 0 && !may_name_clock(operation)) return -ENOSYS;
  FutexTable& futexes = call.process().system().futexes();
  switch (operation) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
      return futex_wait(call, operation, flags);
    case FUTEX_WAKE:
      return raw(futexes.wake(word_at(call, 0, flags), wake_count(call, 2)));
    case FUTEX_WAKE_BITSET:
      return raw(futexes.wake(word_at(call, 0, flags), wake_count(call, 2), call.word(5)));
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
      return futex_requeue(call, operation, flags);
    case FUTEX_WAKE_OP:
      return raw(futexes.wake_op(word_at(call, 0, flags), word_at(call, 4, flags),
                                 wake_count(call, 2), wake_count(call, 3), call.word(5)));
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
      return futex_lock(call, operation, flags);
    case FUTEX_TRYLOCK_PI:
      return futex_try_lock(call, flags);
    case FUTEX_UNLOCK_PI:
      return raw(futexes.unlock(word_at(call, 0, flags), number_of(call)));
    case FUTEX_WAIT_REQUEUE_PI:
      return futex_wait_requeue(call, operation, flags);
    case FUTEX_CMP_REQUEUE_PI:
      return futex_requeue_to_lock(call, flags);
    default:
      return -ENOSYS;
  }
}

std::int64_t restart_futex_wait(Call& call, const Task::RestartBlock& block) {
  const auto& saved = block.arguments;
  FutexWait wait{.expected = static_cast<std::uint32_t>(saved[1]),
                 .bitset = static_cast<std::uint32_t>(saved[2]),
                 .flags = static_cast<int>(saved[3]),
                 .deadline = timespec{static_cast<time_t>(saved[4]), static_cast<long>(saved[5])}};
  Call original = call;
  original.arguments[0] = saved[0];
  return wait_on(original, word_at(original, 0, wait.flags), wait);
}

}  // namespace gonzo

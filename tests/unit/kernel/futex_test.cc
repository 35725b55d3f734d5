// Waiters are host threads; the words are guest memory.
#include "kernel/futex.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <vector>

#include "unit/kernel/soft_world.h"
#include <gonzo/cache/shared_memory.h>

namespace gonzo {
namespace {

const auto sleep_until_woken = [](std::atomic<std::uint32_t>& word) -> std::int64_t {
  const long result = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
  return result == 0 || errno == EAGAIN ? 0 : -errno;
};

class FutexTest : public ::testing::Test {
 protected:
  FutexWord word(unsigned number, FutexScope scope = FutexScope::kPrivate) {
    return {.memory = world_.memory(), .address = base_ + number * 64, .scope = scope};
  }
  void SetUp() override {
    base_ = *world_.memory().map({.length = kPageSize,
                                  .protection = PROT_READ | PROT_WRITE,
                                  .flags = MAP_PRIVATE | MAP_ANONYMOUS});
  }
  std::uint32_t value(const FutexWord& at) {
    return world_.memory().load<std::uint32_t>(at.address).value_or(~0U);
  }
  /// A thread that waits for the word, which is 0, until somebody wakes it.
  std::future<std::int64_t> wait_on(const FutexWord& at, std::uint32_t bitset = ~0U) {
    return std::async(std::launch::async, [this, at, bitset] {
      return futexes_.wait(at, 0, bitset, sleep_until_woken);
    });
  }
  /// Wakes until `count` were there to be woken.
  void wake_all_of(const FutexWord& at, unsigned count, std::uint32_t bitset = ~0U) {
    for (unsigned woken = 0; woken < count; std::this_thread::yield()) {
      const auto now = futexes_.wake(at, count - woken, bitset);
      ASSERT_TRUE(now.has_value());
      woken += *now;
    }
  }

  SoftWorld world_;
  FutexTable futexes_;
  VirtAddr base_;
};

TEST_F(FutexTest, WakesAsManyAsAskedFor) {
  std::vector<std::future<std::int64_t>> waiters;
  for (int i = 0; i < 5; ++i) waiters.push_back(wait_on(word(0)));
  wake_all_of(word(0), 3);
  wake_all_of(word(0), 2);
  for (auto& waiter : waiters) EXPECT_EQ(waiter.get(), 0);
  EXPECT_EQ(futexes_.wake(word(0), 10), 0U);
}

TEST_F(FutexTest, ABitsetChooses) {
  auto first = wait_on(word(0), 1), second = wait_on(word(0), 2);
  wake_all_of(word(0), 1, 2);
  EXPECT_EQ(second.get(), 0);
  EXPECT_EQ(futexes_.wake(word(0), 10, 2), 0U);
  wake_all_of(word(0), 1, 3);
  EXPECT_EQ(first.get(), 0);
}

TEST_F(FutexTest, AnotherValueDoesNotWait) {
  const auto never = [](std::atomic<std::uint32_t>&) -> std::int64_t {
    ADD_FAILURE() << "slept";
    return -EINTR;
  };
  EXPECT_EQ(futexes_.wait(word(0), 1, ~0U, never), -EAGAIN);
  EXPECT_EQ(futexes_.wait(word(0), 0, 0, never), -EINVAL);
  FutexWord odd = word(0);
  odd.address += 2;
  EXPECT_EQ(futexes_.wait(odd, 0, ~0U, never), -EINVAL);
  FutexWord hole{.memory = world_.memory(), .address = VirtAddr(8)};
  EXPECT_EQ(futexes_.wait(hole, 0, ~0U, never), -EFAULT);
  EXPECT_EQ(futexes_.wake(hole, 1), 0U) << "a private word need not be there";
  hole.scope = FutexScope::kShared;
  EXPECT_FALSE(futexes_.wake(hole, 1).has_value());
}

TEST_F(FutexTest, WhatEndsASleepEndsTheWait) {
  const auto late = [](std::atomic<std::uint32_t>&) -> std::int64_t { return -ETIMEDOUT; };
  EXPECT_EQ(futexes_.wait(word(0), 0, ~0U, late), -ETIMEDOUT);
  EXPECT_EQ(futexes_.wake(word(0), 1), 0U) << "it no longer waits";
}

TEST_F(FutexTest, AWakeUpThatCountedWinsOverATimeout) {
  const auto late = [this](std::atomic<std::uint32_t>&) -> std::int64_t {
    EXPECT_EQ(futexes_.wake(word(0), 1), 1U);
    return -ETIMEDOUT;
  };
  EXPECT_EQ(futexes_.wait(word(0), 0, ~0U, late), 0);
}

TEST_F(FutexTest, RequeueMovesWithoutWaking) {
  std::vector<std::future<std::int64_t>> waiters;
  for (int i = 0; i < 4; ++i) waiters.push_back(wait_on(word(0)));
  for (unsigned gone = 0; gone < 4; std::this_thread::yield()) {
    gone += futexes_.requeue(word(0), word(1), {.wake = 0, .move = 4}).value_or(0);
  }
  EXPECT_EQ(futexes_.wake(word(0), 10), 0U);
  EXPECT_EQ(futexes_.requeue(word(1), word(0), {.wake = 1, .move = 1, .expected = 0}), 2U);
  EXPECT_FALSE(futexes_.requeue(word(1), word(0), {.wake = 9, .expected = 5}).has_value());
  EXPECT_EQ(futexes_.wake(word(0), 10), 1U);
  EXPECT_EQ(futexes_.wake(word(1), 10), 2U);
  for (auto& waiter : waiters) EXPECT_EQ(waiter.get(), 0);
}

TEST_F(FutexTest, WakeOpChangesThenCompares) {
  auto first = wait_on(word(0)), second = wait_on(word(1));
  const auto set = [&](std::uint32_t argument, std::uint32_t compared) {
    return futexes_.wake_op(word(0), word(1), 1, 1,
                            FUTEX_OP(FUTEX_OP_SET, argument, FUTEX_OP_CMP_EQ, compared));
  };
  unsigned woken = 0;
  while (woken == 0) woken = set(0, 9).value_or(9);
  EXPECT_EQ(woken, 1U) << "the old value was not 9";
  EXPECT_EQ(first.get(), 0);
  woken = 0;
  while (woken == 0) woken = set(0, 0).value_or(9);
  EXPECT_EQ(woken, 1U);
  EXPECT_EQ(second.get(), 0);

  const auto apply = [&](std::uint32_t operation, std::uint32_t argument) {
    const auto done =
        futexes_.wake_op(word(0), word(1), 1, 1, FUTEX_OP(operation, argument, FUTEX_OP_CMP_EQ, 1));
    return done ? value(word(1)) : ~0U;
  };
  EXPECT_EQ(apply(FUTEX_OP_SET, 6), 6U);
  EXPECT_EQ(apply(FUTEX_OP_ADD, 0xfff), 5U) << "arguments are signed";
  EXPECT_EQ(apply(FUTEX_OP_OR, 8), 13U);
  EXPECT_EQ(apply(FUTEX_OP_ANDN, 4), 9U);
  EXPECT_EQ(apply(FUTEX_OP_XOR, 1), 8U);
  EXPECT_EQ(apply(FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT, 33), 2U) << "1 << (33 mod 32)";
  EXPECT_EQ(apply(6, 0), ~0U);
}

TEST_F(FutexTest, ASharedWordIsKnownByItsObject) {
  const ObjectRef object = make_shared_memory(world_.system().frames(), kPageSize, {.path = "/x"});
  const auto map = [&] {
    return FutexWord{.memory = world_.memory(),
                     .address = *world_.memory().map({.length = kPageSize,
                                                      .protection = PROT_READ | PROT_WRITE,
                                                      .flags = MAP_SHARED,
                                                      .object = object}) +
                                8,
                     .scope = FutexScope::kShared};
  };
  const FutexWord here = map(), there = map();
  auto waiter = wait_on(here);
  wake_all_of(there, 1);
  EXPECT_EQ(waiter.get(), 0);

  waiter = wait_on(here);
  FutexWord priv = here;
  priv.scope = FutexScope::kPrivate;
  EXPECT_EQ(futexes_.wake(priv, 1), 0U) << "private and shared never meet";
  wake_all_of(here, 1);
  EXPECT_EQ(waiter.get(), 0);
}

/// Many threads add under a futex lock that sleeps and requeues: none is lost.
TEST_F(FutexTest, WaitersAndMoversMayRace) {
  std::atomic<bool> stop{false};
  std::vector<std::future<std::int64_t>> waiters;
  for (int i = 0; i < 8; ++i) {
    waiters.push_back(std::async(std::launch::async, [&, i] {
      std::int64_t rounds = 0;
      while (!stop.load()) {
        const std::int64_t ended = futexes_.wait(word(i % 2), 0, ~0U, sleep_until_woken);
        EXPECT_EQ(ended, 0);
        ++rounds;
      }
      return rounds;
    }));
  }
  for (int i = 0; i < 2000; ++i) {
    EXPECT_TRUE(futexes_.requeue(word(0), word(1), {.wake = 1, .move = 2}).has_value());
    EXPECT_TRUE(futexes_.requeue(word(1), word(0), {.wake = 1, .move = 2}).has_value());
  }
  stop = true;
  for (auto& waiter : waiters) {
    while (waiter.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      EXPECT_TRUE(futexes_.wake(word(0), 8).has_value());
      EXPECT_TRUE(futexes_.wake(word(1), 8).has_value());
      std::this_thread::yield();
    }
  }
}

}  // namespace
}  // namespace gonzo

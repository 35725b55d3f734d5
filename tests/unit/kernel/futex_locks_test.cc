// Locks whose word holds their owner's number. Waiters are host threads; the words are guest
// memory.
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <set>
#include <vector>

#include "kernel/futex.h"
#include "unit/kernel/soft_world.h"

namespace gonzo {
namespace {

const auto sleep_until_woken = [](std::atomic<std::uint32_t>& word) -> std::int64_t {
  const long result = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
  return result == 0 || errno == EAGAIN ? 0 : -errno;
};
const auto time_out = [](std::atomic<std::uint32_t>&) -> std::int64_t { return -ETIMEDOUT; };

class FutexLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    base_ = *world_.memory().map({.length = kPageSize,
                                  .protection = PROT_READ | PROT_WRITE,
                                  .flags = MAP_PRIVATE | MAP_ANONYMOUS});
  }
  FutexWord word(unsigned number) {
    return {.memory = world_.memory(), .address = base_ + number * 64};
  }
  std::uint32_t value(unsigned number) {
    return world_.memory().load<std::uint32_t>(word(number).address).value_or(~0U);
  }
  FutexOwner owner(std::uint32_t number) { return {.number = number, .is_alive = is_alive_}; }
  std::int64_t lock(unsigned at, std::uint32_t number) {
    return futexes_.lock(word(at), owner(number), sleep_until_woken);
  }
  std::future<std::int64_t> lock_later(unsigned at, std::uint32_t number) {
    // await_waiter's own try may close the circle first, for this thread to see.
    return std::async(std::launch::async, [this, at, number] {
      std::int64_t result = -EDEADLK;
      while (result == -EDEADLK) result = lock(at, number);
      return result;
    });
  }
  /// Until the thread waits for a lock: it would close a circle with who asks for one of its own.
  void await_waiter(std::uint32_t waiter, unsigned held_by_waiter, std::uint32_t holder) {
    while (futexes_.lock(word(held_by_waiter), owner(holder), time_out) != -EDEADLK) {
      std::this_thread::yield();
    }
    EXPECT_EQ(value(held_by_waiter) & FUTEX_TID_MASK, waiter);
  }

  SoftWorld world_;
  FutexTable futexes_;
  VirtAddr base_;
  std::set<std::uint32_t> ended_;
  const std::function<bool(std::uint32_t)> is_alive_ = [this](std::uint32_t number) {
    return !ended_.contains(number);
  };
};

TEST_F(FutexLockTest, WhoWaitsLongestIsNext) {
  constexpr unsigned kWaiters = 4;
  ASSERT_EQ(lock(0, 100), 0);
  std::vector<std::future<std::int64_t>> waiters;
  for (unsigned i = 1; i <= kWaiters; ++i) {
    ASSERT_EQ(lock(i, 100 + i), 0);
    waiters.push_back(lock_later(0, 100 + i));
    await_waiter(100 + i, i, 100);
  }
  for (unsigned i = 0; i < kWaiters; ++i) {
    ASSERT_TRUE(futexes_.unlock(word(0), 100 + i));
    EXPECT_EQ(waiters[i].get(), 0);
    EXPECT_EQ(value(0), (101 + i) | FUTEX_WAITERS);
  }
  ASSERT_TRUE(futexes_.unlock(word(0), 100 + kWaiters));
  EXPECT_EQ(value(0), 0U);
}

TEST_F(FutexLockTest, ALongCircleIsFound) {
  constexpr unsigned kThreads = 5;
  for (unsigned i = 0; i < kThreads; ++i) ASSERT_EQ(lock(i, 10 + i), 0);
  ASSERT_EQ(lock(9, 99), 0);
  std::vector<std::future<std::int64_t>> waiters;
  for (unsigned i = 1; i < kThreads; ++i) {
    waiters.push_back(lock_later(i - 1, 10 + i));
    await_waiter(10 + i, i, 10);  // 10 holds what 11 waits for, and so on
  }
  EXPECT_EQ(lock(kThreads - 1, 10), -EDEADLK);
  EXPECT_EQ(futexes_.lock(word(kThreads - 1), owner(99), time_out), -ETIMEDOUT) << "no circle";
  for (unsigned i = 0; i < kThreads - 1; ++i) {
    ASSERT_TRUE(futexes_.unlock(word(i), 10 + i));
    EXPECT_EQ(waiters[i].get(), 0);
  }
}

TEST_F(FutexLockTest, WhatAThreadHeldGoesToTheNext) {
  ASSERT_EQ(lock(0, 1), 0);
  ASSERT_EQ(lock(1, 1), 0);
  ASSERT_EQ(lock(2, 2), 0);
  ASSERT_EQ(lock(3, 3), 0);
  auto first = lock_later(0, 2);
  await_waiter(2, 2, 1);
  auto second = lock_later(1, 3);
  await_waiter(3, 3, 1);
  ended_.insert(1);
  futexes_.release_locks(1);
  EXPECT_EQ(first.get(), 0);
  EXPECT_EQ(second.get(), 0);
  EXPECT_EQ(value(0), 2 | FUTEX_WAITERS | FUTEX_OWNER_DIED);
  EXPECT_EQ(value(1), 3 | FUTEX_WAITERS | FUTEX_OWNER_DIED);
}

TEST_F(FutexLockTest, ALockThatCannotBeWrittenIsAnError) {
  ASSERT_EQ(lock(0, 1), 0);
  ASSERT_EQ(lock(1, 2), 0);
  auto waiter = lock_later(0, 2);
  await_waiter(2, 1, 1);
  ASSERT_TRUE(world_.memory().unmap(base_, kPageSize));
  EXPECT_EQ(futexes_.unlock(word(0), 1).error(), Errno::kFault);
  futexes_.release_locks(1);
  EXPECT_EQ(waiter.get(), -EFAULT);
}

TEST_F(FutexLockTest, AWordThatWasWrittenOverIsRefused) {
  ASSERT_EQ(lock(0, 1), 0);
  ASSERT_EQ(lock(1, 2), 0);
  auto waiter = lock_later(0, 2);
  await_waiter(2, 1, 1);
  ASSERT_TRUE(world_.memory().store(word(0).address, std::uint32_t{3}));
  EXPECT_EQ(lock(0, 4), -EINVAL);
  EXPECT_EQ(futexes_.unlock(word(0), 3).error(), Errno::kInval);
  EXPECT_EQ(futexes_.wake(word(0), 1).error(), Errno::kInval);
  ASSERT_TRUE(world_.memory().store(word(0).address, 1 | FUTEX_WAITERS));
  EXPECT_TRUE(futexes_.unlock(word(0), 1));
  EXPECT_EQ(waiter.get(), 0);
}

}  // namespace
}  // namespace gonzo

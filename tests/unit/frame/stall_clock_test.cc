#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include <gonzo/frame/stall_clock.h>

namespace gonzo::test {
namespace {

using namespace std::chrono_literals;

/// A hand that turns the clock, and tasks on threads of their own that do one thing at a time.
class StallClockTest : public ::testing::Test {
 protected:
  static std::chrono::nanoseconds& ticks() {
    static std::chrono::nanoseconds value{0};
    return value;
  }
  static PressureMeter::Time now() { return PressureMeter::Time(ticks()); }
  std::chrono::nanoseconds some() { return clock_.figures().some.total(); }
  std::chrono::nanoseconds full() { return clock_.figures().full.total(); }
  /// On a thread that executes a task, while this one waits for it.
  void as_task(const std::function<void()>& work) {
    std::thread([&] {
      const StallClock::Task task(clock_);
      work();
    }).join();
  }

  StallClock clock_{&now};
};

TEST_F(StallClockTest, ATaskAloneIsAllOfThem) {
  as_task([&] {
    ticks() += 10ms;
    {
      const StallClock::Stall stall(clock_);
      ticks() += 3ms;
      EXPECT_EQ(some(), 3ms);
    }
    ticks() += 10ms;
  });
  EXPECT_EQ(some(), 3ms);
  EXPECT_EQ(full(), 3ms);
}

TEST_F(StallClockTest, AnotherThatRunsMakesProgress) {
  as_task([&] {
    as_task([&] {
      const StallClock::Stall stall(clock_);
      ticks() += 3ms;
    });
  });
  EXPECT_EQ(some(), 3ms);
  EXPECT_EQ(full(), 0ms);
}

TEST_F(StallClockTest, AnotherThatWaitsDoesNot) {
  as_task([&] {
    const StallClock::Wait wait(clock_);
    as_task([&] {
      const StallClock::Stall stall(clock_);
      ticks() += 3ms;
    });
    ticks() += 5ms;
  });
  EXPECT_EQ(some(), 3ms);
  EXPECT_EQ(full(), 3ms);
}

TEST_F(StallClockTest, TwoAtOnceCountOnce) {
  as_task([&] {
    const StallClock::Stall stall(clock_);
    ticks() += 1ms;
    as_task([&] {
      ticks() += 2ms;  // runs
      const StallClock::Stall other(clock_);
      ticks() += 4ms;
    });
    ticks() += 8ms;
  });
  EXPECT_EQ(some(), 15ms);
  EXPECT_EQ(full(), 13ms);
}

TEST_F(StallClockTest, AStallWithinAStallIsTheSame) {
  as_task([&] {
    as_task([&] {
      const StallClock::Stall outer(clock_);
      {
        const StallClock::Stall inner(clock_);
        ticks() += 1ms;
      }
      ticks() += 1ms;
    });
    EXPECT_EQ(full(), 0ms);
  });
  EXPECT_EQ(some(), 2ms);
}

TEST_F(StallClockTest, WhoIsNoTaskDoesNotCount) {
  const StallClock::Stall stall(clock_);
  const StallClock::Wait wait(clock_);
  ticks() += 5ms;
  EXPECT_EQ(some(), 0ms);
  StallClock other(&now);
  as_task([&] {
    const StallClock::Stall elsewhere(other);
    ticks() += 5ms;
  });
  EXPECT_EQ(other.figures().some.total(), 0ms);
  EXPECT_EQ(some(), 0ms);
}

TEST_F(StallClockTest, ManyThreadsLeaveItAsItWas) {
  StallClock clock;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&clock] {
      const StallClock::Task task(clock);
      for (int k = 0; k < 5000; ++k) {
        {
          const StallClock::Stall stall(clock);
        }
        {
          const StallClock::Wait wait(clock);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const StallClock::Figures first = clock.figures(), second = clock.figures();
  EXPECT_GE(first.some.total(), first.full.total());
  EXPECT_GT(first.some.total(), 0ns);
  EXPECT_EQ(second.some.total(), first.some.total());  // nobody stalls now
}

}  // namespace
}  // namespace gonzo::test

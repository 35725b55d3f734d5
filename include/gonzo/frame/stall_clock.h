// For how long the machine's tasks were held up because memory was short: pressure stall
// information. Linux: kernel/sched/psi.c, Documentation/accounting/psi.rst.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <gonzo/base/lock.h>
#include <gonzo/frame/pressure_meter.h>

namespace gonzo {

/// "Some" runs while at least one task is stalled, "full" while one is and none makes progress:
/// the definition of psi.c for one processor, the machine taken as such. Only threads count that
/// have said that they execute a task. Thread-safe; nothing here is slower than a counter, but for
/// stalls, which read the clock twice.
class StallClock {
 public:
  using Now = PressureMeter::Time (*)();

  explicit StallClock(Now now = &std::chrono::steady_clock::now);
  StallClock(const StallClock&) = delete;
  StallClock& operator=(const StallClock&) = delete;

  /// The calling thread executes one of the machine's tasks. Not within another.
  class Task {
   public:
    explicit Task(StallClock& clock);
    ~Task();
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

   private:
    StallClock& clock_;
  };

  /// The task waits for something other than memory: it is idle, and neither stalled nor making
  /// progress. Not within a stall.
  class Wait {
   public:
    explicit Wait(StallClock& clock);
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

   private:
    StallClock* const clock_;  ///< null: not a task's thread
  };

  /// The task reclaims memory, or brings back what was reclaimed. One within another counts once
  /// (Linux: psi_memstall_enter).
  class Stall {
   public:
    explicit Stall(StallClock& clock);
    ~Stall();
    Stall(const Stall&) = delete;
    Stall& operator=(const Stall&) = delete;

   private:
    StallClock* const clock_;  ///< null: not a task's thread, or stalled already
  };

  struct Figures {
    PressureMeter some, full;
  };
  /// As of now.
  Figures figures() GONZO_EXCLUDES(lock_);

 private:
  // Both counts are one word, so that each moment has one state.
  static constexpr std::uint64_t kRunning = 1, kStalled = 1ULL << 32;
  enum class State : std::uint8_t { kNone, kSome, kFull };
  static State state_of(std::uint64_t tasks);
  void change(std::uint64_t difference) GONZO_EXCLUDES(lock_);
  void account() GONZO_REQUIRES(lock_);

  const Now now_;
  std::atomic<std::uint64_t> tasks_{0};
  SpinLock lock_;  ///< a leaf
  State state_ GONZO_GUARDED_BY(lock_) = State::kNone;
  Figures figures_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo

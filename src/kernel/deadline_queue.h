// What happens at a time: a thread that waits for the next deadline. Linux: hrtimers.
#pragma once

#include <chrono>
#include <functional>
#include <map>

#include "kernel/kernel_thread.h"

namespace gonzo {

/// Thread-safe. Its thread starts with the first deadline.
class DeadlineQueue final : private KernelThread {
 public:
  using Clock = std::chrono::steady_clock;
  using Action = std::function<void()>;
  /// Of one deadline; 0 is never given out.
  using Ticket = std::uint64_t;

  DeadlineQueue() = default;
  ~DeadlineQueue();

  /// `action` runs on the queue's thread, with no lock held, once `when` has come.
  Ticket add(Clock::time_point when, Action action) GONZO_EXCLUDES(lock_);
  /// It may be running this moment. Nothing, when it is over already.
  void cancel(Ticket ticket) GONZO_EXCLUDES(lock_);

 private:
  struct Entry {
    Clock::time_point when;
    Ticket ticket;
    bool operator<(const Entry& other) const {
      return when != other.when ? when < other.when : ticket < other.ticket;
    }
  };
  void serve() override GONZO_EXCLUDES(lock_);

  std::map<Entry, Action> entries_ GONZO_GUARDED_BY(lock_);
  std::map<Ticket, Clock::time_point> times_ GONZO_GUARDED_BY(lock_);
  Ticket last_ GONZO_GUARDED_BY(lock_) = 0;
};

}  // namespace gonzo

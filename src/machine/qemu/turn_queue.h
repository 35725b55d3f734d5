// Who may use a processor: one at a time, in the order of arrival.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>

#include <gonzo/base/function_ref.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/thread_annotations.h>

namespace gonzo {

/// Thread-safe.
class TurnQueue {
 public:
  /// Waits for the turn. Who is the first to wait calls `impatient` each time that a slice of time
  /// has passed: the one who has the turn may be computing for ever.
  void acquire(FunctionRef<void()> impatient) GONZO_EXCLUDES(mutex_);
  void release() GONZO_EXCLUDES(mutex_);
  /// How many wait, at this moment.
  std::size_t waiting() const GONZO_EXCLUDES(mutex_);

 private:
  struct Waiter {
    std::condition_variable_any granted;
    bool has_turn = false;
  };

  mutable Mutex mutex_;
  bool taken_ GONZO_GUARDED_BY(mutex_) = false;
  std::deque<Waiter*> waiters_ GONZO_GUARDED_BY(mutex_);
};

/// Has the turn while it lives.
class Turn {
 public:
  Turn(TurnQueue& queue, FunctionRef<void()> impatient) : queue_(queue) {
    queue_.acquire(impatient);
  }
  ~Turn() { queue_.release(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  TurnQueue& queue_;
};

}  // namespace gonzo

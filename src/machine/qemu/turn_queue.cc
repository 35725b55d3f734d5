#include "machine/qemu/turn_queue.h"

#include <chrono>

namespace gonzo {
namespace {

/// Linux: base_slice_ns is 3 ms on machines of some processors.
constexpr std::chrono::milliseconds kSlice{3};

}  // namespace

void TurnQueue::acquire(FunctionRef<void()> impatient) {
  const LockGuard guard(mutex_);
  if (!taken_) {
    taken_ = true;
    return;
  }
  Waiter self;
  waiters_.push_back(&self);
  while (!self.has_turn) {
    if (self.granted.wait_for(mutex_, kSlice) != std::cv_status::timeout) continue;
    if (!self.has_turn && waiters_.front() == &self) impatient();
  }
}

void TurnQueue::release() {
  const LockGuard guard(mutex_);
  if (waiters_.empty()) {
    taken_ = false;
    return;
  }
  Waiter& next = *waiters_.front();
  waiters_.pop_front();
  next.has_turn = true;
  next.granted.notify_one();
}

std::size_t TurnQueue::waiting() const {
  const LockGuard guard(mutex_);
  return waiters_.size();
}

}  // namespace gonzo

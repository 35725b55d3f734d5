#include "kernel/deadline_queue.h"

#include <utility>

namespace gonzo {

DeadlineQueue::~DeadlineQueue() { stop(); }

DeadlineQueue::Ticket DeadlineQueue::add(Clock::time_point when, Action action) {
  const LockGuard guard(lock_);
  const Ticket ticket = ++last_;
  entries_.emplace(Entry{when, ticket}, std::move(action));
  times_.emplace(ticket, when);
  start();
  changed_.notify_all();
  return ticket;
}

void DeadlineQueue::cancel(Ticket ticket) {
  const LockGuard guard(lock_);
  const auto found = times_.find(ticket);
  if (found == times_.end()) return;
  entries_.erase({found->second, ticket});
  times_.erase(found);
}

void DeadlineQueue::serve() {
  LockGuard guard(lock_);
  while (!stopping_) {
    if (entries_.empty()) {
      changed_.wait(lock_);
      continue;
    }
    const auto first = entries_.begin();
    if (first->first.when > Clock::now()) {
      const Clock::time_point when = first->first.when;
      changed_.wait_until(lock_, when);
      continue;
    }
    const Action action = std::move(first->second);
    times_.erase(first->first.ticket);
    entries_.erase(first);
    lock_.unlock();
    action();
    lock_.lock();
  }
}

}  // namespace gonzo

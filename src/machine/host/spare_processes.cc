#include "machine/host/spare_processes.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace gonzo {

SpareProcesses::~SpareProcesses() {
  const LockGuard guard(mutex_);
  for (const auto& thread : spares_) end(*thread);
}

void SpareProcesses::end(const StubThread& thread) {
  zygote_.end(thread.link.process());
  slots_.release(thread.slot);
}

void SpareProcesses::give(std::unique_ptr<StubThread> thread) {
  {
    const LockGuard guard(mutex_);
    if (spares_.size() < kMost) {
      thread->link.start_over();
      thread->link.mailbox().commands_done = 0;
      thread->link.give_turn(GONZO_ACTION_STAY);
      spares_.push_back(std::move(thread));
      return;
    }
  }
  end(*thread);
}

/// It did what it was asked to, and lives: a process that nobody waits for may have been killed
/// without our being told.
bool SpareProcesses::is_intact(StubThread& thread) {
  const gonzo_mailbox& mailbox = thread.link.mailbox();
  return thread.link.wait() == StubLink::Wake::kTurn &&
         mailbox.commands_done == mailbox.command_count &&
         process_state(thread.link.process()) == ProcessState::kAlive;
}

std::unique_ptr<StubThread> SpareProcesses::take() {
  for (;;) {
    std::unique_ptr<StubThread> thread;
    {
      const LockGuard guard(mutex_);
      // The last one's pages are warm; but who is still unmapping is not waited for.
      const auto ready =
          std::ranges::find_if(spares_.rbegin(), spares_.rend(),
                               [](const auto& spare) { return spare->link.has_turn(); });
      if (ready == spares_.rend()) return nullptr;
      thread = std::move(*ready);
      spares_.erase(std::next(ready).base());
    }
    if (is_intact(*thread)) return thread;
    end(*thread);
  }
}

}  // namespace gonzo

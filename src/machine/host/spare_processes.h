// Host processes whose guests have ended, kept for the next ones.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "machine/host/stub_thread.h"
#include "machine/host/zygote.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/thread_annotations.h>

namespace gonzo {

/// Each is one thread, which waits in the stub with nothing mapped: what the zygote would make, for
/// the price of two calls that the old guest's end needed anyway. Thread-safe.
class SpareProcesses {
 public:
  SpareProcesses(ContextSlots& slots, Zygote& zygote) : slots_(slots), zygote_(zygote) {}
  /// Kills and reaps them.
  ~SpareProcesses();
  SpareProcesses(const SpareProcesses&) = delete;
  SpareProcesses& operator=(const SpareProcesses&) = delete;

  /// The only thread of its process, stopped, whose mailbox holds the commands that unmap all that
  /// the guest had. It may still be at them when this returns. Keeps it or ends it.
  void give(std::unique_ptr<StubThread> thread) GONZO_EXCLUDES(mutex_);
  /// One that is ready, as StubThread::State::kIdle; null when there is none.
  std::unique_ptr<StubThread> take() GONZO_EXCLUDES(mutex_);
  /// Kills a process with one thread, waits for its end and frees the slot.
  void end(const StubThread& thread);

 private:
  static constexpr std::size_t kMost = 8;

  bool is_intact(StubThread& thread);

  ContextSlots& slots_;
  Zygote& zygote_;
  Mutex mutex_;
  std::vector<std::unique_ptr<StubThread>> spares_ GONZO_GUARDED_BY(mutex_);
};

}  // namespace gonzo

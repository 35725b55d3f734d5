// A thread of the kernel's, from its first use to its owner's end. Linux: kthread_run,
// kthread_stop.
#pragma once

#include <condition_variable>
#include <thread>

#include <gonzo/base/lock.h>

namespace gonzo {

/// Whoever derives from this starts the thread when there is something to do, and stops it first
/// thing in its destructor. The thread blocks all signals.
class KernelThread {
 public:
  KernelThread(const KernelThread&) = delete;
  KernelThread& operator=(const KernelThread&) = delete;

 protected:
  KernelThread() = default;
  ~KernelThread() = default;

  /// Nothing, if it runs already or has been stopped. Throws std::system_error.
  void start() GONZO_REQUIRES(lock_);
  /// Waits for its end.
  void stop() GONZO_EXCLUDES(lock_);
  /// What it does, until stopping_; waits for changed_.
  virtual void serve() GONZO_EXCLUDES(lock_) = 0;

  Mutex lock_;
  std::condition_variable_any changed_;
  bool stopping_ GONZO_GUARDED_BY(lock_) = false;

 private:
  std::thread thread_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo

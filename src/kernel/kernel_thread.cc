#include "kernel/kernel_thread.h"

#include "base/background_thread.h"

namespace gonzo {

void KernelThread::start() {
  if (thread_.joinable() || stopping_) return;
  thread_ = start_background_thread([this] { serve(); });
}

void KernelThread::stop() {
  std::thread thread;
  {
    const LockGuard guard(lock_);
    stopping_ = true;
    thread.swap(thread_);
    changed_.notify_all();
  }
  if (thread.joinable()) thread.join();
}

}  // namespace gonzo

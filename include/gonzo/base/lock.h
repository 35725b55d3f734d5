// Locks that Clang's thread-safety analysis understands. docs/locking.md has their order.
#pragma once

#include <atomic>
#include <mutex>
#include <shared_mutex>

#include <gonzo/base/thread_annotations.h>

namespace gonzo {

class GONZO_CAPABILITY("mutex") Mutex {
 public:
  void lock() GONZO_ACQUIRE() { mutex_.lock(); }
  void unlock() GONZO_RELEASE() { mutex_.unlock(); }
  bool try_lock() GONZO_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  std::mutex mutex_;
};

/// Readers and one writer (Linux: rw_semaphore).
class GONZO_CAPABILITY("shared_mutex") SharedMutex {
 public:
  void lock() GONZO_ACQUIRE() { mutex_.lock(); }
  void unlock() GONZO_RELEASE() { mutex_.unlock(); }
  void lock_shared() GONZO_ACQUIRE_SHARED() { mutex_.lock_shared(); }
  void unlock_shared() GONZO_RELEASE_SHARED() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

/// For a few instructions only: the holder must not block, allocate or call out.
class GONZO_CAPABILITY("spinlock") SpinLock {
 public:
  void lock() GONZO_ACQUIRE() {
    while (locked_.exchange(true, std::memory_order_acquire)) {
      while (locked_.load(std::memory_order_relaxed)) __builtin_ia32_pause();
    }
  }
  bool try_lock() GONZO_TRY_ACQUIRE(true) {
    return !locked_.exchange(true, std::memory_order_acquire);
  }
  void unlock() GONZO_RELEASE() { locked_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> locked_{false};
};

template <typename Lock>
class GONZO_SCOPED_CAPABILITY LockGuard {
 public:
  explicit LockGuard(Lock& lock) GONZO_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~LockGuard() GONZO_RELEASE() { lock_.unlock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;

 private:
  Lock& lock_;
};

class GONZO_SCOPED_CAPABILITY SharedLockGuard {
 public:
  explicit SharedLockGuard(SharedMutex& lock) GONZO_ACQUIRE_SHARED(lock) : lock_(lock) {
    lock_.lock_shared();
  }
  ~SharedLockGuard() GONZO_RELEASE_GENERIC() { lock_.unlock_shared(); }
  SharedLockGuard(const SharedLockGuard&) = delete;
  SharedLockGuard& operator=(const SharedLockGuard&) = delete;

 private:
  SharedMutex& lock_;
};

}  // namespace gonzo

// The System V shared memory of one machine. Linux: struct ipc_namespace, ipc/shm.c.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernel/shm_segment.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/mm/memory_manager.h>

namespace gonzo {

using ShmSegmentRef = boost::intrusive_ptr<ShmSegment>;

/// Nothing of the host's own segments shows here. Thread-safe; its lock comes after an address
/// space's. Errors are Linux's, in its order.
class ShmNamespace {
 public:
  /// Linux: kernel.shmmax, shmall, shmmni.
  struct Limits {
    std::uint64_t segment_bytes = ~0ULL - (1ULL << 24);
    std::uint64_t pages = ~0ULL - (1ULL << 24);
    std::size_t segments = 4096;
  };
  struct Totals {
    std::size_t segments = 0;
    std::uint64_t pages = 0, resident_pages = 0, swapped_pages = 0;
    int highest_index = 0;  ///< 0 also when there is none
  };

  /// `memory` outlives this, and this all that was attached.
  explicit ShmNamespace(MemoryManager& memory) : ShmNamespace(memory, Limits{}) {}
  ShmNamespace(MemoryManager& memory, const Limits& limits) : memory_(memory), limits_(limits) {}
  ShmNamespace(const ShmNamespace&) = delete;
  ShmNamespace& operator=(const ShmNamespace&) = delete;

  /// shmget(2). `flags`: IPC_CREAT, IPC_EXCL, SHM_* and permission bits. The id.
  /// ENOENT: no such key, and IPC_CREAT is not there. EEXIST: it is there, with IPC_EXCL.
  /// EINVAL: the one that is there is smaller. EACCES.
  /// A new one: EINVAL: the size is 0 or too large, or no such huge pages. ENOSPC: the limits.
  /// ENOMEM: more than may be committed; huge pages, of which none are reserved.
  Result<int> get(key_t key, std::uint64_t bytes, int flags, const IpcCaller& caller)
      GONZO_EXCLUDES(lock_);

  /// The segment, counted as attached once until end_attach(), so that it stays when its last area
  /// goes meanwhile. `wanted`: permission bits. EINVAL: no such id. EACCES.
  Result<ShmSegmentRef> begin_attach(int id, unsigned wanted, const IpcCaller& caller)
      GONZO_EXCLUDES(lock_);
  void end_attach(ShmSegment& segment) GONZO_EXCLUDES(lock_);
  /// Tells two attachments apart: their areas never become one.
  std::uint64_t next_attachment() {
    return next_attachment_.fetch_add(1, std::memory_order_relaxed);
  }

  // shmctl(2).
  /// EINVAL: no such id. EACCES: not readable.
  Result<ShmStatus> status(int id, const IpcCaller& caller) const GONZO_EXCLUDES(lock_);
  /// By index, for tools that list. SHM_STAT_ANY asks for no permission.
  enum class Access : std::uint8_t { kChecked, kAny };
  Result<ShmStatus> status_at(int index, Access access, const IpcCaller& caller) const
      GONZO_EXCLUDES(lock_);
  /// Owner, group and permission bits. EINVAL: no such id; -1 as an owner. EPERM.
  Result<void> change(int id, const IpcPermissions& to, const IpcCaller& caller)
      GONZO_EXCLUDES(lock_);
  /// Gone with its last attachment; its key is free at once. EINVAL: no such id. EPERM.
  Result<void> remove(int id, const IpcCaller& caller) GONZO_EXCLUDES(lock_);
  /// Pages of a locked segment do not leave memory; none is brought in. EINVAL: no such id. EPERM:
  /// neither owner nor privileged, or no RLIMIT_MEMLOCK at all. ENOMEM: beyond it.
  enum class Locking : std::uint8_t { kLock, kUnlock };
  Result<void> set_locked(int id, Locking locking, const IpcCaller& caller) GONZO_EXCLUDES(lock_);

  const Limits& limits() const { return limits_; }
  Totals totals() const GONZO_EXCLUDES(lock_);
  /// All of them, by index (/proc/sysvipc/shm).
  std::vector<ShmStatus> list() const GONZO_EXCLUDES(lock_);

  /// What its areas tell the segment: one more, one less.
  void area_opened(const ShmSegment& segment, int pid) GONZO_EXCLUDES(lock_);
  void area_closed(const ShmSegment& segment, int pid) GONZO_EXCLUDES(lock_);

 private:
  struct Slot {
    ShmSegmentRef segment;  ///< null: free
    ShmStatus status;
    std::uint64_t charged_lock = 0;  ///< pages counted in locked_pages_
  };

  Slot* find(int id) GONZO_REQUIRES(lock_);
  const Slot* find(int id) const GONZO_REQUIRES(lock_);
  Slot* find_key(key_t key) GONZO_REQUIRES(lock_);
  Result<int> create(key_t key, std::uint64_t bytes, int flags, const IpcCaller& caller)
      GONZO_REQUIRES(lock_);
  std::size_t free_index() GONZO_REQUIRES(lock_);
  /// The reference to let go of after the lock: that may free many frames.
  ShmSegmentRef drop(Slot& slot) GONZO_REQUIRES(lock_);
  ShmSegmentRef drop_if_doomed(Slot& slot) GONZO_REQUIRES(lock_);
  void unlock_memory(Slot& slot) GONZO_REQUIRES(lock_);

  MemoryManager& memory_;
  const Limits limits_;
  std::atomic<std::uint64_t> next_attachment_{1};
  mutable Mutex lock_;
  std::vector<Slot> slots_ GONZO_GUARDED_BY(lock_);
  std::size_t used_ GONZO_GUARDED_BY(lock_) = 0;
  std::uint64_t pages_ GONZO_GUARDED_BY(lock_) = 0;
  std::uint64_t locked_pages_ GONZO_GUARDED_BY(lock_) = 0;
  std::uint16_t sequence_ GONZO_GUARDED_BY(lock_) = 0;
  int last_index_ GONZO_GUARDED_BY(lock_) = -1;
};

}  // namespace gonzo

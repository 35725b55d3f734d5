// A segment of System V shared memory. Linux: struct shmid_kernel.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "kernel/ipc_permissions.h"
#include <gonzo/cache/shared_memory.h>

namespace gonzo {

class MemoryManager;
class ShmNamespace;

/// What shmctl(IPC_STAT) tells. Times are seconds since the epoch; 0: never.
struct ShmStatus {
  int id = 0;
  IpcPermissions permissions;  ///< with SHM_DEST and SHM_LOCKED in the mode
  std::uint64_t bytes = 0, resident_pages = 0, swapped_pages = 0;
  std::int64_t attached_at = 0, detached_at = 0, changed_at = 0;
  int creator_pid = 0, last_pid = 0;
  std::uint64_t attachments = 0;
};

/// Its memory; all else about it is the namespace's, under whose lock it lies. Each area that maps
/// it is one attachment.
class ShmSegment final : public SharedMemory {
 public:
  /// The namespace outlives this.
  ShmSegment(ShmNamespace& home, MemoryManager& memory, const ShmStatus& status,
             CommitCharge charge, ShmemCommit commit);

  int id() const { return id_; }
  /// SHM_LOCK. Thread-safe.
  void set_locked(bool locked) { is_locked_.store(locked, std::memory_order_relaxed); }
  void evict(std::span<DepartingPage> pages) override;
  void area_opened(const AreaNotice& notice) override;
  void area_closed(const AreaNotice& notice) override;
  bool counts_areas() const override { return true; }

 private:
  ShmNamespace& home_;
  const int id_;
  std::atomic<bool> is_locked_{false};
};

}  // namespace gonzo

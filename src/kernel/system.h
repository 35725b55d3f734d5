// One machine: everything that all its processes share. Owns all; there is no global state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/deadline_queue.h"
#include "kernel/futex.h"
#include "kernel/program_abi.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/base/thread_annotations.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/machine/qemu_machine.h>
#include <gonzo/machine/soft_machine.h>
#include <gonzo/mm/memory_manager.h>
#include <gonzo/mm/reclaimer.h>
#include <gonzo/paging/paging_format.h>
#include <gonzo/swap/swap_space.h>
#include <gonzo/vma/vma_index.h>

namespace gonzo {

class Arena;
class DeviceTable;
class Flusher;
class KernelMemory;
class Kswapd;
class OomKiller;
class PageCache;
class ProcessTable;
class ShmNamespace;
class TaskThreads;
class Vdso;

/// The number of the program that was started first.
inline constexpr int kFirstProcess = 1;

enum class MachineKind : std::uint8_t {
  kHost,  ///< runs programs in a host process
  kQemu,  ///< runs programs on a processor of QEMU's, which walks the page tables
  kSoft,  ///< for tests and tools that bring their own accesses
};

class System {
 public:
  struct Config {
    std::uint64_t memory_bytes = 2ULL << 30;
    MemoryManager::Config memory{};
    VmaIndexKind vma_index = kDefaultVmaIndex;  ///< of each address space
    /// Of all page tables; programs of the other kind cannot run then. None: by the program's kind,
    /// 4-level for x86-64, for i386 32-bit classic, or PAE where memory ends past 4 GiB.
    std::optional<PagingFormat> paging;
    MachineKind machine = MachineKind::kHost;
    SoftMachineOptions soft{};  ///< for kSoft, which needs its `load`
    QemuMachineOptions qemu{};  ///< for kQemu
    /// Adds the devices that pages go to when memory runs out. Empty: there is no swap.
    std::function<Result<void>(FrameAllocator&, SwapSpace&)> add_swap;
    Reclaimer::Config reclaim{};
    /// Gets what Linux writes to the kernel's log, a line without its end at a time, from any
    /// thread; may be empty.
    std::function<void(std::string_view)> log;
  };

  /// ENOMEM, or what the host answered to the arena's or machine's creation. Call from the main
  /// thread.
  static Result<std::unique_ptr<System>> create(const Config& config);
  ~System();
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  FrameAllocator& frames() { return *frames_; }
  MemoryManager& memory() { return *memory_; }
  PageCache& page_cache() { return *page_cache_; }
  /// Null without swap.
  SwapSpace* swap() { return memory_->swap(); }
  Reclaimer& reclaimer() { return *reclaimer_; }
  OomKiller& oom_killer() { return *oom_killer_; }
  Flusher& flusher() { return *flusher_; }
  Machine& machine() { return *machine_; }
  /// System V's.
  ShmNamespace& shared_memory() { return *shared_memory_; }
  FutexTable& futexes() { return futexes_; }
  ProcessTable& processes() { return *processes_; }
  TaskThreads& tasks() { return *tasks_; }
  DeadlineQueue& deadlines() { return *deadlines_; }
  VmaIndexKind vma_index() const { return vma_index_; }
  /// For a program of this kind. ENOEXEC: none runs on this machine.
  Result<PagingFormat> paging_format(ProgramAbi abi) const;
  KernelMemory& kernel_memory() { return *kernel_memory_; }
  DeviceTable& devices() { return *devices_; }
  /// Made at the first call. ENOMEM. Thread-safe.
  Result<Vdso*> vdso() GONZO_EXCLUDES(shared_frames_lock_);
  /// Before a program is known.
  PagingFormat default_paging_format() const { return paging_.value_or(PagingFormat::kFourLevel); }

  /// Linux: printk. Thread-safe.
  void log(std::string_view line) const {
    if (log_) log_(line);
  }

  /// After the last process ended: drops the caches and checks that every frame is back and the
  /// buddy lists are merged. Empty, or what leaked. Nothing else works afterwards.
  std::string shut_down();

 private:
  class MemoryPressure;

  System();
  Result<void> set_up_reclaim(const Config& config);
  VmaIndexKind vma_index_ = kDefaultVmaIndex;
  std::optional<PagingFormat> paging_;
  std::function<void(std::string_view)> log_;
  std::unique_ptr<Arena> arena_;  // destroyed last
  std::unique_ptr<MemoryPressure> pressure_;
  std::unique_ptr<FrameAllocator> frames_;
  std::unique_ptr<KernelMemory> kernel_memory_;
  std::unique_ptr<SwapSpace> swap_;
  std::unique_ptr<MemoryManager> memory_;
  std::unique_ptr<Reclaimer> reclaimer_;
  std::unique_ptr<PageCache> page_cache_;
  std::unique_ptr<ShmNamespace> shared_memory_;
  std::unique_ptr<Machine> machine_;  // its processor is in the kernel's half
  std::unique_ptr<DeviceTable> devices_;
  Mutex shared_frames_lock_;
  std::unique_ptr<Vdso> vdso_ GONZO_GUARDED_BY(shared_frames_lock_);
  FutexTable futexes_;
  std::unique_ptr<ProcessTable> processes_;
  std::unique_ptr<TaskThreads> tasks_;
  std::unique_ptr<DeadlineQueue> deadlines_;
  std::unique_ptr<Kswapd> kswapd_;
  std::unique_ptr<OomKiller> oom_killer_;
  std::unique_ptr<Flusher> flusher_;
};

}  // namespace gonzo

// What the kernel of a machine has in memory for itself.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/frame/slab_allocator.h>
#include <gonzo/machine/machine.h>
#include <gonzo/paging/kernel_half.h>
#include <gonzo/paging/paging_format.h>
#include <gonzo/paging/vmalloc.h>

namespace gonzo {

/// Everything takes its frames when it is first asked for: a machine that needs none of it pays
/// nothing. Thread-safe.
class KernelMemory {
 public:
  /// `format`: of the kernel itself; none: that of the first program, whose page tables are the
  /// first to carry a kernel's half.
  /// `machine`: prepares each half; there when one is first asked for.
  KernelMemory(FrameAllocator& frames, Machine& machine, std::optional<PagingFormat> format);

  SlabAllocator& slabs() { return slabs_; }
  // Of objects for a Vma, an AddressSpace, a Task, a Process, an OpenFile and a CachedFile.
  SlabCache& area_cache() { return area_cache_; }
  SlabCache& space_cache() { return space_cache_; }
  SlabCache& task_cache() { return task_cache_; }
  SlabCache& process_cache() { return process_cache_; }
  SlabCache& open_file_cache() { return open_file_cache_; }
  SlabCache& cached_file_cache() { return cached_file_cache_; }

  /// What all page tables of a format share. ENOMEM.
  Result<KernelHalf*> half(PagingFormat format) GONZO_EXCLUDES(lock_);
  /// The kernel's own, in the kernel half of its format; programs of another format run with tables
  /// that do not show it. ENOMEM.
  Result<Vmalloc*> vmalloc() GONZO_EXCLUDES(lock_);
  /// Null: nobody has asked for any.
  const Vmalloc* existing_vmalloc() const GONZO_EXCLUDES(lock_);
  /// Page faults in address spaces that are gone: the machine's counts do not go with them (Linux:
  /// vm_event_states).
  struct PastFaults {
    std::atomic<std::uint64_t> minor{0}, major{0};
  };
  PastFaults& past_faults() { return past_faults_; }
  /// Slabs, vmalloc areas and their tables; empty, or what is wrong. Needs no concurrent use.
  std::string verify() const GONZO_EXCLUDES(lock_);

 private:
  Result<KernelHalf*> half_locked(PagingFormat format) GONZO_REQUIRES(lock_);

  FrameAllocator& frames_;
  Machine& machine_;
  SlabAllocator slabs_;
  SlabCache& area_cache_;
  SlabCache& space_cache_;
  SlabCache& task_cache_;
  SlabCache& process_cache_;
  SlabCache& open_file_cache_;
  SlabCache& cached_file_cache_;
  /// No processor caches what only the kernel may use: guests run as users, and the kernel's own
  /// accesses walk the tables each time.
  NoTranslationCache translations_;
  PastFaults past_faults_;
  mutable Mutex lock_;
  std::optional<PagingFormat> format_ GONZO_GUARDED_BY(lock_);
  std::array<std::unique_ptr<KernelHalf>, kPagingFormats> halves_ GONZO_GUARDED_BY(lock_);
  std::unique_ptr<Vmalloc> vmalloc_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo

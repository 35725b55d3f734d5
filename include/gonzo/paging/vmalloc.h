// Kernel memory that is contiguous by its addresses alone: frames from anywhere, mapped one by one.
// Linux: mm/vmalloc.c.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include <gonzo/base/address.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/kernel_half.h>
#include <gonzo/paging/translation_cache.h>

namespace gonzo {

/// Who may see an area.
enum class VmallocUse : std::uint8_t {
  kKernel,
  kUser,  ///< programs may map its pages (Linux: VM_USERMAP)
};

/// Areas lie in the kernel half's vmalloc area, lowest first; behind each one page is never mapped,
/// so that who runs over its end meets a fault and not the next area. Frames are in the state
/// kVmalloc, each with one reference of the area's. Nothing but the page tables knows them: every
/// access and every free walks the entries. Thread-safe; the contents are their users' affair.
class Vmalloc {
 public:
  /// All outlive it. `cache` is told what is unmapped, before its frames are freed.
  Vmalloc(FrameAllocator& frames, KernelHalf& half, TranslationCache& cache)
      : frames_(frames), half_(half), cache_(cache) {}
  /// Frees what is left.
  ~Vmalloc();
  Vmalloc(const Vmalloc&) = delete;
  Vmalloc& operator=(const Vmalloc&) = delete;

  KernelHalf& half() { return half_; }
  /// `bytes`, rounded up to pages, zeroed. `caller`: static, names the area in info_text(). EINVAL:
  /// 0 bytes. ENOMEM: more than the machine has, no addresses, or no frame, for a table either
  /// (Linux: vzalloc, vmalloc_user).
  Result<VirtAddr> allocate(std::uint64_t bytes, const char* caller, VmallocUse use)
      GONZO_EXCLUDES(lock_);
  /// Unmaps the area that begins at `start`, which must be one; no access may come any more, nor be
  /// under way. Frames that programs map stay until they let go (Linux: vfree).
  void free(VirtAddr start) GONZO_EXCLUDES(lock_);
  /// Pages of areas, the guards not among them (Linux: vmalloc_nr_pages).
  std::uint64_t pages() const { return pages_.load(std::memory_order_relaxed); }
  /// /proc/vmallocinfo, for a reader who may see addresses. Sizes count the guard page.
  std::string info_text() const GONZO_EXCLUDES(lock_);
  /// Areas against entries and frames; empty, or the first disagreement. Needs that nobody
  /// allocates or frees meanwhile.
  std::string verify() const GONZO_EXCLUDES(lock_);

 private:
  struct Area {
    std::uint64_t pages;
    const char* caller;
    VmallocUse use;
    bool complete;  ///< else somebody is mapping or unmapping it
  };
  /// By address.
  using Areas = std::map<VirtAddr, Area>;

  Result<VirtAddr> reserve(const Area& area) GONZO_EXCLUDES(lock_);
  Result<void> map_frames(AddressRange range);
  void unmap_frames(AddressRange range);
  void forget(VirtAddr start) GONZO_EXCLUDES(lock_);
  std::string verify_area(VirtAddr start, const Area& area) const;

  FrameAllocator& frames_;
  KernelHalf& half_;
  TranslationCache& cache_;
  std::atomic<std::uint64_t> pages_{0};
  mutable Mutex lock_;  ///< a leaf: frames and tables are asked for with it let go
  Areas areas_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo

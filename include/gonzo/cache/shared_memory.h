// Memory without a file, shared by all who map it. Linux: shmem (mm/shmem.c).
#pragma once

#include <cstdint>

#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/cache/object_registry.h>
#include <gonzo/cache/page_index.h>
#include <gonzo/frame/commit_ledger.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/swap/swap_slot.h>
#include <gonzo/vma/mapped_object.h>

namespace gonzo {

/// When a shared memory object's pages are counted as committed (Linux: shmem_acct_size,
/// shmem_inode_acct_blocks).
enum class ShmemCommit : std::uint8_t {
  kWhole,      ///< all at its making, by the maker
  kByTouched,  ///< each when it appears: memfd, MAP_NORESERVE
};

/// Thread-safe; resize_lock_ comes before lock_. A page appears, zeroed, when it is first asked
/// for, and lives until the size drops below it or the last reference to the object goes. Under
/// pressure it lives in swap for a time; only then getting it is major.
class SharedMemory : public MappedObject {
 public:
  /// `frames` outlives this, and `objects`, by which its pages can leave for swap (null: they
  /// stay). `charge` is what the maker has charged for kWhole, empty else.
  SharedMemory(FrameAllocator& frames, std::uint64_t bytes, ObjectName name,
               CommitCharge charge = {}, ShmemCommit commit = ShmemCommit::kWhole,
               ObjectRegistry* objects = nullptr)
      : frames_(frames),
        objects_(objects),
        number_(objects != nullptr ? objects->enter(*this) : 0),
        name_(std::move(name)),
        commit_(commit),
        size_(bytes),
        charge_(std::move(charge)) {}
  ~SharedMemory() override;

  // MappedObject.
  Result<ObjectPage> get_page(std::uint64_t index, PageIntent intent) override
      GONZO_EXCLUDES(lock_);
  void get_resident(std::uint64_t first, std::span<Pfn> out) override GONZO_EXCLUDES(lock_);
  bool is_resident(std::uint64_t index) override GONZO_EXCLUDES(lock_);
  void mark_dirty(std::uint64_t index) override GONZO_EXCLUDES(lock_);
  Result<void> sync(std::uint64_t first, std::uint64_t end) override;
  void evict(std::span<DepartingPage> pages) override GONZO_EXCLUDES(lock_);
  std::uint64_t swapped_pages(std::uint64_t first, std::uint64_t end) override
      GONZO_EXCLUDES(lock_);
  ObjectName name() const override { return name_; }
  std::optional<std::uint64_t> known_bytes() const override { return size(); }
  Result<void> punch_hole(std::uint64_t first, std::uint64_t end) override
      GONZO_EXCLUDES(lock_, resize_lock_);
  bool is_shmem() const override { return true; }

  std::uint64_t size() const GONZO_EXCLUDES(lock_);
  /// ftruncate(2) on a memfd: pages wholly past the new end go, though mapped (taking them out of
  /// page tables is the caller's); the rest of the last one is zeroed.
  void resize(std::uint64_t bytes) GONZO_EXCLUDES(lock_, resize_lock_);
  /// Pages that have a frame (Linux: inode->i_mapping->nrpages).
  std::uint64_t resident_pages() const GONZO_EXCLUDES(lock_);

 private:
  void drop(std::uint64_t first, std::uint64_t end) GONZO_REQUIRES(resize_lock_)
      GONZO_EXCLUDES(lock_);
  Pfn hand_out(Pfn pfn) GONZO_REQUIRES(lock_);
  void enter(std::uint64_t index, Pfn pfn, PageIndex::SpareNodes& nodes) GONZO_REQUIRES(lock_);
  void remove(std::uint64_t index, Pfn pfn, PageIndex::SpareNodes& nodes) GONZO_REQUIRES(lock_);

  // shared_memory_swap.cc
  struct Departure;
  Result<bool> bring_back(std::uint64_t index, SwapSlot slot) GONZO_EXCLUDES(lock_);
  bool restore(std::uint64_t index, SwapSlot slot, Pfn pfn) GONZO_EXCLUDES(lock_);
  std::size_t start_departures(std::span<DepartingPage> pages, std::span<Departure> out)
      GONZO_EXCLUDES(lock_);
  void settle(std::span<Departure> leaving) GONZO_EXCLUDES(lock_);
  void drop_swapped(std::uint64_t first, std::uint64_t end) GONZO_EXCLUDES(lock_);

  FrameAllocator& frames_;
  ObjectRegistry* const objects_;
  const std::uint64_t number_;  ///< there
  const ObjectName name_;
  const ShmemCommit commit_;
  /// Held over a whole resize(), so that nothing that was cut off is there when the size grows
  /// again.
  Mutex resize_lock_;
  mutable SpinLock lock_;
  std::uint64_t size_ GONZO_GUARDED_BY(lock_);  ///< bytes
  PageIndex index_ GONZO_GUARDED_BY(lock_);
  PageIndex swapped_ GONZO_GUARDED_BY(lock_);  ///< slots, packed into the place of a frame's number
  CommitCharge charge_ GONZO_GUARDED_BY(lock_);
};

/// For MAP_SHARED | MAP_ANONYMOUS (whose name is "/dev/zero (deleted)"), memfd_create, shmget.
ObjectRef make_shared_memory(FrameAllocator& frames, std::uint64_t bytes, ObjectName name,
                             CommitCharge charge = {}, ShmemCommit commit = ShmemCommit::kWhole,
                             ObjectRegistry* objects = nullptr);

}  // namespace gonzo

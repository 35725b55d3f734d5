// What a VMA maps: a file's page cache, shared memory, a device. Linux: address_space and
// vm_operations_struct.
#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gonzo/base/address.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>

namespace gonzo {

class AddressSpace;

enum class PageIntent : std::uint8_t {
  kRead,       ///< the caller will map it read-only or copy it
  kReadAlone,  ///< the same, and its neighbours are not expected to be wanted (MADV_RANDOM)
  kWrite,      ///< a shared writable mapping is about to write
};

struct ObjectPage {
  Pfn pfn;             ///< a reference was taken for the caller
  bool major = false;  ///< I/O was needed
};

/// How /proc/PID/maps tells it: device, inode, name.
struct ObjectName {
  std::uint32_t device_major = 0, device_minor = 0;
  std::uint64_t inode = 0;
  std::string path;
};

/// What an object is told of an area that maps it.
struct AreaNotice {
  std::uint64_t flags;  ///< vm_flags; kShared and kMayWrite never change
  int owner;            ///< whose address space it is (Linux: current's tgid)
};

/// An area that is about to be made, as its object sees it.
struct NewArea {
  std::uint64_t first, pages;  ///< of the object
  std::uint64_t flags;         ///< vm_flags
};

/// What the object makes of it (Linux: what file_operations::mmap does to the vma).
struct AreaSetup {
  std::uint64_t flags = 0;  ///< vm_flags to be added
  /// Not none: the area shows frames from this one on, one behind the other, all entered at once
  /// and counted nowhere; the object keeps them for as long as it lives (Linux: remap_pfn_range).
  Pfn frames = Pfn::none();
};

/// A page that is to leave memory, by reclaim.
struct DepartingPage {
  enum class Outcome : std::uint8_t {
    kStays,    ///< in use, or it could not be written
    kDropped,  ///< the file or swap had the same
    kWritten,  ///< it was written for this
  };
  std::uint64_t index;
  Pfn pfn;
  Outcome outcome = Outcome::kStays;
};

/// Thread-safe. Indexes are in pages from the object's start.
class MappedObject {
 public:
  MappedObject() = default;
  virtual ~MappedObject() = default;
  MappedObject(const MappedObject&) = delete;
  MappedObject& operator=(const MappedObject&) = delete;

  // References: ObjectRef's to count.
  void add_ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
  /// For who finds it without having one. False: the last is gone, and so is the object soon.
  bool try_add_ref();
  void release() {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  unsigned use_count() const { return refs_.load(std::memory_order_acquire); }

  // Reverse mapping (Linux: i_mmap): which address spaces have areas of it.

  /// One that has none of it yet, with its lock held.
  void add_mapper(AddressSpace& space) GONZO_EXCLUDES(mappers_lock_);
  /// It has none any more.
  void remove_mapper(AddressSpace& space) GONZO_EXCLUDES(mappers_lock_);
  /// Oldest first. Whoever asks keeps them alive: MemoryManager's spaces_lock_.
  std::vector<AddressSpace*> mappers() const GONZO_EXCLUDES(mappers_lock_);

  /// The frame of a page, brought in if needed (Linux: filemap_fault, shmem_fault).
  /// EFAULT: past the end (SIGBUS); EIO: the host failed to read (SIGBUS); ENOMEM.
  virtual Result<ObjectPage> get_page(std::uint64_t index, PageIntent intent) = 0;
  /// Frames already there for [first, first + out.size()), Pfn::none() where not or past the end;
  /// references are taken. No I/O, no waiting: for fault-around (Linux: filemap_map_pages).
  virtual void get_resident(std::uint64_t first, std::span<Pfn> out) = 0;
  /// Whether a page is there, without taking it (mincore).
  virtual bool is_resident(std::uint64_t index) = 0;
  /// A dirty bit was found on an entry mapping this page (Linux: folio_mark_dirty).
  virtual void mark_dirty(std::uint64_t index) = 0;
  /// Writes dirty pages of [first, end) back and waits (Linux: vfs_fsync_range). EIO, ENOSPC.
  virtual Result<void> sync(std::uint64_t first, std::uint64_t end) = 0;
  /// Lets go of pages that nobody uses, written to where they can be read again; says for each what
  /// became of it. Those that are mapped or pinned stay, also when they are not the frames named.
  /// Blocks; not under an address space's lock (Linux: pageout, __remove_mapping).
  virtual void evict(std::span<DepartingPage> /*pages*/) {}
  /// How many pages of [first, end) are in swap, in their own right (Linux: shmem_swap_usage).
  virtual std::uint64_t swapped_pages(std::uint64_t /*first*/, std::uint64_t /*end*/) { return 0; }
  virtual ObjectName name() const = 0;
  /// How long it is, as far as that is known without asking anybody; none: it has no end. For
  /// tools: a page past it is a SIGBUS.
  virtual std::optional<std::uint64_t> known_bytes() const { return {}; }
  /// Pages [first, end) go, mapped or not (taking them out of page tables is the caller's); they
  /// read as zeros from now on (Linux: FALLOC_FL_PUNCH_HOLE). EOPNOTSUPP; EPERM: sealed.
  virtual Result<void> punch_hole(std::uint64_t /*first*/, std::uint64_t /*end*/) {
    return fail(Errno::kOpNotSupp);
  }
  /// Shared memory counts as shmem in RSS, a file as file (Linux: mm_counter_file).
  virtual bool is_shmem() const = 0;
  /// The first write to a clean shared page must be seen (Linux: vma_wants_writenotify).
  virtual bool wants_write_notice() const { return !is_shmem(); }

  /// /dev/zero: private areas of it are anonymous memory that keeps its name, and shared ones get
  /// memory of their own (Linux: mmap_zero).
  virtual bool is_zero_device() const { return false; }

  // Areas come and go: by map, split, fork; by unmap, merge, exit. Called with the address space's
  // lock held.
  /// A new mapping may be made, and counts as one opened area until area_closed(). EPERM: sealed
  /// against it (Linux: mapping_map_writable).
  virtual Result<void> admit_area(const AreaNotice& notice) {
    area_opened(notice);
    return {};
  }
  /// The new mapping's area will be made; whatever was in its place is gone. An error is mmap's:
  /// EINVAL: the object is smaller (Linux: file_operations::mmap).
  virtual Result<AreaSetup> set_up_area(const NewArea& /*area*/) { return AreaSetup{}; }
  /// One area more (Linux: vm_ops->open, i_mmap_writable).
  virtual void area_opened(const AreaNotice& /*notice*/) {}
  /// One less (Linux: vm_ops->close).
  virtual void area_closed(const AreaNotice& /*notice*/) {}
  /// Each area is an attachment that somebody counts: none goes by being merged into another
  /// (Linux: a vm_ops->close is there).
  virtual bool counts_areas() const { return false; }

 private:
  std::atomic<unsigned> refs_{0};
  mutable Mutex mappers_lock_;  ///< a leaf
  std::vector<AddressSpace*> mappers_ GONZO_GUARDED_BY(mappers_lock_);
};

inline void intrusive_ptr_add_ref(MappedObject* object) { object->add_ref(); }
inline void intrusive_ptr_release(MappedObject* object) { object->release(); }

using ObjectRef = boost::intrusive_ptr<MappedObject>;

}  // namespace gonzo

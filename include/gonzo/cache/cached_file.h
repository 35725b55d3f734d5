// A file's pages in memory, shared by all who map it. Linux: an inode's address_space.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>

#include <gonzo/base/function_ref.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/cache/backing_file.h>
#include <gonzo/cache/object_registry.h>
#include <gonzo/cache/page_index.h>
#include <gonzo/cache/read_ahead.h>
#include <gonzo/frame/commit_ledger.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/vma/mapped_object.h>

namespace gonzo {

class SlabCache;

struct ByteRange {
  std::uint64_t offset = 0, length = 0;
};

/// Pages, but for `reads` and `writes` (calls to the host). All but the first two only grow.
struct CacheCounts {
  std::uint64_t resident = 0;
  std::uint64_t dirty = 0;
  std::uint64_t hits = 0;        ///< get_page found it
  std::uint64_t misses = 0;      ///< get_page had to read
  std::uint64_t read_ahead = 0;  ///< read without having been asked for
  std::uint64_t written = 0;     ///< back to the file
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;

  CacheCounts& operator+=(const CacheCounts& other);
};

/// Thread-safe. A page is absent, being read (in the index, not kUptodate; only its reader takes it
/// out again), clean, or dirty (kDirty, and marked in the index). One that was dirty stays marked
/// kWritable while it is mapped. The index holds one reference on
/// each frame, each mapping and each caller of get_page another; Frame::mapping and index point
/// back here while the page is in the index.
///
/// Locks: writeback_lock_, then lock_. No I/O, waiting or allocation under lock_.
class CachedFile final : public MappedObject {
 public:
  struct Config {
    ReadAheadLimits read_ahead;
    CommitCharge charge;      ///< empty; pages of a file in memory are added to it
    ObjectRegistry* objects;  ///< where reclaim finds it; null: it does not
    SlabCache* memory;        ///< what the object itself is of; null: the host's heap
  };
  /// `frames` outlives this, and what `config` points to.
  CachedFile(FrameAllocator& frames, std::shared_ptr<BackingFile> file, const FileStatus& status,
             Config config);
  /// Writes dirty pages back; an error then has nobody left to hear it.
  ~CachedFile() override;
  /// To where Config::memory says.
  static void operator delete(CachedFile* file, std::destroying_delete_t);

  // MappedObject.
  /// kWrite marks the page dirty at once, as Linux's shared write fault does. Any error of the host
  /// is EIO.
  Result<ObjectPage> get_page(std::uint64_t index, PageIntent intent) override
      GONZO_EXCLUDES(lock_, writeback_lock_);
  void get_resident(std::uint64_t first, std::span<Pfn> out) override GONZO_EXCLUDES(lock_);
  bool is_resident(std::uint64_t index) override GONZO_EXCLUDES(lock_);
  void mark_dirty(std::uint64_t index) override GONZO_EXCLUDES(lock_);
  /// Durable when it returns (fdatasync). Also returns, once, an error that an earlier writeback
  /// met (Linux: errseq_t). As on Linux, pages that could not be written are clean afterwards:
  /// their contents live on in memory only.
  Result<void> sync(std::uint64_t first, std::uint64_t end) override
      GONZO_EXCLUDES(lock_, writeback_lock_);
  void evict(std::span<DepartingPage> pages) override GONZO_EXCLUDES(lock_, writeback_lock_);
  ObjectName name() const override;
  /// As of the last look at it.
  std::optional<std::uint64_t> known_bytes() const override {
    return size_.load(std::memory_order_acquire);
  }
  bool is_shmem() const override { return is_memory_; }
  /// EPERM: sealed against writes, and the area could be written through.
  Result<void> admit_area(const AreaNotice& notice) override;
  void area_opened(const AreaNotice& notice) override;
  void area_closed(const AreaNotice& notice) override;
  Result<void> punch_hole(std::uint64_t first, std::uint64_t end) override
      GONZO_EXCLUDES(lock_, writeback_lock_);

  /// Hands dirty pages of [first, end) to the host without making them durable: for sync(2), exit,
  /// and before the file is read around the mappings by read(2) (Linux: filemap_fdatawrite_range).
  /// Unlike sync(), whose caller has collected the dirty bits of its entries, this also writes
  /// pages that are still mapped and were written to before: entries may hold dirty bits that
  /// nobody has told of yet. So ask for no more than what will be read. An error is returned and
  /// kept for the next sync().
  Result<void> write_back(std::uint64_t first, std::uint64_t end)
      GONZO_EXCLUDES(lock_, writeback_lock_);

  /// The same for pages that are known to be dirty: the caller has collected the dirty bits of all
  /// entries (MemoryManager::clean_pages).
  Result<void> write_dirty(std::uint64_t first, std::uint64_t end)
      GONZO_EXCLUDES(lock_, writeback_lock_);
  /// When the first of the pages that are dirty now became so; none: there are none (Linux:
  /// inode->dirtied_when).
  std::optional<std::chrono::steady_clock::time_point> dirty_since() const GONZO_EXCLUDES(lock_);

  /// The file was given this size (Linux: truncate_setsize). Pages wholly past it leave the index
  /// though mapped (taking them out of page tables is the caller's), the rest of the last one is
  /// zeroed; when growing, what the host has after the old end appears. Faults notice a change of
  /// size by themselves: this makes it immediate. EIO.
  Result<void> truncate(std::uint64_t new_size) GONZO_EXCLUDES(lock_, writeback_lock_);
  /// The bytes changed in the file itself (write, fallocate): pages in use show them when this
  /// returns, in the same frames; unused clean ones are dropped. EIO: some could not be read.
  Result<void> host_wrote(std::uint64_t offset, std::uint64_t length)
      GONZO_EXCLUDES(lock_, writeback_lock_);
  /// The bytes became a hole: pages that lie in it leave the index though mapped (taking them out
  /// of page tables is the caller's), the rest is as after host_wrote().
  Result<void> punched(std::uint64_t offset, std::uint64_t length)
      GONZO_EXCLUDES(lock_, writeback_lock_);
  enum class Seal : std::uint8_t {
    kWrite,        ///< F_SEAL_WRITE: nobody may be able to write
    kFutureWrite,  ///< F_SEAL_FUTURE_WRITE: nobody new
  };
  /// Runs `seal`, which seals the file itself, when what was stored has reached the file and can go
  /// on reaching it. EBUSY: kWrite, and areas could be written through. Else what `seal` returned.
  Result<void> seal(Seal what, FunctionRef<Result<void>()> seal)
      GONZO_EXCLUDES(lock_, writeback_lock_);
  /// Runs `write`, a write to the file around the mappings that returns what it wrote, then
  /// host_wrote() on that. No writeback comes in between, which could put an older copy of the page
  /// over the new bytes. `write` must not fault on guest memory that maps this file: pin it before.
  /// What `write` returned, or its error.
  Result<ByteRange> write_through(FunctionRef<Result<ByteRange>()> write)
      GONZO_EXCLUDES(lock_, writeback_lock_);

  /// Drops clean pages of [first, end) that nobody uses, at most `limit`; how many (Linux:
  /// invalidate_mapping_pages).
  std::size_t invalidate(std::uint64_t first, std::uint64_t end, std::size_t limit = SIZE_MAX)
      GONZO_EXCLUDES(lock_);

  /// Another open of the same file while it is in use: its descriptor is kept if it is the first
  /// that can be written through. If the file was changed behind us, pages that nobody uses are
  /// dropped. Errors of BackingFile::status().
  Result<void> adopt(std::shared_ptr<BackingFile> file) GONZO_EXCLUDES(lock_, writeback_lock_);
  /// The first open after nobody used it: writes back, drops all pages if the file was changed
  /// behind us, then goes on with `file` in place of the old ones. The caller has the only
  /// reference. Errors of BackingFile::status().
  Result<void> reopen(std::shared_ptr<BackingFile> file) GONZO_EXCLUDES(lock_, writeback_lock_);
  /// Writes back and lets go of a descriptor that is open for writing, if a read-only one is there
  /// too: while it is open the host refuses to execute the file (ETXTBSY).
  void release_writer() GONZO_EXCLUDES(lock_, writeback_lock_);
  /// Still has a name in the file system? True when the host does not know.
  bool is_linked() const;

  CacheCounts counts() const GONZO_EXCLUDES(lock_);
  /// Index, marks, frames and counts against each other; empty, or the first disagreement. Needs
  /// no concurrent use.
  std::string verify() const GONZO_EXCLUDES(lock_);

 private:
  struct ReadBatch;
  struct DirtyRun;
  enum class Drop : std::uint8_t {
    kUnused,  ///< clean pages with no user; skips those being read
    kAll,     ///< all; waits for those being read
  };
  /// What the index says of one page. `generation` is for wait_for_read().
  struct Lookup {
    enum class Kind : std::uint8_t { kAbsent, kBeingRead, kReady } kind;
    Pfn pfn;
    std::uint32_t generation;
  };

  Lookup look_up(std::uint64_t index) const GONZO_REQUIRES(lock_);
  void wait_for_read(std::uint32_t generation) const;
  void set_dirty(std::uint64_t index, Pfn pfn) GONZO_REQUIRES(lock_);
  void clear_dirty(std::uint64_t index, Pfn pfn) GONZO_REQUIRES(lock_);
  void remove(std::uint64_t index, Pfn pfn, PageIndex::SpareNodes& spare) GONZO_REQUIRES(lock_);
  std::size_t drop(std::uint64_t first, std::uint64_t end, Drop what, std::size_t limit)
      GONZO_EXCLUDES(lock_);
  /// A reference on the frame of a page that is there and ready, waiting if it is being read.
  Pfn get_ready(std::uint64_t index) GONZO_EXCLUDES(lock_);
  /// A page is handed out. Entries of memory let writes through at once, and nobody tells: it may
  /// have been written to from now on, if any area lets it.
  void note_use(std::uint64_t index, Pfn pfn, PageIntent intent) GONZO_REQUIRES(lock_);
  bool has_writable_areas() const { return writable_areas_.load(std::memory_order_relaxed) > 0; }

  // cached_file_evict.cc
  enum class Evictable : std::uint8_t { kNo, kDirty, kYes };
  Evictable evictable(const DepartingPage& page) const GONZO_REQUIRES(lock_);
  bool drop_unused(std::span<DepartingPage> pages, DepartingPage::Outcome outcome)
      GONZO_EXCLUDES(lock_);

  // cached_file_read.cc
  Result<std::optional<ObjectPage>> read_in(std::uint64_t index, std::uint64_t size,
                                            PageIntent intent) GONZO_EXCLUDES(lock_);
  Result<PageWindow> data_at(std::uint64_t index);
  PageWindow absent_run(std::uint64_t index, std::uint64_t file_pages, PageIntent intent)
      GONZO_REQUIRES(lock_);
  Result<void> allocate(ReadBatch& batch, std::uint64_t index);
  Result<bool> insert(ReadBatch& batch, std::uint64_t index) GONZO_EXCLUDES(lock_);
  PageWindow insert_run(const ReadBatch& batch, std::uint64_t index, PageIndex::SpareNodes& nodes)
      GONZO_REQUIRES(lock_);
  Result<void> fill(ReadBatch& batch, std::uint64_t index, std::uint64_t size);
  Result<void> fill_stalled(ReadBatch& batch, std::uint64_t index, std::uint64_t size);
  ObjectPage publish(ReadBatch& batch, std::uint64_t index, PageIntent intent)
      GONZO_EXCLUDES(lock_);

  // cached_file_resize.cc
  Result<std::uint64_t> current_size() GONZO_EXCLUDES(lock_, writeback_lock_);
  Result<void> apply_size(std::uint64_t new_size) GONZO_REQUIRES(writeback_lock_)
      GONZO_EXCLUDES(lock_);
  /// Reads bytes of one page again, in place, if it is there.
  Result<void> reread(ByteRange inside_one_page) GONZO_EXCLUDES(lock_);
  Result<void> uncover_tail(std::uint64_t old_size) GONZO_EXCLUDES(lock_);
  Result<void> bring_in(ByteRange changed) GONZO_REQUIRES(writeback_lock_) GONZO_EXCLUDES(lock_);

  // cached_file_writeback.cc
  Result<void> write_back_locked(std::uint64_t first, std::uint64_t end)
      GONZO_REQUIRES(writeback_lock_) GONZO_EXCLUDES(lock_);
  void suspect_writable(std::uint64_t first, std::uint64_t end) GONZO_EXCLUDES(lock_);
  bool take_dirty_run(std::uint64_t from, std::uint64_t end, DirtyRun& run) GONZO_EXCLUDES(lock_);
  Result<void> write_run(const DirtyRun& run, std::uint64_t size) GONZO_REQUIRES(writeback_lock_);

  FrameAllocator& frames_;
  ObjectRegistry* const objects_;
  SlabCache* const memory_;
  const std::uint64_t number_;  ///< there
  const bool is_memory_;        ///< BackingFile::is_memory()
  /// Shared areas that are or may become writable; -1: sealed against them (Linux:
  /// i_mmap_writable).
  std::atomic<std::int64_t> writable_areas_{0};
  /// Replaced only by reopen(), when nobody else has a reference.
  std::shared_ptr<BackingFile> file_;

  /// The size that the pages were last made to agree with. Written under writeback_lock_.
  std::atomic<std::uint64_t> size_;
  /// Changes whenever pages stop being "being read"; what waits for one, waits for this.
  std::atomic<std::uint32_t> reads_finished_{0};

  /// Serialises writeback, changes of size, and writes around the mappings (Linux: i_rwsem and the
  /// per-page writeback bit).
  mutable Mutex writeback_lock_;
  std::shared_ptr<BackingFile> writer_ GONZO_GUARDED_BY(writeback_lock_);
  FileStatus stamp_ GONZO_GUARDED_BY(writeback_lock_);  ///< of the contents that are cached
  std::optional<Errno> kept_error_ GONZO_GUARDED_BY(writeback_lock_);
  bool unflushed_ GONZO_GUARDED_BY(writeback_lock_) = false;

  mutable SpinLock lock_;
  PageIndex index_ GONZO_GUARDED_BY(lock_);
  ReadAhead read_ahead_ GONZO_GUARDED_BY(lock_);
  CacheCounts counts_ GONZO_GUARDED_BY(lock_);
  std::chrono::steady_clock::time_point dirty_since_ GONZO_GUARDED_BY(lock_);
  CommitCharge charge_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo

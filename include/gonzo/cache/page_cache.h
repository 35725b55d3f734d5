// All cached files of a system, by identity. Linux: the inode cache, as far as mm/filemap.c needs
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/cache/backing_file.h>
#include <gonzo/cache/cached_file.h>
#include <gonzo/cache/object_registry.h>
#include <gonzo/cache/read_ahead.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/vma/mapped_object.h>

namespace gonzo {

using CachedFileRef = boost::intrusive_ptr<CachedFile>;

struct PageCacheStats {
  std::uint64_t files = 0;
  CacheCounts
      pages;  ///< `resident` and `dirty` of the files there; the rest of all there ever were
};

/// Thread-safe. Files stay with their pages and one host descriptor after their last mapping went,
/// so that a program that starts again finds them; idle ones give way to others past `most_files`.
/// Must not be called with a frame allocator's lock, or from a BackingFile.
class PageCache {
 public:
  struct Config {
    ReadAheadLimits read_ahead{};
    /// Each idle file holds a host descriptor; files in use do not count against this.
    std::size_t most_files = 256;
    /// Where pages of files in memory are counted as committed; null: nowhere. Outlives the files.
    CommitLedger* commitments = nullptr;
    /// So that reclaim finds the files' pages; null: it does not. Outlives the files.
    ObjectRegistry* objects = nullptr;
    /// Where files come from, of objects for a CachedFile; outlives them. Null: the host's heap
    /// (Linux: inode_cachep).
    SlabCache* file_cache = nullptr;
  };

  /// `frames` outlives this and every object that open() gave.
  PageCache(FrameAllocator& frames, const Config& config) : frames_(frames), config_(config) {}
  /// Writes dirty pages back. Files that are still mapped live until they are not.
  ~PageCache();
  PageCache(const PageCache&) = delete;
  PageCache& operator=(const PageCache&) = delete;

  /// The one object of that file, new or known; for as long as somebody holds it, every open of the
  /// same identity gives the same. If nobody did and the file was changed meanwhile, its pages are
  /// dropped. Errors of BackingFile::status().
  Result<CachedFileRef> open(std::shared_ptr<BackingFile> file) GONZO_EXCLUDES(lock_);
  /// The same without opening: null when nothing of that file is cached. For calls that read or
  /// write the file around its mappings.
  CachedFileRef find(const FileIdentity& identity) const GONZO_EXCLUDES(lock_);

  /// Frees up to `frames` frames of clean pages that nobody uses, from the file that was opened
  /// longest ago on; if that is too little, writes dirty ones back and frees them too. The number
  /// freed. Fits a PressureHandler.
  std::size_t shrink(std::size_t frames) GONZO_EXCLUDES(lock_);
  /// All that are known, longest unopened first.
  std::vector<CachedFileRef> files() const GONZO_EXCLUDES(lock_);
  /// Every clean page that nobody uses (Linux: /proc/sys/vm/drop_caches, 1).
  std::size_t drop_clean() GONZO_EXCLUDES(lock_);
  /// Writes all dirty pages to the host. The first error; each file keeps its own for its next
  /// sync() (Linux: sync(2)).
  Result<void> sync_all() GONZO_EXCLUDES(lock_);
  /// For the end of a process: files that nobody maps any more are written back and closed for
  /// writing; deleted ones and those past `most_files` are forgotten.
  void trim() GONZO_EXCLUDES(lock_);

  PageCacheStats stats() const GONZO_EXCLUDES(lock_);
  /// CachedFile::verify() of all; empty, or the first disagreement.
  std::string verify() const GONZO_EXCLUDES(lock_);

 private:
  struct Slot {
    CachedFileRef file;
    std::uint64_t opened = 0;  ///< when last, in opens of this cache
  };
  using Table = std::map<FileIdentity, Slot>;

  /// Nobody but the table holds it, and under lock_ nobody can come by it.
  static bool is_idle(const Slot& slot) { return slot.file->use_count() == 1; }
  void forget_idle_over(std::size_t most_files) GONZO_REQUIRES(lock_);
  Table::iterator forget(Table::iterator slot) GONZO_REQUIRES(lock_);

  FrameAllocator& frames_;
  const Config config_;
  mutable Mutex lock_;
  Table table_ GONZO_GUARDED_BY(lock_);
  std::uint64_t opens_ GONZO_GUARDED_BY(lock_) = 0;
  CacheCounts forgotten_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo

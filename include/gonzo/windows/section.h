// What views show: a file, or memory that the page file would back. NT calls it a section, Win32 a
// file mapping object.
#pragma once

#include <cstdint>
#include <memory>

#include <gonzo/base/lock.h>
#include <gonzo/cache/page_cache.h>
#include <gonzo/frame/commit_ledger.h>
#include <gonzo/mm/memory_manager.h>
#include <gonzo/vma/mapped_object.h>
#include <gonzo/windows/win32_error.h>

namespace gonzo::windows {

class PageRuns;
class Section;
using SectionRef = std::shared_ptr<Section>;

/// Thread-safe. Lives as long as a reference or a view does. Its size never changes.
class Section {
 public:
  /// Page-file backed: as large as `bytes`, which are rounded up to pages, and zeroed. `protection`
  /// is one of PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY and their PAGE_EXECUTE_ forms.
  /// `attributes`: SEC_COMMIT (also for 0) commits all of it now; SEC_RESERVE none of it:
  /// VirtualMemory::allocate commits pages in any view, for all views. `manager` outlives it.
  /// ERROR_INVALID_PARAMETER: no bytes, another protection, other attributes.
  /// ERROR_COMMITMENT_LIMIT: more than may be committed.
  /// Page: "CreateFileMappingA function (winbase.h)", hFile INVALID_HANDLE_VALUE.
  static Win32Result<SectionRef> create(MemoryManager& manager, std::uint64_t bytes,
                                        std::uint32_t protection, std::uint32_t attributes = 0);
  /// Of a file, by its page cache: other maps of the file and this one show the same frames.
  /// `bytes` 0: as large as the file is now. More than that makes the file larger, where
  /// `protection` lets it be written. `manager` and `cache` outlive it.
  /// ERROR_INVALID_PARAMETER: another protection. ERROR_FILE_INVALID: 0 bytes of an empty file.
  /// ERROR_ACCESS_DENIED: PAGE_READWRITE, and the file is not open for writing.
  /// ERROR_NOT_ENOUGH_MEMORY: it would have to grow, and must not be written. ERROR_DISK_FULL: it
  /// could not grow. ERROR_IO_DEVICE: its size could not be had.
  /// Page: "CreateFileMappingA function (winbase.h)".
  static Win32Result<SectionRef> create(MemoryManager& manager, PageCache& cache,
                                        const std::shared_ptr<BackingFile>& file,
                                        std::uint64_t bytes, std::uint32_t protection);
  ~Section();
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

  std::uint64_t size() const { return bytes_; }  ///< bytes
  std::uint32_t protection() const { return protection_; }
  bool is_file() const { return is_file_; }
  /// Made with SEC_RESERVE: not all of it need be committed.
  bool is_reserved() const { return committed_ != nullptr; }

  // For VirtualMemory. Pages are counted from the section's start.
  MappedObject& object() const { return *object_; }
  bool lets_write() const;
  bool lets_execute() const;
  struct Part {
    std::uint64_t end;
    bool is_committed;
  };
  /// What `first` is, and how far the pages after it are the same, up to `limit`.
  Part part_at(std::uint64_t first, std::uint64_t limit) const GONZO_EXCLUDES(lock_);
  /// Pages [first, end), of which some may be committed already. ERROR_COMMITMENT_LIMIT, with
  /// nothing changed.
  Win32Result<void> commit(std::uint64_t first, std::uint64_t end) GONZO_EXCLUDES(lock_);

 private:
  struct Parts;
  explicit Section(Parts parts);

  const std::uint64_t bytes_;
  const std::uint32_t protection_;
  const bool is_file_;
  const ObjectRef object_;
  mutable Mutex lock_;  ///< a leaf
  /// Null: all of it is.
  const std::unique_ptr<PageRuns> committed_ GONZO_PT_GUARDED_BY(lock_);
  CommitCharge charge_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo::windows

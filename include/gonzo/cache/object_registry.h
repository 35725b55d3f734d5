// The objects whose pages reclaim may take. Linux: folio->mapping leads there by itself; here it is
// a number, so that a frame that was freed meanwhile leads nowhere rather than astray.
#pragma once

#include <atomic>
#include <cstdint>
#include <unordered_map>

#include <gonzo/base/address.h>
#include <gonzo/base/lock.h>
#include <gonzo/vma/mapped_object.h>

namespace gonzo {

class StallClock;
class SwapSpace;

/// Hears of pages of objects that have come into memory and may leave it again.
class PageListener {
 public:
  virtual ~PageListener() = default;
  /// Called with no lock held; the frame may be somebody else's already. Thread-safe.
  virtual void page_arrived(Pfn pfn) = 0;
  /// Whether a page that is about to be read was here before, and left for want of memory, so that
  /// its reader is held up by that (Linux: folio_test_workingset): where the time counts, or null.
  /// Thread-safe.
  virtual StallClock* stall_of(std::uint64_t object, std::uint64_t index) = 0;
};

/// Thread-safe, but for serve().
class ObjectRegistry {
 public:
  /// The object's number, never 0 or used again. It leaves before its end.
  std::uint64_t enter(MappedObject& object) GONZO_EXCLUDES(lock_);
  void leave(std::uint64_t number) GONZO_EXCLUDES(lock_);
  /// Null: it has gone, or is about to.
  ObjectRef find(std::uint64_t number) const GONZO_EXCLUDES(lock_);

  /// Who hears of pages, and where those of shared memory can go; null: nobody, nowhere. Both
  /// outlive this, or are taken back. Before the first object, or after the last.
  void serve(PageListener* listener, SwapSpace* swap) {
    listener_ = listener;
    swap_ = swap;
  }
  void page_arrived(Pfn pfn) {
    if (listener_ != nullptr) listener_->page_arrived(pfn);
  }
  StallClock* stall_of(std::uint64_t object, std::uint64_t index) const {
    return listener_ != nullptr ? listener_->stall_of(object, index) : nullptr;
  }
  SwapSpace* swap() const { return swap_; }
  /// Pages of files that differ from them, of all files (Linux: NR_FILE_DIRTY).
  std::uint64_t dirty_pages() const { return dirty_.load(std::memory_order_relaxed); }
  void count_dirty(std::int64_t pages) {
    dirty_.fetch_add(static_cast<std::uint64_t>(pages), std::memory_order_relaxed);
  }

 private:
  PageListener* listener_ = nullptr;
  SwapSpace* swap_ = nullptr;
  std::atomic<std::uint64_t> dirty_{0};
  mutable Mutex lock_;  ///< a leaf
  std::unordered_map<std::uint64_t, MappedObject*> objects_ GONZO_GUARDED_BY(lock_);
  std::uint64_t last_ GONZO_GUARDED_BY(lock_) = 0;
};

}  // namespace gonzo

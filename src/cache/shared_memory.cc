#include <array>
#include <cstring>
#include <utility>

#include "cache/packed_slot.h"
#include "cache/pages.h"
#include <gonzo/cache/shared_memory.h>
#include <gonzo/frame/frame_owner.h>

namespace gonzo {

ObjectRef make_shared_memory(FrameAllocator& frames, std::uint64_t bytes, ObjectName name,
                             CommitCharge charge, ShmemCommit commit, ObjectRegistry* objects) {
  return ObjectRef(
      new SharedMemory(frames, bytes, std::move(name), std::move(charge), commit, objects));
}

SharedMemory::~SharedMemory() {
  if (objects_ != nullptr) objects_->leave(number_);
  resize(0);
}

/// Entries let writes through at once, and nobody tells: whatever was handed out may have changed.
Pfn SharedMemory::hand_out(Pfn pfn) {
  frames_.get(pfn);
  Frame& frame = frames_.frame(pfn);
  if (!frame.has(frame_flags::kReferenced)) frame.set(frame_flags::kReferenced);
  return pfn;
}

/// The caller's reference becomes the index's.
void SharedMemory::enter(std::uint64_t index, Pfn pfn, PageIndex::SpareNodes& nodes) {
  Frame& frame = frames_.frame(pfn);
  frame.mapping = this;
  set_frame_index(frame, index);
  set_frame_origin(frame, number_);
  frame.set(frame_flags::kUptodate | frame_flags::kSwapBacked);
  index_.insert(index, pfn, nodes);
}

/// The index's reference becomes the caller's.
void SharedMemory::remove(std::uint64_t index, Pfn pfn, PageIndex::SpareNodes& nodes) {
  frames_.frame(pfn).mapping = nullptr;
  frames_.frame(pfn).clear(frame_flags::kDirty | frame_flags::kReferenced);
  index_.erase(index, nodes);
}

/// EFAULT past the end; ENOSPC: no more memory may be committed; EIO: it cannot be read from swap;
/// ENOMEM.
Result<ObjectPage> SharedMemory::get_page(std::uint64_t index, PageIntent /*intent*/) {
  Pfn fresh = Pfn::none();
  PageIndex::SpareNodes nodes;
  Result<ObjectPage> outcome = fail(Errno::kFault);
  bool major = false, entered = false;
  for (;;) {
    std::size_t needed = 0;
    Pfn slot = Pfn::none();
    {
      LockGuard guard(lock_);
      if (index >= pages_of(size_)) break;
      Pfn pfn = index_.find(index);
      needed = index_.nodes_needed(index, index + 1);
      if (pfn.is_none()) slot = swapped_.find(index);
      if (pfn.is_none() && slot.is_none() && !fresh.is_none() && nodes.count() >= needed) {
        if (commit_ == ShmemCommit::kByTouched && !charge_.grow(1)) {
          outcome = fail(Errno::kNoSpc);
          break;
        }
        pfn = std::exchange(fresh, Pfn::none());
        enter(index, pfn, nodes);
        entered = true;
        major = false;
      }
      if (!pfn.is_none()) {
        outcome = ObjectPage{.pfn = hand_out(pfn), .major = major};
        break;
      }
    }
    if (!slot.is_none()) {
      const auto read = bring_back(index, unpack_slot(slot));
      if (read) {
        major = major || *read;
        continue;
      }
      outcome = fail(read.error());
      break;
    }
    auto ready = nodes.fill(needed);
    if (ready && fresh.is_none()) {
      const auto frame = frames_.allocate(0, FrameState::kPageCache, ZeroPolicy::kZeroed);
      if (frame) fresh = *frame;
      if (!frame) ready = fail(frame.error());
    }
    if (!ready) {
      outcome = fail(ready.error());
      break;
    }
  }
  if (!fresh.is_none()) frames_.put(fresh);
  if (entered && objects_ != nullptr) objects_->page_arrived(outcome->pfn);
  return outcome;
}

void SharedMemory::get_resident(std::uint64_t first, std::span<Pfn> out) {
  LockGuard guard(lock_);
  index_.find_run(first, out);
  for (const Pfn pfn : out) {
    if (!pfn.is_none()) hand_out(pfn);
  }
}

bool SharedMemory::is_resident(std::uint64_t index) {
  LockGuard guard(lock_);
  return !index_.find(index).is_none();
}

void SharedMemory::mark_dirty(std::uint64_t index) {
  LockGuard guard(lock_);
  const Pfn pfn = index_.find(index);
  if (!pfn.is_none()) frames_.frame(pfn).set(frame_flags::kDirty);
}

/// There is nowhere to write it to (Linux: noop_fsync).
Result<void> SharedMemory::sync(std::uint64_t /*first*/, std::uint64_t /*end*/) { return {}; }

std::uint64_t SharedMemory::size() const {
  LockGuard guard(lock_);
  return size_;
}

std::uint64_t SharedMemory::resident_pages() const {
  LockGuard guard(lock_);
  return index_.size();
}

void SharedMemory::resize(std::uint64_t bytes) {
  LockGuard resizing(resize_lock_);
  Pfn last = Pfn::none();
  const std::uint64_t tail = bytes >> kPageShift;
  if ((bytes & ~kPageMask) != 0 && swapped_pages(tail, tail + 1) != 0) {
    // Only in memory can its end be zeroed.
    if (const auto page = get_page(tail, PageIntent::kWrite)) frames_.put(page->pfn);
  }
  {
    LockGuard guard(lock_);
    const bool shrinks = bytes < size_;
    size_ = bytes;
    if (!shrinks) return;
    if ((bytes & ~kPageMask) != 0) last = index_.find(tail);
    if (!last.is_none()) hand_out(last);
  }
  if (!last.is_none()) {
    const std::uint64_t rest = bytes & ~kPageMask;
    std::memset(frames_.address(last) + rest, 0, kPageSize - rest);
    frames_.put(last);
  }
  drop(pages_of(bytes), kEveryPage);
}

Result<void> SharedMemory::punch_hole(std::uint64_t first, std::uint64_t end) {
  LockGuard resizing(resize_lock_);
  drop(first, end);
  return {};
}

void SharedMemory::drop(std::uint64_t first, std::uint64_t end) {
  constexpr std::size_t kPagesPerHold = 64;
  std::array<Pfn, kPagesPerHold> gone;
  std::size_t count = kPagesPerHold;
  while (count == kPagesPerHold) {
    count = 0;
    {
      PageIndex::SpareNodes nodes;
      LockGuard guard(lock_);
      for (PageIndex::Entry page;
           count < gone.size() && (page = index_.next_present(first, end)).found();) {
        remove(page.index, page.pfn, nodes);
        gone[count++] = page.pfn;
        if (commit_ == ShmemCommit::kByTouched) charge_.shrink(1);
      }
    }
    for (const Pfn pfn : std::span(gone).first(count)) frames_.put(pfn);
  }
  drop_swapped(first, end);
}

}  // namespace gonzo

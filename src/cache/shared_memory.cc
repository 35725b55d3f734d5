#include <array>
#include <cstring>
#include <utility>

#include "cache/pages.h"
#include <gonzo/cache/shared_memory.h>

namespace gonzo {

ObjectRef make_shared_memory(FrameAllocator& frames, std::uint64_t bytes, ObjectName name,
                             CommitCharge charge, ShmemCommit commit) {
  return ObjectRef(new SharedMemory(frames, bytes, std::move(name), std::move(charge), commit));
}

SharedMemory::~SharedMemory() { resize(0); }

/// EFAULT past the end; ENOSPC: no more memory may be committed; ENOMEM.
Result<ObjectPage> SharedMemory::get_page(std::uint64_t index, PageIntent /*intent*/) {
  Pfn fresh = Pfn::none();
  PageIndex::SpareNodes nodes;
  Result<ObjectPage> outcome = fail(Errno::kFault);
  for (;;) {
    std::size_t needed = 0;
    {
      LockGuard guard(lock_);
      if (index >= pages_of(size_)) break;
      Pfn pfn = index_.find(index);
      needed = index_.nodes_needed(index, index + 1);
      if (pfn.is_none() && !fresh.is_none() && nodes.count() >= needed) {
        if (commit_ == ShmemCommit::kByTouched && !charge_.grow(1)) {
          outcome = fail(Errno::kNoSpc);
          break;
        }
        Frame& frame = frames_.frame(fresh);
        frame.mapping = this;
        frame.index = index;
        frame.set(frame_flags::kUptodate | frame_flags::kSwapBacked);
        index_.insert(index, fresh, nodes);
        pfn = std::exchange(fresh, Pfn::none());
      }
      if (!pfn.is_none()) {
        frames_.get(pfn);
        outcome = ObjectPage{.pfn = pfn, .major = false};
        break;
      }
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
  return outcome;
}

void SharedMemory::get_resident(std::uint64_t first, std::span<Pfn> out) {
  LockGuard guard(lock_);
  index_.find_run(first, out);
  for (const Pfn pfn : out) {
    if (!pfn.is_none()) frames_.get(pfn);
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
  {
    LockGuard guard(lock_);
    const bool shrinks = bytes < size_;
    size_ = bytes;
    if (!shrinks) return;
    if ((bytes & ~kPageMask) != 0) last = index_.find(bytes >> kPageShift);
    if (!last.is_none()) frames_.get(last);
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
        frames_.frame(page.pfn).mapping = nullptr;
        frames_.frame(page.pfn).clear(frame_flags::kDirty);
        index_.erase(page.index, nodes);
        gone[count++] = page.pfn;
        if (commit_ == ShmemCommit::kByTouched) charge_.shrink(1);
      }
    }
    for (const Pfn pfn : std::span(gone).first(count)) frames_.put(pfn);
  }
}

}  // namespace gonzo

#include "frame/thread_lists.h"

#include <algorithm>
#include <utility>

namespace gonzo {

std::size_t ThreadLists::spill(std::size_t zone, std::span<Pfn, kSpill> out) {
  LockGuard lock(lock_);
  List& list = lists_[zone];
  const std::size_t moved = std::min(list.size, kSpill);
  for (std::size_t i = 0; i < moved; ++i) out[i] = Pfn(list.frames[i]);
  std::copy(list.frames.begin() + moved, list.frames.begin() + list.size, list.frames.begin());
  list.size -= moved;
  return moved;
}

std::size_t ThreadLists::refill(std::size_t zone, std::span<const Pfn> frames, FrameState state) {
  LockGuard lock(lock_);
  List& list = lists_[zone];
  count_locked(state, 1);
  const std::size_t fits = std::min(frames.size() - 1, kCapacity - list.size);
  for (std::size_t i = fits; i > 0; --i) list.frames[list.size++] = frames[i].value;
  return frames.size() - 1 - fits;
}

std::size_t ThreadLists::drain(std::size_t zone, std::span<Pfn, kCapacity> out) {
  LockGuard lock(lock_);
  List& list = lists_[zone];
  const std::size_t size = std::exchange(list.size, 0);
  for (std::size_t i = 0; i < size; ++i) out[i] = Pfn(list.frames[i]);
  return size;
}

void ThreadLists::count(FrameState state, std::int64_t frames) {
  LockGuard lock(lock_);
  count_locked(state, frames);
}

std::size_t ThreadLists::copy(std::size_t zone, std::span<Pfn, kCapacity> out) const {
  LockGuard lock(lock_);
  const List& list = lists_[zone];
  for (std::size_t i = 0; i < list.size; ++i) out[i] = Pfn(list.frames[i]);
  return list.size;
}

std::size_t ThreadLists::size(std::size_t zone) const {
  LockGuard lock(lock_);
  return lists_[zone].size;
}

ThreadLists::Counts ThreadLists::counts() const {
  LockGuard lock(lock_);
  return counts_;
}

std::int64_t ThreadLists::reset_high() {
  LockGuard lock(lock_);
  return std::exchange(high_, used_.load(std::memory_order_relaxed));
}

}  // namespace gonzo

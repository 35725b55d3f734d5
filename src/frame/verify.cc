// What must be true of descriptors, lists and counts. Each frame is found exactly once: on a list,
// in a list's block, in virgin memory, or in use.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "frame/frame_allocator_impl.h"
#include "frame/poison.h"

namespace gonzo {
namespace {

constexpr std::uint8_t kUnseen = 0;
constexpr std::uint8_t kSeen = 1;
constexpr std::uint16_t kFlagsOfFree = frame_flags::kZeroed | frame_flags::kPoisoned;

std::string describe(std::uint32_t pfn, const Frame& frame) {
  return fmt::format("frame {} ({}, order {}, refs {}, maps {})", pfn,
                     frame_state_name(frame.state), frame.order, frame.refs.load(),
                     frame.maps.load());
}

}  // namespace

std::string Zone::verify(std::span<std::uint8_t> seen) const {
  LockGuard lock(mutex_);
  std::uint64_t total = end_.value - virgin_;
  for (unsigned order = 0; order < kOrders; ++order) {
    std::uint64_t count = 0;
    std::uint32_t prev = kNoLink;
    for (std::uint32_t pfn = heads_[order]; pfn != kNoLink; pfn = frames_[pfn].next) {
      if (std::string wrong = verify_block(pfn, order, prev, seen); !wrong.empty()) return wrong;
      prev = pfn;
      ++count;
    }
    if (count != counts_[order]) {
      return fmt::format("list of order {}: {} blocks, counted {}", order, count, counts_[order]);
    }
    if ((count != 0) != ((non_empty_ >> order & 1) != 0)) {
      return fmt::format("list of order {}: non-empty bit is wrong", order);
    }
    total += count << order;
  }
  if (total != free_) return fmt::format("zone has {} free frames, counted {}", total, free_);
  const std::uint64_t end = std::min<std::uint64_t>(end_.value, seen.size());
  for (std::uint32_t pfn = virgin_; pfn < end; ++pfn) seen[pfn] = kSeen;
  return verify_virgin();
}

/// Reading a descriptor makes the host back it: for all memory that was never used, that costs more
/// than many a short run.
std::string Zone::verify_virgin() const {
  if constexpr (!kPoisoning) return {};
  for (std::uint32_t pfn = virgin_; pfn < end_.value; ++pfn) {
    const Frame& frame = frames_[pfn];
    if (frame.state != FrameState::kVirgin || frame.refs != 0 || frame.flags != 0) {
      return "virgin memory in use: " + describe(pfn, frame);
    }
  }
  return {};
}

Pfn Zone::used_end() const {
  LockGuard lock(mutex_);
  return virgin_ == first_.value ? start_ : Pfn(virgin_);
}

std::string Zone::verify_block(std::uint32_t pfn, unsigned order, std::uint32_t prev,
                               std::span<std::uint8_t> seen) const {
  const std::uint32_t size = 1U << order;
  if (pfn < first_.value || pfn >= virgin_ || virgin_ - pfn < size || pfn % size != 0) {
    return fmt::format("free block {} of order {} is out of place", pfn, order);
  }
  const Frame& head = frames_[pfn];
  if (head.state != FrameState::kFree || head.order != order || head.prev != prev) {
    return fmt::format("on the free list of order {}: {}", order, describe(pfn, head));
  }
  const std::uint32_t buddy = pfn ^ size;
  if (order < kMaxOrder && buddy < end_.value && frames_[buddy].state == FrameState::kFree &&
      frames_[buddy].order == order) {
    return fmt::format("free blocks {} and {} of order {} are not merged", pfn, buddy, order);
  }
  for (std::uint32_t i = pfn; i < pfn + size; ++i) {
    const Frame& frame = frames_[i];
    if (std::exchange(seen[i], kSeen) != kUnseen) return "free twice: " + describe(i, frame);
    const bool inside = frame.order == kInsideBlock || frame.state == FrameState::kVirgin;
    if (frame.refs != 0 || frame.maps != 0 || is_in_use(frame.state) ||
        (frame.flags & ~kFlagsOfFree) != 0 || (i != pfn && !inside)) {
      return "free, but " + describe(i, frame);
    }
  }
  return {};
}

std::string FrameAllocator::Impl::verify_lists(std::span<std::uint8_t> seen) const {
  std::array<Pfn, ThreadLists::kCapacity> frames;
  for (std::size_t i = 0; i < kThreadLists; ++i) {
    for (std::size_t zone = 0; zone < zone_count_; ++zone) {
      const std::size_t count = lists_[i].copy(zone, frames);
      for (const Pfn pfn : std::span(frames).first(count)) {
        if (pfn.value >= frame_count_ || zone_of(pfn) != zone) {
          return fmt::format("frame {} is on a list of zone {}", pfn.value, zone);
        }
        const Frame& each = frame(pfn);
        if (each.state != FrameState::kCached || each.refs != 0 || each.maps != 0 ||
            each.order != 0 || (each.flags & ~kFlagsOfFree) != 0) {
          return "on a thread's list: " + describe(pfn.value, each);
        }
        if (std::exchange(seen[pfn.value], kSeen) != kUnseen) {
          return "on a thread's list, and free: " + describe(pfn.value, each);
        }
      }
    }
  }
  return {};
}

std::string FrameAllocator::Impl::verify_used(std::span<const std::uint8_t> seen) const {
  std::array<std::uint64_t, kFrameStates> counts{};
  for (std::uint32_t pfn = 0; pfn < seen.size(); ++pfn) {
    if (seen[pfn] != kUnseen) continue;
    const Frame& head = frames_[pfn];
    if (!is_in_use(head.state)) return "on no list: " + describe(pfn, head);
    if (head.order > kMaxOrder || head.refs <= 0 || head.maps < 0) return describe(pfn, head);
    const std::uint32_t size = 1U << head.order;
    if (pfn % size != 0 || frame_count_ - pfn < size) return "out of place: " + describe(pfn, head);
    counts[std::to_underlying(head.state)] += size;
    for (std::uint32_t i = pfn + 1; i < pfn + size; ++i) {
      const Frame& inner = frames_[i];
      if (seen[i] != kUnseen || inner.state != head.state || inner.order != kInsideBlock ||
          inner.refs != 0) {
        return fmt::format("in a used block of order {} at {}: {}", head.order, pfn,
                           describe(i, inner));
      }
    }
    pfn += size - 1;
  }
  const FrameStats counted = stats();
  for (int state = std::to_underlying(FrameState::kAnonymous); state < kFrameStates; ++state) {
    if (counts[state] != counted.by_state[state]) {
      return fmt::format("{} frames: {}, counted {}",
                         frame_state_name(static_cast<FrameState>(state)), counts[state],
                         counted.by_state[state]);
    }
  }
  return {};
}

std::string FrameAllocator::Impl::verify() const {
  Pfn end = config_.first;
  for (std::size_t zone = 0; zone < zone_count_; ++zone) {
    end = std::max(end, zones_[zone]->used_end());
  }
  std::vector<std::uint8_t> seen(end.value, kUnseen);
  for (std::size_t zone = 0; zone < zone_count_; ++zone) {
    if (std::string wrong = zones_[zone]->verify(seen); !wrong.empty()) return wrong;
  }
  if (std::string wrong = verify_lists(seen); !wrong.empty()) return wrong;
  return verify_used(seen);
}

std::string FrameAllocator::Impl::check_all_free() {
  constexpr int kShown = 8;
  drain();
  std::string report = verify();
  const std::uint64_t used = frame_count_ - stats().free - config_.first.value;
  if (used == 0) return report;
  report += fmt::format("{}{} frames are not free:", report.empty() ? "" : "; ", used);
  int shown = 0;
  for (std::uint32_t pfn = config_.first.value; pfn < frame_count_ && shown < kShown; ++pfn) {
    const Frame& each = frames_[pfn];
    if (!is_in_use(each.state) || each.order == kInsideBlock) continue;
    report += (shown++ == 0 ? " " : ", ") + describe(pfn, each);
  }
  return report;
}

}  // namespace gonzo

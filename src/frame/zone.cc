#include "frame/zone.h"

#include <algorithm>
#include <bit>

#include <gonzo/base/check.h>

namespace gonzo {

Zone::Zone(std::span<Frame> frames, ZoneKind kind, Pfn start, Pfn first, Pfn end)
    : frames_(frames),
      kind_(kind),
      start_(start),
      first_(first),
      end_(end),
      virgin_(first.value),
      free_(end.value - first.value) {
  heads_.fill(kNoLink);
}

void Zone::link(std::uint32_t pfn, unsigned order, Contents contents) {
  Frame& frame = frames_[pfn];
  set_state(frame, FrameState::kFree);
  set_contents(frame, contents);
  frame.order = static_cast<std::uint8_t>(order);
  frame.prev = kNoLink;
  frame.next = heads_[order];
  if (frame.next != kNoLink) frames_[frame.next].prev = pfn;
  heads_[order] = pfn;
  non_empty_ |= 1U << order;
  ++counts_[order];
}

void Zone::unlink(std::uint32_t pfn, unsigned order) {
  const Frame& frame = frames_[pfn];
  if (frame.prev != kNoLink) {
    frames_[frame.prev].next = frame.next;
  } else {
    heads_[order] = frame.next;
    if (frame.next == kNoLink) non_empty_ &= ~(1U << order);
  }
  if (frame.next != kNoLink) frames_[frame.next].prev = frame.prev;
  --counts_[order];
}

bool Zone::grow(unsigned order) {
  while (virgin_ < end_.value) {
    // Alignment limits the block at the zone's start, the room that is left at its end.
    const unsigned aligned = static_cast<unsigned>(std::countr_zero(virgin_));
    const unsigned room = static_cast<unsigned>(std::bit_width(end_.value - virgin_)) - 1;
    const unsigned born = std::min({aligned, room, kMaxOrder});
    link(virgin_, born, Contents::kZero);
    virgin_ += 1U << born;
    if (born >= order) return true;
  }
  return false;
}

Zone::Block Zone::detach(unsigned from, unsigned to) {
  const std::uint32_t pfn = heads_[from];
  unlink(pfn, from);
  const Contents contents = contents_of(frames_[pfn]);
  while (from > to) {
    --from;
    link(pfn + (1U << from), from, contents);
  }
  Frame& head = frames_[pfn];
  set_state(head, FrameState::kCached);
  head.order = static_cast<std::uint8_t>(to);
  free_ -= std::uint64_t{1} << to;
  return {Pfn(pfn), to, contents};
}

Zone::Taken Zone::take(unsigned order, std::uint64_t keep, Block& out) {
  LockGuard lock(mutex_);
  if (free_ < keep + (std::uint64_t{1} << order)) return {};
  Taken taken;
  if (non_empty_ >> order == 0) {
    const std::uint32_t before = virgin_;
    const bool found = grow(order);
    if (virgin_ != before) taken.grown_to = Pfn(virgin_);
    if (!found) return taken;
  }
  const unsigned from = order + static_cast<unsigned>(std::countr_zero(non_empty_ >> order));
  out = detach(from, order);
  taken.blocks = 1;
  return taken;
}

Zone::Taken Zone::take_frames(std::size_t frames, std::uint64_t keep, std::span<Block> out) {
  LockGuard lock(mutex_);
  if (free_ <= keep) return {};
  std::uint64_t wanted = std::min<std::uint64_t>(frames, free_ - keep);
  const std::uint32_t before = virgin_;
  Taken taken;
  while (wanted > 0 && (non_empty_ != 0 || grow(0))) {
    const auto from = static_cast<unsigned>(std::countr_zero(non_empty_));
    const unsigned fits = static_cast<unsigned>(std::bit_width(wanted)) - 1;
    const Block block = detach(from, std::min(from, fits));
    out[taken.blocks++] = block;
    wanted -= std::uint64_t{1} << block.order;
  }
  if (virgin_ != before) taken.grown_to = Pfn(virgin_);
  return taken;
}

void Zone::merge(Pfn first, unsigned order, Contents contents) {
  std::uint32_t pfn = first.value;
  free_ += std::uint64_t{1} << order;
  while (order < kMaxOrder) {
    // A buddy starts no lower than its zone, as zones start at multiples of the largest block.
    const std::uint32_t buddy = pfn ^ (1U << order);
    if (buddy >= end_.value) break;
    const Frame& other = frames_[buddy];
    if (peek_state(other) != FrameState::kFree || other.order != order) break;
    unlink(buddy, order);
    if (contents_of(other) != Contents::kZero) contents = Contents::kUnknown;
    Frame& upper = frames_[std::max(pfn, buddy)];
    set_state(upper, FrameState::kFree);
    upper.order = kInsideBlock;
    pfn = std::min(pfn, buddy);
    ++order;
  }
  link(pfn, order, contents);
}

void Zone::give(const Block& block) {
  LockGuard lock(mutex_);
  merge(block.first, block.order, block.contents);
}

void Zone::give(std::span<const Pfn> frames) {
  LockGuard lock(mutex_);
  for (const Pfn pfn : frames) merge(pfn, 0, contents_of(frames_[pfn.value]));
}

ZoneStats Zone::stats() const {
  LockGuard lock(mutex_);
  ZoneStats stats{.kind = kind_, .start = start_};
  stats.spanned = end_.value - start_.value;
  stats.free = free_;
  stats.free_blocks = counts_;
  stats.virgin = end_.value - virgin_;
  return stats;
}

}  // namespace gonzo

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "frame/bad_frame.h"
#include "frame/frame_allocator_impl.h"
#include "frame/poison.h"
#include <gonzo/base/check.h>
#include <gonzo/base/thread_number.h>
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kMaxFrames = std::uint64_t{1} << 32;
constexpr std::uint64_t kDmaEnd = (std::uint64_t{16} << 20) >> kPageShift;
constexpr std::uint64_t kDma32End = (std::uint64_t{4} << 30) >> kPageShift;
constexpr std::uint64_t kClassicNormalEnd = (std::uint64_t{896} << 20) >> kPageShift;

/// What the machine itself needs to go on, and to free memory: it may use the last frames.
bool may_use_reserve(FrameState state) {
  return state == FrameState::kPageTable || state == FrameState::kKernel ||
         state == FrameState::kSlab;
}

}  // namespace

FrameAllocator::Impl::Impl(const Config& config, Descriptors frames)
    : config_(config),
      frame_count_(static_cast<std::uint32_t>(config.memory.size() >> kPageShift)),
      frames_(std::move(frames)),
      lists_(std::make_unique_for_overwrite<ThreadLists[]>(kThreadLists)) {
  add_zone(ZoneKind::kDma, 0, kDmaEnd);
  if (config.layout == ZoneLayout::kClassic) {
    add_zone(ZoneKind::kNormal, kDmaEnd, kClassicNormalEnd);
    add_zone(ZoneKind::kHighMem, kClassicNormalEnd, kMaxFrames);
  } else {
    add_zone(ZoneKind::kDma32, kDmaEnd, kDma32End);
    add_zone(ZoneKind::kNormal, kDma32End, kMaxFrames);
  }
  lowmem_zones_ = zone_count_;
  if (zones_[zone_count_ - 1]->kind() == ZoneKind::kHighMem) --lowmem_zones_;
  std::array<ZoneSize, kMaxZones> sizes{};
  for (std::size_t i = 0; i < zone_count_; ++i)
    sizes[i] = {zones_[i]->kind(), zones_[i]->managed()};
  compute_watermarks({sizes.data(), zone_count_}, {watermarks_.data(), zone_count_});
  for (std::uint32_t pfn = 0; pfn < config.first.value; ++pfn) {
    begin_use(frames_[pfn], FrameState::kReserved, 0, 1);
  }
}

void FrameAllocator::Impl::add_zone(ZoneKind kind, std::uint64_t start, std::uint64_t end) {
  end = std::min<std::uint64_t>(end, frame_count_);
  if (start >= end) return;
  zone_starts_[zone_count_] = Pfn(start);
  zones_[zone_count_++].emplace(std::span(frames_.get(), frame_count_), kind, Pfn(start),
                                Pfn(std::max<std::uint64_t>(start, config_.first.value)), Pfn(end));
}

std::size_t FrameAllocator::Impl::zone_of(Pfn pfn) const {
  std::size_t zone = zone_count_ - 1;
  while (pfn < zone_starts_[zone]) --zone;
  return zone;
}

std::size_t FrameAllocator::Impl::zones_for(FrameState state) const {
  return may_use_reserve(state) ? lowmem_zones_ : zone_count_;
}

std::uint64_t FrameAllocator::Impl::kept(std::size_t zone, std::size_t best,
                                         Reserve reserve) const {
  if (config_.pressure == nullptr || reserve == Reserve::kUse) return 0;
  const Watermarks& marks = watermarks_[zone];
  return (reserve == Reserve::kPlenty ? marks.low : marks.min) + (zone == best ? 0 : marks.reserve);
}

ThreadLists& FrameAllocator::Impl::own_lists() {
  const std::size_t index = thread_number() % kThreadLists;
  std::size_t used = lists_used_.load(std::memory_order_relaxed);
  while (index >= used) [[unlikely]] {
    if (lists_used_.compare_exchange_weak(used, index + 1, std::memory_order_relaxed)) break;
  }
  return lists_[index];
}

bool FrameAllocator::Impl::should_fail() {
  std::uint64_t left = fail_in_.load(std::memory_order_relaxed);
  while (left != 0) [[unlikely]] {
    if (fail_in_.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) return left == 1;
  }
  return false;
}

// --- allocating ---

Result<Pfn> FrameAllocator::Impl::allocate(unsigned order, FrameState state, ZeroPolicy zero,
                                           Shape shape) {
  GONZO_CHECK(order <= kMaxOrder && is_in_use(state));
  if (should_fail()) return fail(Errno::kNoMem);
  Grant grant = take(order, state);
  if (grant.first.is_none()) [[unlikely]] {
    grant = take_under_pressure(order, state);
    if (grant.first.is_none()) return fail(Errno::kNoMem);
  }
  hand_out(grant.first, order, state, shape);
  if (zero == ZeroPolicy::kZeroed && grant.contents != Contents::kZero) {
    std::memset(page(grant.first), 0, kPageSize << order);
  }
  return grant.first;
}

FrameAllocator::Impl::Grant FrameAllocator::Impl::take(unsigned order, FrameState state) {
  Grant grant = take(order, state, Reserve::kPlenty);
  if (!grant.first.is_none() || config_.pressure == nullptr) [[likely]]
    return grant;
  config_.pressure->note_shortage();
  grant = take(order, state, Reserve::kKeep);
  if (!grant.first.is_none() || !may_use_reserve(state)) return grant;
  return take(order, state, Reserve::kUse);
}

FrameAllocator::Impl::Grant FrameAllocator::Impl::take(unsigned order, FrameState state,
                                                       Reserve reserve) {
  ThreadLists& lists = own_lists();
  const std::size_t best = zones_for(state) - 1;
  for (std::size_t zone = best + 1; zone-- > 0;) {
    if (order == 0) {
      const Pfn pfn = lists.pop(zone, state);
      if (!pfn.is_none()) [[likely]]
        return {pfn, contents_of(frame(pfn))};
    }
    // No batches from the reserve: what lies in lists is anybody's.
    const std::uint64_t keep = kept(zone, best, reserve);
    const Grant grant = order == 0 && reserve != Reserve::kUse
                            ? take_batch(lists, zone, keep, state)
                            : take_block(lists, zone, order, keep, state);
    if (!grant.first.is_none()) return grant;
  }
  return {};
}

FrameAllocator::Impl::Grant FrameAllocator::Impl::take_batch(ThreadLists& lists, std::size_t zone,
                                                             std::uint64_t keep, FrameState state) {
  std::array<Zone::Block, ThreadLists::kRefill> blocks;
  const Zone::Taken taken = zones_[zone]->take_frames(ThreadLists::kRefill, keep, blocks);
  announce(taken.grown_to);
  if (taken.blocks == 0) return {};

  std::array<Pfn, ThreadLists::kRefill> frames;
  std::size_t count = 0;
  for (const Zone::Block& block : std::span(blocks).first(taken.blocks)) {
    for (std::uint32_t i = 0; i < 1U << block.order; ++i) {
      Frame& each = frame(block.first + i);
      set_state(each, FrameState::kCached);
      set_contents(each, block.contents);
      each.order = 0;
      frames[count++] = block.first + i;
    }
  }
  const std::size_t rest = lists.refill(zone, std::span(frames).first(count), state);
  if (rest != 0) zones_[zone]->give(std::span(frames).subspan(count - rest, rest));
  note_peak(lists);
  return {frames[0], blocks[0].contents};
}

FrameAllocator::Impl::Grant FrameAllocator::Impl::take_block(ThreadLists& lists, std::size_t zone,
                                                             unsigned order, std::uint64_t keep,
                                                             FrameState state) {
  Zone::Block block;
  const Zone::Taken taken = zones_[zone]->take(order, keep, block);
  announce(taken.grown_to);
  if (taken.blocks == 0) return {};
  lists.count(state, std::int64_t{1} << order);
  note_peak(lists);
  return {block.first, block.contents};
}

FrameAllocator::Impl::Grant FrameAllocator::Impl::take_under_pressure(unsigned order,
                                                                      FrameState state) {
  for (int attempt = 0; attempt <= kPressureRetries; ++attempt) {
    // Frames in other threads' lists, or in this one's that have yet to merge, may be all it needs.
    drain();
    const Grant grant = take(order, state);
    if (!grant.first.is_none()) return grant;
    if (config_.pressure == nullptr || !config_.pressure->make_room(std::size_t{1} << order)) break;
  }
  return {};
}

void FrameAllocator::Impl::hand_out(Pfn first, unsigned order, FrameState state, Shape shape) {
  if constexpr (kPoisoning) {
    for (std::uint32_t i = 0; i < 1U << order; ++i) {
      check_poison(frame(first + i), first + i, page(first + i));
    }
  }
  const bool singles = shape == Shape::kSingles;
  begin_use(frame(first), state, static_cast<std::uint8_t>(singles ? 0 : order), 1);
  for (std::uint32_t i = 1; i < 1U << order; ++i) {
    begin_use(frame(first + i), state, singles ? 0 : kInsideBlock, singles ? 1 : 0);
  }
}

void FrameAllocator::Impl::announce(Pfn grown_to) const {
  if (!grown_to.is_none() && config_.growth != nullptr) config_.growth->grown_to(grown_to);
}

// --- freeing ---

void FrameAllocator::Impl::free(Pfn first, unsigned order) {
  GONZO_CHECK(first.value < frame_count_ && order <= kMaxOrder);
  Frame& head = frame(first);
  if (!is_in_use(peek_state(head))) bad_frame("freed twice, or never allocated", first, head);
  if (head.order == kInsideBlock) bad_frame("freed alone, but inside a block", first, head);
  if (head.order != order) bad_frame("freed with another order", first, head);
  // Pairs with the release of who dropped the other references.
  if (head.refs.load(std::memory_order_acquire) != 1)
    bad_frame("freed but referenced", first, head);
  head.refs.store(0, std::memory_order_relaxed);
  release(first, order);
}

bool FrameAllocator::Impl::put(Pfn pfn) {
  Frame& head = frame(pfn);
  // Who holds the only reference needs no locked instruction: nobody else may take one now.
  if (head.refs.load(std::memory_order_acquire) == 1) {
    head.refs.store(0, std::memory_order_relaxed);
  } else {
    const std::int32_t before = head.refs.fetch_sub(1, std::memory_order_acq_rel);
    if (before > 1) return false;
    if (before < 1) bad_frame("reference dropped that nobody held", pfn, head);
  }
  release(pfn, head.order);
  return true;
}

void FrameAllocator::Impl::release(Pfn first, unsigned order) {
  Frame& head = frame(first);
  const FrameState was = peek_state(head);
  if (head.maps.load(std::memory_order_relaxed) != 0) bad_frame("freed but mapped", first, head);
  if (first.value == 0) bad_frame("frame 0 freed", first, head);
  for (std::uint32_t i = 0; i < 1U << order; ++i) {
    Frame& each = frame(first + i);
    each.flags.store(0, std::memory_order_relaxed);
    if constexpr (kPoisoning) poison(each, page(first + i));
  }
  if (order == 0) return release_single(first, was);

  for (std::uint32_t i = 1; i < 1U << order; ++i) set_state(frame(first + i), FrameState::kFree);
  set_state(head, FrameState::kCached);
  own_lists().count(was, -(std::int64_t{1} << order));
  zones_[zone_of(first)]->give({first, order, Contents::kUnknown});
}

void FrameAllocator::Impl::release_single(Pfn pfn, FrameState was) {
  set_state(frame(pfn), FrameState::kCached);
  ThreadLists& lists = own_lists();
  const std::size_t zone = zone_of(pfn);
  while (!lists.push(zone, pfn, was)) [[unlikely]] {
    // Who only frees must not remember for ever how many frames others had then.
    note_peak(lists);
    std::array<Pfn, ThreadLists::kSpill> oldest;
    const std::size_t count = lists.spill(zone, oldest);
    zones_[zone]->give(std::span(oldest).first(count));
  }
}

void FrameAllocator::Impl::drain() {
  std::array<Pfn, ThreadLists::kCapacity> frames;
  for (std::size_t i = 0; i < lists_used_.load(std::memory_order_relaxed); ++i) {
    for (std::size_t zone = 0; zone < zone_count_; ++zone) {
      const std::size_t count = lists_[i].drain(zone, frames);
      if (count != 0) zones_[zone]->give(std::span(frames).first(count));
    }
  }
}

// --- counting ---

void FrameAllocator::Impl::note_peak(ThreadLists& lists) const {
  std::int64_t used = lists.reset_high();
  for (std::size_t i = 0; i < lists_used_.load(std::memory_order_relaxed); ++i) {
    if (&lists_[i] != &lists) used += lists_[i].used();
  }
  std::int64_t peak = peak_used_.load(std::memory_order_relaxed);
  while (used > peak && !peak_used_.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
}

FrameStats FrameAllocator::Impl::stats() const {
  FrameStats stats;
  stats.total = frame_count_;
  const std::int64_t reserved = config_.first.value;
  std::int64_t used = reserved;
  std::array<std::int64_t, kFrameStates> by_state{};
  by_state[std::to_underlying(FrameState::kReserved)] = reserved;
  for (std::size_t i = 0; i < lists_used_.load(std::memory_order_relaxed); ++i) {
    note_peak(lists_[i]);
    const ThreadLists::Counts counts = lists_[i].counts();
    for (int state = 0; state < kFrameStates; ++state) {
      by_state[state] += counts[state];
      used += counts[state];
    }
  }
  for (int state = 0; state < kFrameStates; ++state) {
    stats.by_state[state] = static_cast<std::uint64_t>(std::max<std::int64_t>(by_state[state], 0));
  }
  stats.free = frame_count_ - static_cast<std::uint64_t>(used);
  stats.by_state[std::to_underlying(FrameState::kFree)] = stats.free;
  // Each list knows its own most; they need not have been there together.
  stats.peak_used =
      std::min(static_cast<std::uint64_t>(peak_used_.load(std::memory_order_relaxed) + reserved),
               stats.total);
  return stats;
}

std::span<const ZoneStats> FrameAllocator::Impl::zone_stats(
    std::span<ZoneStats, kMaxZones> out) const {
  for (std::size_t zone = 0; zone < zone_count_; ++zone) {
    out[zone] = zones_[zone]->stats();
    for (std::size_t i = 0; i < lists_used_.load(std::memory_order_relaxed); ++i) {
      out[zone].free += lists_[i].size(zone);
    }
    out[zone].watermark_min = watermarks_[zone].min;
    out[zone].watermark_low = watermarks_[zone].low;
    out[zone].watermark_high = watermarks_[zone].high;
  }
  return out.first(zone_count_);
}

// --- the public face ---

Result<std::unique_ptr<FrameAllocator>> FrameAllocator::create(const Config& config) {
  const auto address = reinterpret_cast<std::uintptr_t>(config.memory.data());
  const std::uint64_t size = config.memory.size();
  if (size == 0 || (address | size) % kPageSize != 0 || size >> kPageShift >= kMaxFrames) {
    return fail(Errno::kInval);
  }
  const std::uint64_t first = config.first.value;
  if (first == 0 || first >= kDmaEnd || (first != 1 && first >= size >> kPageShift)) {
    return fail(Errno::kInval);
  }
  // calloc leaves fresh pages untouched, and zeros are virgin descriptors: nothing to initialise.
  Impl::Descriptors frames(static_cast<Frame*>(std::calloc(size >> kPageShift, sizeof(Frame))));
  if (!frames) return fail(Errno::kNoMem);
  auto impl = std::make_unique<Impl>(config, std::move(frames));
  return std::unique_ptr<FrameAllocator>(new FrameAllocator(std::move(impl), config.memory));
}

FrameAllocator::FrameAllocator(std::unique_ptr<Impl> impl, std::span<std::byte> memory)
    : impl_(std::move(impl)),
      frames_(impl_->frames()),
      frame_count_(memory.size() >> kPageShift),
      memory_(memory) {}

FrameAllocator::~FrameAllocator() = default;

Result<Pfn> FrameAllocator::allocate(unsigned order, FrameState state, ZeroPolicy zero) {
  return impl_->allocate(order, state, zero, Impl::Shape::kBlock);
}

Result<Pfn> FrameAllocator::allocate_split(unsigned order, FrameState state, ZeroPolicy zero) {
  return impl_->allocate(order, state, zero, Impl::Shape::kSingles);
}

void FrameAllocator::free(Pfn first, unsigned order) { impl_->free(first, order); }
bool FrameAllocator::put(Pfn pfn) { return impl_->put(pfn); }
void FrameAllocator::drain() { impl_->drain(); }
FrameStats FrameAllocator::stats() const { return impl_->stats(); }
std::span<const ZoneStats> FrameAllocator::zone_stats(std::span<ZoneStats, 3> out) const {
  return impl_->zone_stats(out);
}
void FrameAllocator::fail_nth(std::uint64_t n) { impl_->fail_nth(n); }
std::string FrameAllocator::verify() { return impl_->verify(); }
std::string FrameAllocator::check_all_free() { return impl_->check_all_free(); }

}  // namespace gonzo

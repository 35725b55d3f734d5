#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "frame/bad_frame.h"
#include "frame/descriptor.h"
#include "frame/slab_check.h"
#include <gonzo/base/check.h>
#include <gonzo/base/thread_number.h>
#include <gonzo/frame/slab_cache.h>

namespace gonzo {
namespace {

constexpr std::uint32_t kNoObject = 0xffffffff;

/// As small as holds a few objects and wastes little; what is large takes the block that it needs
/// (Linux: calculate_order).
unsigned order_for(std::size_t stride) {
  constexpr unsigned kCostly = 3;  // Linux: PAGE_ALLOC_COSTLY_ORDER
  constexpr std::size_t kFew = 4, kWaste = 8;
  for (unsigned order = 0; order <= kCostly; ++order) {
    const std::size_t bytes = kPageSize << order;
    if (bytes / stride >= kFew && bytes % stride * kWaste <= bytes) return order;
  }
  unsigned order = 0;
  while (kPageSize << order < stride) ++order;
  return order;
}

// A slab's first descriptor: whose it is, how many of its objects are not in its free list, and
// where that begins. Of the others, the first one's number.

void set_cache(Frame& slab, const SlabCache* cache) {
  set_frame_swap_slot(slab, reinterpret_cast<std::uintptr_t>(cache));
}
std::uint32_t taken(const Frame& slab) { return slab.live_entries.load(std::memory_order_relaxed); }
void set_taken(Frame& slab, std::uint32_t objects) {
  slab.live_entries.store(objects, std::memory_order_relaxed);
}
std::uint32_t first_free(const Frame& slab) {
  return static_cast<std::uint32_t>(frame_index(slab));
}
void set_first_free(Frame& slab, std::uint32_t index) { set_frame_index(slab, index); }

}  // namespace

SlabCache::SlabCache(FrameAllocator& frames, const Config& config)
    : frames_(frames),
      config_(config),
      layout_(std::make_unique<ObjectLayout>(ObjectLayout::of(config.bytes, config.alignment))),
      order_(order_for(layout_->stride)),
      per_slab_(static_cast<unsigned>((kPageSize << order_) / layout_->stride)),
      list_capacity_(
          std::clamp<std::size_t>(kPageSize / layout_->stride, 2, ThreadList::kCapacity)),
      lists_(new ThreadList[kThreadLists]) {
  GONZO_CHECK(config.bytes > 0 && std::has_single_bit(config.alignment) &&
              config.alignment <= kPageSize && order_ <= kMaxOrder);
}

SlabCache::~SlabCache() { shrink(); }

std::size_t SlabCache::stride() const { return layout_->stride; }

Result<std::byte*> SlabCache::allocate(ZeroPolicy zero) {
  ThreadList& list = own_list();
  std::byte* object = nullptr;
  {
    const LockGuard guard(list.lock);
    if (list.size != 0) object = list.objects[--list.size];
  }
  if (object == nullptr) {
    GONZO_ASSIGN(object, refill(list));
  }
  check_and_open(config_.name, object, *layout_);
  if (zero == ZeroPolicy::kZeroed) std::memset(object, 0, config_.bytes);
  return object;
}

void SlabCache::free(void* freed) {
  auto* const object = static_cast<std::byte*>(freed);
  check_belongs(object);
  check_and_close(config_.name, object, *layout_);
  ThreadList& list = own_list();
  std::array<std::byte*, kMostBatch> oldest;
  const std::size_t batch = list_capacity_ / 2;
  {
    const LockGuard guard(list.lock);
    if (list.size < list_capacity_) {
      list.objects[list.size++] = object;
      return;
    }
    const std::span objects = std::span(list.objects).first(list.size);
    std::ranges::copy(objects.first(batch), oldest.begin());
    std::ranges::copy(objects.subspan(batch), objects.begin());
    list.size -= batch;
    list.objects[list.size++] = object;
  }
  give_back(std::span(oldest).first(batch));
}

SlabCache::ThreadList& SlabCache::own_list() const {
  return lists_[thread_number() % kThreadLists];
}

/// One object, and some more into the empty list.
Result<std::byte*> SlabCache::refill(ThreadList& list) {
  std::array<std::byte*, kMostBatch> storage;
  const std::span batch = std::span(storage).first(list_capacity_ / 2);
  std::size_t count = 0;
  for (;;) {
    {
      const LockGuard guard(lock_);
      count = take_free(batch);
    }
    if (count != 0) break;
    GONZO_TRY(add_slab());
  }
  std::size_t kept = 1;
  {
    const LockGuard guard(list.lock);
    while (kept < count && list.size < list_capacity_) {
      list.objects[list.size++] = batch[kept++];
    }
  }
  if (kept < count) give_back(batch.subspan(kept, count - kept));
  return batch[0];
}

Result<void> SlabCache::add_slab() {
  GONZO_ASSIGN(const Pfn slab, frames_.allocate(order_, FrameState::kSlab, ZeroPolicy::kDontCare));
  for (std::uint32_t i = 1; i < 1U << order_; ++i) {
    set_frame_index(frames_.frame(slab + i), slab.value);
  }
  begin_objects(frames_.address(slab), kPageSize << order_);
  for (std::uint32_t index = 0; index < per_slab_; ++index) {
    std::byte* const object = object_at(slab, index);
    close_fresh(object, *layout_);
    store_link(object, *layout_, index + 1 < per_slab_ ? index + 1 : kNoObject);
  }
  Frame& head = frames_.frame(slab);
  set_cache(head, this);
  set_taken(head, 0);
  set_first_free(head, 0);
  const LockGuard guard(lock_);
  link(slab);
  ++slabs_;
  ++empty_;
  free_ += per_slab_;
  return {};
}

std::size_t SlabCache::take_free(std::span<std::byte*> out) {
  std::size_t count = 0;
  while (count < out.size() && partial_ != kNoLink) {
    const Pfn slab(partial_);
    Frame& head = frames_.frame(slab);
    std::uint32_t next = first_free(head), objects = taken(head);
    if (objects == 0) --empty_;
    for (; count < out.size() && next != kNoObject; ++objects) {
      out[count] = object_at(slab, next);
      next = load_link(out[count++], *layout_);
    }
    set_first_free(head, next);
    set_taken(head, objects);
    if (next == kNoObject) unlink(slab);
  }
  free_ -= count;
  return count;
}

/// How many frames that freed.
std::size_t SlabCache::give_back(std::span<std::byte* const> objects) {
  std::uint64_t empty = 0;
  {
    const LockGuard guard(lock_);
    for (std::byte* const object : objects) give_back_one(object);
    empty = empty_;
  }
  return empty > kKeptEmpty ? free_empty(kKeptEmpty) : 0;
}

void SlabCache::give_back_one(std::byte* object) {
  const Pfn slab = slab_of(frames_, object);
  Frame& head = frames_.frame(slab);
  const std::uint32_t next = first_free(head);
  store_link(object, *layout_, next);
  set_first_free(head, index_of(slab, object));
  set_taken(head, taken(head) - 1);
  ++free_;
  if (next == kNoObject) link(slab);
  if (taken(head) == 0) ++empty_;
}

std::size_t SlabCache::shrink() {
  std::size_t frames = 0;
  std::array<std::byte*, ThreadList::kCapacity> objects;
  for (std::size_t i = 0; i < kThreadLists; ++i) {
    std::size_t count = 0;
    {
      ThreadList& list = lists_[i];
      const LockGuard guard(list.lock);
      count = std::exchange(list.size, 0);
      std::copy_n(list.objects.begin(), count, objects.begin());
    }
    if (count != 0) frames += give_back(std::span(objects).first(count));
  }
  return frames + free_empty(0);
}

/// All slabs without objects but `keep`; how many frames that were.
std::size_t SlabCache::free_empty(std::uint64_t keep) {
  std::size_t frames = 0;
  for (;;) {
    std::array<Pfn, kMostBatch> dying;
    std::size_t count = 0;
    {
      const LockGuard guard(lock_);
      for (std::uint32_t at = partial_; at != kNoLink && empty_ > keep && count < dying.size();) {
        const Pfn slab(at);
        at = frames_.frame(slab).next;
        if (taken(frames_.frame(slab)) != 0) continue;
        take_out(slab);
        dying[count++] = slab;
      }
    }
    for (const Pfn slab : std::span(dying).first(count)) free_slab(slab);
    frames += count << order_;
    if (count < dying.size()) return frames;
  }
}

void SlabCache::take_out(Pfn slab) {
  unlink(slab);
  --slabs_;
  --empty_;
  free_ -= per_slab_;
}

void SlabCache::free_slab(Pfn slab) {
  end_objects(frames_.address(slab), kPageSize << order_);
  frames_.free(slab, order_);
}

void SlabCache::link(Pfn slab) {
  Frame& head = frames_.frame(slab);
  head.prev = kNoLink;
  head.next = partial_;
  if (partial_ != kNoLink) frames_.frame(Pfn(partial_)).prev = slab.value;
  partial_ = slab.value;
}

void SlabCache::unlink(Pfn slab) {
  Frame& head = frames_.frame(slab);
  (head.prev == kNoLink ? partial_ : frames_.frame(Pfn(head.prev)).next) = head.next;
  if (head.next != kNoLink) frames_.frame(Pfn(head.next)).prev = head.prev;
  head.prev = head.next = kNoLink;
}

std::byte* SlabCache::object_at(Pfn slab, std::uint32_t index) const {
  return frames_.address(slab) + index * layout_->stride;
}

std::uint32_t SlabCache::index_of(Pfn slab, const std::byte* object) const {
  const auto offset = static_cast<std::uint32_t>(object - frames_.address(slab));
  return offset / static_cast<std::uint32_t>(layout_->stride);
}

void SlabCache::check_belongs(const std::byte* object) const {
  const Pfn slab = slab_of(frames_, object);
  if (cache_of(frames_.frame(slab)) != this) {
    bad_object("freed into another cache", config_.name, object, 0);
  }
  const std::uint32_t index = index_of(slab, object);
  if (index >= per_slab_ || object_at(slab, index) != object) {
    bad_object("freed, but no object begins there", config_.name, object, 0);
  }
}

Pfn SlabCache::slab_of(const FrameAllocator& frames, const void* object) {
  const auto offset = static_cast<const std::byte*>(object) - frames.address(Pfn(0));
  const Pfn pfn = Pfn::of(PhysAddr(static_cast<std::uint64_t>(offset)));
  GONZO_CHECK(offset >= 0 && frames.contains(pfn));
  const Frame& frame = frames.frame(pfn);
  if (peek_state(frame) != FrameState::kSlab) bad_frame("freed as an object", pfn, frame);
  return frame.order == kInsideBlock ? Pfn(frame_index(frame)) : pfn;
}

SlabCache* SlabCache::cache_of(const Frame& slab) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a descriptor's word has many uses
  return reinterpret_cast<SlabCache*>(static_cast<std::uintptr_t>(frame_swap_slot(slab)));
}

SlabStats SlabCache::stats() const {
  std::uint64_t listed = 0;
  for (std::size_t i = 0; i < kThreadLists; ++i) {
    const LockGuard guard(lists_[i].lock);
    listed += lists_[i].size;
  }
  const LockGuard guard(lock_);
  const std::uint64_t objects = slabs_ * per_slab_;
  const std::uint64_t unused = std::min(objects, free_ + listed);
  return {
      .active = objects - unused, .objects = objects, .slabs = slabs_, .frames = slabs_ << order_};
}

std::string SlabCache::verify_slab(Pfn slab) const {
  const Frame& head = frames_.frame(slab);
  if (head.state != FrameState::kSlab || head.order != order_ || cache_of(head) != this) {
    return fmt::format("cache {}: frame {} ({}) is no slab of it", config_.name, slab.value,
                       frame_state_name(head.state));
  }
  std::uint32_t count = 0;
  for (std::uint32_t index = first_free(head); index != kNoObject && count <= per_slab_; ++count) {
    if (index >= per_slab_) return fmt::format("cache {}: a link to nowhere", config_.name);
    index = load_link(object_at(slab, index), *layout_);
  }
  if (count == per_slab_ - taken(head)) return {};
  return fmt::format("cache {}: slab {} has {} free objects, and {} of {} are taken", config_.name,
                     slab.value, count, taken(head), per_slab_);
}

std::string SlabCache::verify() const {
  const LockGuard guard(lock_);
  std::uint64_t unused = 0, empty = 0;
  std::uint32_t prev = kNoLink;
  for (std::uint32_t at = partial_; at != kNoLink; at = frames_.frame(Pfn(at)).next) {
    const Frame& head = frames_.frame(Pfn(at));
    if (std::string wrong = verify_slab(Pfn(at)); !wrong.empty()) return wrong;
    if (head.prev != prev || first_free(head) == kNoObject) {
      return fmt::format("cache {}: slab {} is out of place", config_.name, at);
    }
    unused += per_slab_ - taken(head);
    empty += taken(head) == 0 ? 1 : 0;
    prev = at;
  }
  if (unused == free_ && empty == empty_) return {};
  return fmt::format("cache {}: {} free objects and {} empty slabs found, {} and {} counted",
                     config_.name, unused, empty, free_, empty_);
}

}  // namespace gonzo

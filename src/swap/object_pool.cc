#include "swap/object_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include <gonzo/base/check.h>

namespace gonzo {

struct ObjectPool::Shape {
  std::uint16_t size = 0;     ///< of an object, at most
  std::uint16_t objects = 0;  ///< in a span
  std::uint8_t frames = 0;    ///< of a span
};

namespace {

/// Of 1 to 8 frames, the number that leaves the least share of them unused.
constexpr std::uint8_t best_frames(std::size_t size) {
  std::size_t best = 1;
  for (std::size_t frames = 2; frames <= ObjectPool::kSpanFrames; ++frames) {
    if (frames * kPageSize % size * best < best * kPageSize % size * frames) best = frames;
  }
  return static_cast<std::uint8_t>(best);
}

}  // namespace

/// By size in steps, rounded up. Sizes that give spans with as many frames and objects are one
/// class, that of the largest of them (Linux: can_merge).
constexpr std::array<ObjectPool::Shape, ObjectPool::kSizes + 1> ObjectPool::kShapes = [] {
  std::array<Shape, kSizes + 1> shapes{};
  for (std::size_t i = kSizes; i > 0; --i) {
    const std::size_t size = i * kStep;
    const std::uint8_t frames = best_frames(size);
    const auto objects = static_cast<std::uint16_t>(frames * kPageSize / size);
    const bool is_same =
        i < kSizes && shapes[i + 1].frames == frames && shapes[i + 1].objects == objects;
    shapes[i] = is_same ? shapes[i + 1] : Shape{static_cast<std::uint16_t>(size), objects, frames};
  }
  return shapes;
}();

constexpr std::size_t ObjectPool::kMostShared = [] {
  std::size_t i = kSizes;
  while (kShapes[i].size == kPageSize) --i;
  return i * kStep;
}();

ObjectPool::ObjectPool(FrameAllocator& frames, std::uint64_t objects, std::uint64_t limit)
    : frames_(frames),
      limit_(limit == 0 ? ~std::uint64_t{0} : limit),
      chunk_count_(objects / kChunk + 2),
      chunks_(std::make_unique<std::unique_ptr<Span[]>[]>(chunk_count_)) {}

ObjectPool::~ObjectPool() {
  for (std::uint32_t i = 0; i < spans_made_; ++i) release_frames(span(i));
}

Result<ObjectPool::Handle> ObjectPool::allocate(std::size_t size) {
  GONZO_ASSERT(size > 0 && size <= kPageSize);
  const Shape& shape = kShapes[(size + kStep - 1) / kStep];
  const auto index = static_cast<std::uint8_t>(shape.size / kStep);
  SizeClass& sizes = classes_[index];
  {
    LockGuard lock(sizes.lock);
    for (const std::uint32_t number : sizes.first) {
      if (number != kNone) return Handle{number, take_object(sizes, number)};
    }
  }
  GONZO_ASSIGN(const std::uint32_t made, make_span(index));
  LockGuard lock(sizes.lock);
  return Handle{made, take_object(sizes, made)};
}

void ObjectPool::free(Handle handle) {
  Span& owner = span(handle.span);
  SizeClass& sizes = classes_[owner.size_class];
  {
    LockGuard lock(sizes.lock);
    GONZO_CHECK(owner.used > 0);
    next_free(owner, handle.index) = owner.first_free;
    owner.first_free = handle.index;
    --owner.used;
    if (owner.used != 0) return refile(sizes, handle.span);
    if (owner.fullness != kFull) unlink(sizes, handle.span);
  }
  release_frames(owner);
  give_span_number(handle.span);
}

ObjectPool::Pieces ObjectPool::pieces(Handle handle, std::size_t size) const {
  const Span& owner = span(handle.span);
  const std::size_t start = handle.index * std::size_t{kShapes[owner.size_class].size};
  const std::size_t first = std::min(size, kPageSize - start % kPageSize);
  Pieces found{{at(owner, start), first}, {}};
  if (first < size) found.rest = {at(owner, start + first), size - first};
  return found;
}

std::byte* ObjectPool::at(const Span& owner, std::size_t offset) const {
  return frames_.address(owner.frames[offset / kPageSize]) + offset % kPageSize;
}

std::uint16_t& ObjectPool::next_free(const Span& owner, std::uint16_t index) const {
  return *reinterpret_cast<std::uint16_t*>(
      at(owner, index * std::size_t{kShapes[owner.size_class].size}));
}

// --- spans, under their class's lock ---

std::uint16_t ObjectPool::take_object(SizeClass& sizes, std::uint32_t number) {
  Span& owner = span(number);
  std::uint16_t index = owner.first_free;
  if (index != kNoObject) {
    owner.first_free = next_free(owner, index);
  } else {
    index = owner.fresh++;
  }
  ++owner.used;
  refile(sizes, number);
  return index;
}

void ObjectPool::refile(SizeClass& sizes, std::uint32_t number) {
  const Span& owner = span(number);
  const std::uint16_t objects = kShapes[owner.size_class].objects;
  Fullness fullness = owner.used * 2 >= objects ? kMost : kSome;
  if (owner.used == objects) fullness = kFull;
  if (fullness == owner.fullness) return;
  if (owner.fullness != kFull) unlink(sizes, number);
  link(sizes, number, fullness);
}

void ObjectPool::link(SizeClass& sizes, std::uint32_t number, Fullness fullness) {
  Span& owner = span(number);
  owner.fullness = fullness;
  if (fullness == kFull) return;
  owner.before = kNone;
  owner.after = std::exchange(sizes.first[fullness], number);
  if (owner.after != kNone) span(owner.after).before = number;
}

void ObjectPool::unlink(SizeClass& sizes, std::uint32_t number) {
  const Span& owner = span(number);
  (owner.before == kNone ? sizes.first[owner.fullness] : span(owner.before).after) = owner.after;
  if (owner.after != kNone) span(owner.after).before = owner.before;
}

// --- making and ending spans ---

Result<std::uint32_t> ObjectPool::make_span(std::uint8_t size_class) {
  GONZO_ASSIGN(const std::uint32_t number, take_span_number());
  Span& made = span(number);
  made = {};
  made.size_class = size_class;
  const Result<void> filled = fill(made, kShapes[size_class].frames);
  if (filled) return number;
  give_span_number(number);
  return fail(filled.error());
}

Result<void> ObjectPool::fill(Span& made, std::size_t frames) {
  if (frame_count_.fetch_add(frames, std::memory_order_relaxed) + frames > limit_) {
    frame_count_.fetch_sub(frames, std::memory_order_relaxed);
    return fail(Errno::kNoMem);
  }
  for (std::size_t i = 0; i < frames; ++i) {
    const auto frame = frames_.allocate(0, FrameState::kKernel, ZeroPolicy::kDontCare);
    if (frame) {
      made.frames[i] = *frame;
      continue;
    }
    frame_count_.fetch_sub(frames - i, std::memory_order_relaxed);
    release_frames(made);
    return fail(frame.error());
  }
  return {};
}

void ObjectPool::release_frames(Span& gone) {
  for (Pfn& pfn : gone.frames) {
    if (pfn.is_none()) continue;
    frames_.put(std::exchange(pfn, Pfn::none()));
    frame_count_.fetch_sub(1, std::memory_order_relaxed);
  }
}

Result<std::uint32_t> ObjectPool::take_span_number() {
  std::unique_ptr<Span[]> spare;
  for (;;) {
    {
      LockGuard lock(spans_lock_);
      if (unused_span_ != kNone) {
        const std::uint32_t number = unused_span_;
        unused_span_ = span(number).after;
        return number;
      }
      const std::uint64_t chunk = spans_made_ / kChunk;
      GONZO_CHECK(chunk < chunk_count_);
      if (chunks_[chunk] == nullptr) chunks_[chunk] = std::move(spare);
      if (chunks_[chunk] != nullptr) return spans_made_++;
    }
    spare.reset(new (std::nothrow) Span[kChunk]);
    if (spare == nullptr) return fail(Errno::kNoMem);
  }
}

void ObjectPool::give_span_number(std::uint32_t number) {
  LockGuard lock(spans_lock_);
  span(number).after = std::exchange(unused_span_, number);
}

std::string ObjectPool::verify() const {
  std::uint64_t frames = 0;
  std::uint32_t made = 0;
  {
    LockGuard lock(spans_lock_);
    made = spans_made_;
  }
  for (std::uint32_t i = 0; i < made; ++i) {
    const Span& owner = span(i);
    if (owner.frames[0].is_none()) continue;
    const Shape& shape = kShapes[owner.size_class];
    frames += shape.frames;
    if (owner.used == 0 || owner.used > owner.fresh || owner.fresh > shape.objects)
      return fmt::format("span {}: {} objects of {}, of which {} are used", i, owner.fresh,
                         shape.objects, owner.used);
    std::uint16_t free = 0;
    for (std::uint16_t k = owner.first_free; k != kNoObject; k = next_free(owner, k)) {
      if (++free > owner.fresh) return fmt::format("span {}: its free list has no end", i);
    }
    if (owner.used + free != owner.fresh)
      return fmt::format("span {}: {} used and {} free objects are not {}", i, owner.used, free,
                         owner.fresh);
  }
  if (frames != this->frames())
    return fmt::format("spans have {} frames, counted {}", frames, this->frames());
  return {};
}

}  // namespace gonzo

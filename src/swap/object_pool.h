// Memory for compressed pages: objects of any size up to a page, packed into frames.
// Linux: mm/zsmalloc.c.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

/// Objects of a class of sizes share spans of a few frames, which need not be neighbours: as many
/// as waste least for that size, so an object may lie across the border of two. Objects do not
/// move. Thread-safe.
class ObjectPool {
 public:
  /// Which object.
  struct Handle {
    std::uint32_t span = 0;
    std::uint16_t index = 0;
  };
  /// An object's bytes; `rest` is empty unless it lies across a border.
  struct Pieces {
    std::span<std::byte> first, rest;
  };
  static constexpr std::size_t kStep = 32;       ///< between sizes
  static constexpr std::size_t kSpanFrames = 8;  ///< at most (Linux: CONFIG_ZSMALLOC_CHAIN_SIZE)
  /// Larger objects than that take a frame each: no more than a page itself takes.
  static const std::size_t kMostShared;

  /// For at most `objects` at once. `limit`: frames; 0: none.
  ObjectPool(FrameAllocator& frames, std::uint64_t objects, std::uint64_t limit);
  /// All frames go, whatever is in them.
  ~ObjectPool();
  ObjectPool(const ObjectPool&) = delete;
  ObjectPool& operator=(const ObjectPool&) = delete;

  /// 1 to 4096 bytes. ENOMEM: no frame, or the limit. Asks the frame allocator with no lock held.
  Result<Handle> allocate(std::size_t size);
  /// Its frames go with the last object in them.
  void free(Handle handle);
  /// Of an object of `size` bytes, which is the caller's to read and write.
  Pieces pieces(Handle handle, std::size_t size) const;

  std::uint64_t frames() const { return frame_count_.load(std::memory_order_relaxed); }
  /// Lists and counts; an empty string, or what is wrong. Needs no concurrent use.
  std::string verify() const;

 private:
  static constexpr std::size_t kSizes = kPageSize / kStep;
  static constexpr std::uint32_t kNone = 0xffffffffU;
  static constexpr std::uint16_t kNoObject = 0xffff;
  static constexpr std::size_t kChunk = 256;  ///< spans
  /// Full ones are in no list. From the fuller ones is taken first, so that others run empty.
  enum Fullness : std::uint8_t { kMost, kSome, kFull };

  struct Span {
    std::array<Pfn, kSpanFrames> frames;
    std::uint32_t before = kNone, after = kNone;  ///< of its list; `after` also of unused spans
    std::uint16_t used = 0;                       ///< objects
    std::uint16_t fresh = 0;                      ///< objects from here on were never used
    std::uint16_t first_free = kNoObject;         ///< each free object begins with the next one
    std::uint8_t size_class = 0;
    Fullness fullness = kFull;
  };
  struct SizeClass {
    SpinLock lock;                                     ///< its spans too
    std::array<std::uint32_t, 2> first{kNone, kNone};  ///< by Fullness
  };
  struct Shape;
  static const std::array<Shape, kSizes + 1> kShapes;

  Span& span(std::uint32_t number) const { return chunks_[number / kChunk][number % kChunk]; }
  std::byte* at(const Span& span, std::size_t offset) const;
  std::uint16_t& next_free(const Span& span, std::uint16_t index) const;
  std::uint16_t take_object(SizeClass& sizes, std::uint32_t number) GONZO_REQUIRES(sizes.lock);
  void refile(SizeClass& sizes, std::uint32_t number) GONZO_REQUIRES(sizes.lock);
  void link(SizeClass& sizes, std::uint32_t number, Fullness fullness) GONZO_REQUIRES(sizes.lock);
  void unlink(SizeClass& sizes, std::uint32_t number) GONZO_REQUIRES(sizes.lock);
  Result<std::uint32_t> make_span(std::uint8_t size_class) GONZO_EXCLUDES(spans_lock_);
  Result<void> fill(Span& made, std::size_t frames);
  Result<std::uint32_t> take_span_number() GONZO_EXCLUDES(spans_lock_);
  void give_span_number(std::uint32_t number) GONZO_EXCLUDES(spans_lock_);
  void release_frames(Span& gone);

  FrameAllocator& frames_;
  const std::uint64_t limit_;
  std::array<SizeClass, kSizes + 1> classes_;
  const std::uint64_t chunk_count_;
  const std::unique_ptr<std::unique_ptr<Span[]>[]> chunks_;
  mutable SpinLock spans_lock_;
  std::uint32_t unused_span_ GONZO_GUARDED_BY(spans_lock_) = kNone;
  std::uint32_t spans_made_ GONZO_GUARDED_BY(spans_lock_) = 0;
  std::atomic<std::uint64_t> frame_count_{0};
};

}  // namespace gonzo

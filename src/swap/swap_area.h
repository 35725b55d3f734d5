// The slots of one device: their counts, what the cache has of them, and which are free.
// Linux: struct swap_info_struct, struct swap_cluster_info.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/swap/readahead_size.h>
#include <gonzo/swap/swap_device.h>
#include <gonzo/swap/swap_space.h>

namespace gonzo {

/// What a slot has besides its count, in a word: nothing, the shadow of a page that left, a frame
/// (Linux: the swap table's entries), or a state in passing.
class SlotContent {
 public:
  static constexpr std::uint64_t kShadowEnd = std::uint64_t{1} << 62;

  constexpr SlotContent() = default;
  static constexpr SlotContent of(Pfn pfn) { return SlotContent(pfn.value, kFrameTag); }
  static constexpr SlotContent of_shadow(std::uint64_t shadow) {
    return shadow == 0 ? SlotContent() : SlotContent(shadow, kShadowTag);
  }
  static constexpr SlotContent being_read() { return SlotContent(0, kBusyTag); }
  /// Freed, but the device does not know yet.
  static constexpr SlotContent being_freed() { return SlotContent(1, kBusyTag); }

  constexpr bool is_nothing() const { return word_ == 0; }
  constexpr bool is_frame() const { return tag() == kFrameTag; }
  constexpr Pfn pfn() const { return Pfn(word_ >> kTagBits); }
  constexpr std::uint64_t shadow() const { return tag() == kShadowTag ? word_ >> kTagBits : 0; }
  constexpr bool is_cached() const { return is_frame() || *this == being_read(); }
  constexpr bool operator==(const SlotContent&) const = default;

 private:
  static constexpr unsigned kTagBits = 2;
  static constexpr std::uint64_t kShadowTag = 1, kFrameTag = 2, kBusyTag = 3;

  constexpr SlotContent(std::uint64_t value, std::uint64_t tag)
      : word_((value << kTagBits) | tag) {}
  constexpr std::uint64_t tag() const { return word_ & 3; }

  std::uint64_t word_ = 0;
};

/// Thread-safe. Slots here are offsets within the area.
class SwapArea {
 public:
  static constexpr std::uint32_t kClusterSlots = 256;  ///< Linux: SWAPFILE_CLUSTER without THP
  enum class Started : std::uint8_t { kCached, kStarted, kBeingRead, kFree };

  /// EINVAL: no slots; ENOMEM.
  static Result<std::unique_ptr<SwapArea>> create(FrameAllocator& frames,
                                                  std::unique_ptr<SwapDevice> device, unsigned type,
                                                  int priority);
  /// Drops the cache's references.
  ~SwapArea();
  SwapArea(const SwapArea&) = delete;
  SwapArea& operator=(const SwapArea&) = delete;

  unsigned type() const { return type_; }
  int priority() const { return priority_; }
  SwapDevice& device() const { return *device_; }
  std::unique_ptr<SwapDevice> take_device() { return std::move(device_); }
  std::uint64_t slots() const { return slots_; }
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t cached() const { return cached_.load(std::memory_order_relaxed); }
  /// Slots that only the cache has a use for.
  std::uint64_t idle() const { return idle_.load(std::memory_order_relaxed); }
  SwapReadaheadSize& readahead() { return readahead_; }

  /// A cluster for the caller's allocations alone: an empty one, else one with free slots.
  std::optional<std::uint32_t> take_cluster() GONZO_EXCLUDES(lists_lock_);
  /// The caller's cluster is anybody's again.
  void give_cluster(std::uint32_t number) GONZO_EXCLUDES(lists_lock_);
  /// From a cluster that somebody has taken: their count is 1. How many there were.
  std::size_t allocate(std::uint32_t cluster, std::span<std::uint64_t> out);

  void duplicate(std::uint64_t slot, std::uint32_t n);
  SwapSpace::SlotState free(std::uint64_t slot, std::uint32_t n);
  std::uint32_t count(std::uint64_t slot) const;

  Result<void> insert(std::uint64_t slot, Pfn pfn);
  std::optional<Pfn> find(std::uint64_t slot) const;
  bool is_cached(std::uint64_t slot) const;
  enum class EraseIf : std::uint8_t { kAny, kUnused };
  bool erase(std::uint64_t slot, Pfn pfn, std::uint64_t shadow, EraseIf condition);
  /// If `pfn` is there: count + 1 and a reference.
  bool claim(std::uint64_t slot, Pfn pfn);
  /// Frees idle slots; how many.
  std::size_t free_idle(std::size_t wanted);
  /// `found` has the frame (with a reference) or the shadow. kBeingRead: `generation` was read from
  /// `finished` before the reader can have finished.
  Started start(std::uint64_t slot, SwapSpace::Lookup& found,
                const std::atomic<std::uint32_t>& finished, std::uint32_t& generation);
  /// True: was used and not cached, and is being read now.
  bool try_start(std::uint64_t slot);
  bool finish(std::uint64_t slot, Result<Pfn> result);
  void set_shadow(std::uint64_t slot, std::uint64_t shadow);
  std::uint64_t shadow(std::uint64_t slot) const;
  /// In use, and neither cached nor being read.
  bool is_only_on_device(std::uint64_t slot) const;

  std::string verify() const;

 private:
  static constexpr std::uint32_t kNoCluster = 0xffffffffU;
  enum class Place : std::uint8_t { kNone, kEmptyList, kPartialList, kTaken };

  /// Zero is a valid cluster that was never used.
  struct Cluster {
    mutable SpinLock lock;
    std::uint16_t used GONZO_GUARDED_BY(lock);  ///< slots that are not free
    std::uint16_t next GONZO_GUARDED_BY(lock);  ///< where the search for a free one goes on
    Place place;                                ///< these: under lists_lock_
    std::uint32_t before, after;
    std::array<std::uint32_t, kClusterSlots> counts GONZO_GUARDED_BY(lock);
    std::array<SlotContent, kClusterSlots> contents GONZO_GUARDED_BY(lock);
  };
  struct FreeDeleter {
    void operator()(Cluster* clusters) const { std::free(clusters); }
  };
  using Clusters = std::unique_ptr<Cluster[], FreeDeleter>;
  struct List {
    std::uint32_t first = kNoCluster, last = kNoCluster;
  };

  SwapArea(FrameAllocator& frames, std::unique_ptr<SwapDevice> device, Clusters clusters,
           unsigned type, int priority);
  Cluster& cluster_of(std::uint64_t slot) const { return clusters_[slot / kClusterSlots]; }
  static std::size_t place_of(std::uint64_t slot) { return slot % kClusterSlots; }
  /// The last one may be smaller.
  std::uint32_t capacity(std::uint32_t number) const;
  /// Makes a slot free whose content is being_freed().
  void finish_free(std::uint64_t slot);
  /// Puts a cluster that nobody has taken where its number of used slots says.
  void file(std::uint32_t number, std::uint16_t used) GONZO_REQUIRES(lists_lock_);
  void append(List& list, std::uint32_t number, Place place) GONZO_REQUIRES(lists_lock_);
  void unlink(List& list, std::uint32_t number) GONZO_REQUIRES(lists_lock_);
  /// What verify() finds.
  struct Census {
    std::uint64_t used = 0, cached = 0, idle = 0;
  };
  std::string verify_cluster(std::uint32_t number, Census& census) const;
  std::string verify_cached(std::uint64_t slot, const Frame& frame) const;
  // The descriptor of a frame in the cache says so, under the cluster's lock.
  void note_cached(std::uint64_t slot, Pfn pfn, std::uint16_t flags);
  void note_erased(Pfn pfn);

  FrameAllocator& frames_;
  std::unique_ptr<SwapDevice> device_;
  const std::uint64_t slots_;
  const unsigned type_;
  const int priority_;
  const Clusters clusters_;
  const std::uint32_t cluster_count_;
  std::atomic<std::uint64_t> used_{0}, cached_{0}, idle_{0};
  std::atomic<std::uint32_t> idle_hand_{0};  ///< the cluster where free_idle goes on
  SwapReadaheadSize readahead_;
  mutable SpinLock lists_lock_;  ///< below a cluster's
  List empty_ GONZO_GUARDED_BY(lists_lock_), partial_ GONZO_GUARDED_BY(lists_lock_);
  std::uint32_t virgin_ GONZO_GUARDED_BY(lists_lock_) = 0;  ///< clusters from here on: never used
};

}  // namespace gonzo

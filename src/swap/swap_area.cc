#include "swap/swap_area.h"

#include <algorithm>
#include <utility>

#include <gonzo/base/check.h>
#include <gonzo/frame/frame_owner.h>

namespace gonzo {

Result<std::unique_ptr<SwapArea>> SwapArea::create(FrameAllocator& frames,
                                                   std::unique_ptr<SwapDevice> device,
                                                   unsigned type, int priority) {
  const std::uint64_t slots = device->slots();
  const std::uint64_t clusters = (slots + kClusterSlots - 1) / kClusterSlots;
  if (slots == 0 || clusters >= kNoCluster) return fail(Errno::kInval);
  // Zeros that cost nothing until they are written to.
  Clusters memory(static_cast<Cluster*>(std::calloc(clusters, sizeof(Cluster))));
  if (memory == nullptr) return fail(Errno::kNoMem);
  return std::unique_ptr<SwapArea>(
      new SwapArea(frames, std::move(device), std::move(memory), type, priority));
}

SwapArea::SwapArea(FrameAllocator& frames, std::unique_ptr<SwapDevice> device, Clusters clusters,
                   unsigned type, int priority)
    : frames_(frames),
      device_(std::move(device)),
      slots_(device_->slots()),
      type_(type),
      priority_(priority),
      clusters_(std::move(clusters)),
      cluster_count_(static_cast<std::uint32_t>((slots_ + kClusterSlots - 1) / kClusterSlots)) {}

SwapArea::~SwapArea() {
  LockGuard lists(lists_lock_);
  for (std::uint32_t i = 0; i < virgin_ && cached() != 0; ++i) {
    Cluster& cluster = clusters_[i];
    LockGuard lock(cluster.lock);
    for (const SlotContent content : cluster.contents) {
      GONZO_ASSERT(content != SlotContent::being_read());
      if (!content.is_frame()) continue;
      note_erased(content.pfn());
      frames_.put(content.pfn());
    }
  }
}

// --- which slots are free ---

std::uint32_t SwapArea::capacity(std::uint32_t number) const {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(kClusterSlots, slots_ - std::uint64_t{number} * kClusterSlots));
}

std::optional<std::uint32_t> SwapArea::take_cluster() {
  LockGuard lock(lists_lock_);
  std::uint32_t number = kNoCluster;
  if (empty_.first != kNoCluster) {
    number = empty_.first;
    unlink(empty_, number);
  } else if (virgin_ < cluster_count_) {
    number = virgin_++;
  } else if (partial_.first != kNoCluster) {
    number = partial_.first;
    unlink(partial_, number);
  } else {
    return std::nullopt;
  }
  clusters_[number].place = Place::kTaken;
  return number;
}

void SwapArea::give_cluster(std::uint32_t number) {
  Cluster& cluster = clusters_[number];
  LockGuard lock(cluster.lock);
  LockGuard lists(lists_lock_);
  cluster.place = Place::kNone;
  file(number, cluster.used);
}

std::size_t SwapArea::allocate(std::uint32_t number, std::span<std::uint64_t> out) {
  Cluster& cluster = clusters_[number];
  const std::uint32_t size = capacity(number);
  std::size_t taken = 0;
  LockGuard lock(cluster.lock);
  std::uint32_t place = cluster.next;
  while (taken < out.size() && cluster.used < size) {
    if (place >= size) place = 0;
    // One of them is free, so this ends.
    while (cluster.counts[place] != 0 || !cluster.contents[place].is_nothing())
      place = place + 1 == size ? 0 : place + 1;
    cluster.counts[place] = 1;
    ++cluster.used;
    out[taken++] = std::uint64_t{number} * kClusterSlots + place++;
  }
  cluster.next = static_cast<std::uint16_t>(place);
  used_.fetch_add(taken, std::memory_order_relaxed);
  return taken;
}

void SwapArea::finish_free(std::uint64_t slot) {
  device_->discard(slot);
  const auto number = static_cast<std::uint32_t>(slot / kClusterSlots);
  Cluster& cluster = clusters_[number];
  LockGuard lock(cluster.lock);
  cluster.contents[place_of(slot)] = {};
  used_.fetch_sub(1, std::memory_order_relaxed);
  const bool was_full = cluster.used-- == capacity(number);
  if (!was_full && cluster.used != 0) return;
  LockGuard lists(lists_lock_);
  if (cluster.place != Place::kTaken) file(number, cluster.used);
}

void SwapArea::file(std::uint32_t number, std::uint16_t used) {
  Cluster& cluster = clusters_[number];
  if (cluster.place == Place::kEmptyList) unlink(empty_, number);
  if (cluster.place == Place::kPartialList) unlink(partial_, number);
  cluster.place = Place::kNone;
  if (used == 0) {
    append(empty_, number, Place::kEmptyList);
  } else if (used < capacity(number)) {
    append(partial_, number, Place::kPartialList);
  }
}

void SwapArea::append(List& list, std::uint32_t number, Place place) {
  Cluster& cluster = clusters_[number];
  cluster.place = place;
  cluster.before = list.last;
  cluster.after = kNoCluster;
  (list.last == kNoCluster ? list.first : clusters_[list.last].after) = number;
  list.last = number;
}

void SwapArea::unlink(List& list, std::uint32_t number) {
  const Cluster& cluster = clusters_[number];
  (cluster.before == kNoCluster ? list.first : clusters_[cluster.before].after) = cluster.after;
  (cluster.after == kNoCluster ? list.last : clusters_[cluster.after].before) = cluster.before;
}

// --- counts ---

void SwapArea::duplicate(std::uint64_t slot, std::uint32_t n) {
  Cluster& cluster = cluster_of(slot);
  LockGuard lock(cluster.lock);
  std::uint32_t& count = cluster.counts[place_of(slot)];
  GONZO_CHECK((count != 0 || cluster.contents[place_of(slot)].is_frame()) && count + n >= n);
  if (count == 0) idle_.fetch_sub(1, std::memory_order_relaxed);
  count += n;
}

SwapSpace::SlotState SwapArea::free(std::uint64_t slot, std::uint32_t n) {
  {
    Cluster& cluster = cluster_of(slot);
    LockGuard lock(cluster.lock);
    std::uint32_t& count = cluster.counts[place_of(slot)];
    SlotContent& content = cluster.contents[place_of(slot)];
    GONZO_CHECK(count >= n);
    count -= n;
    if (count != 0) return SwapSpace::SlotState::kUsed;
    if (content.is_frame()) idle_.fetch_add(1, std::memory_order_relaxed);
    if (content.is_cached()) return SwapSpace::SlotState::kCached;
    content = SlotContent::being_freed();
  }
  finish_free(slot);
  return SwapSpace::SlotState::kFree;
}

std::uint32_t SwapArea::count(std::uint64_t slot) const {
  if (slot >= slots_) return 0;
  const Cluster& cluster = cluster_of(slot);
  LockGuard lock(cluster.lock);
  return cluster.counts[place_of(slot)];
}

// --- the cache ---

void SwapArea::note_cached(std::uint64_t slot, Pfn pfn, std::uint16_t flags) {
  Frame& frame = frames_.frame(pfn);
  if (frame.state != FrameState::kAnonymous) return;
  set_frame_swap_slot(frame, pack({type_, slot}));
  // Who sees the flag is to see the slot.
  frame.flags.fetch_or(frame_flags::kSwapCached | flags, std::memory_order_release);
}

void SwapArea::note_erased(Pfn pfn) {
  frames_.frame(pfn).clear(frame_flags::kSwapCached | frame_flags::kUnwritten);
}

Result<void> SwapArea::insert(std::uint64_t slot, Pfn pfn) {
  Cluster& cluster = cluster_of(slot);
  LockGuard lock(cluster.lock);
  SlotContent& content = cluster.contents[place_of(slot)];
  if (content.is_cached()) return fail(Errno::kExist);
  GONZO_CHECK(cluster.counts[place_of(slot)] != 0);
  frames_.get(pfn);
  content = SlotContent::of(pfn);
  note_cached(slot, pfn, frame_flags::kUnwritten);
  cached_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

std::optional<Pfn> SwapArea::find(std::uint64_t slot) const {
  const Cluster& cluster = cluster_of(slot);
  LockGuard lock(cluster.lock);
  const SlotContent content = cluster.contents[place_of(slot)];
  if (!content.is_frame()) return std::nullopt;
  frames_.get(content.pfn());
  return content.pfn();
}

bool SwapArea::is_cached(std::uint64_t slot) const {
  const Cluster& cluster = cluster_of(slot);
  LockGuard lock(cluster.lock);
  return cluster.contents[place_of(slot)].is_cached();
}

bool SwapArea::erase(std::uint64_t slot, Pfn pfn, std::uint64_t shadow, EraseIf condition) {
  GONZO_CHECK(shadow < SlotContent::kShadowEnd);
  bool is_last = false;
  {
    Cluster& cluster = cluster_of(slot);
    LockGuard lock(cluster.lock);
    SlotContent& content = cluster.contents[place_of(slot)];
    if (content != SlotContent::of(pfn)) return false;
    is_last = cluster.counts[place_of(slot)] == 0;
    if (!is_last && condition == EraseIf::kUnused) return false;
    content = is_last ? SlotContent::being_freed() : SlotContent::of_shadow(shadow);
    note_erased(pfn);
    cached_.fetch_sub(1, std::memory_order_relaxed);
    if (is_last) idle_.fetch_sub(1, std::memory_order_relaxed);
  }
  frames_.put(pfn);
  if (is_last) finish_free(slot);
  return true;
}

bool SwapArea::claim(std::uint64_t slot, Pfn pfn) {
  Cluster& cluster = cluster_of(slot);
  LockGuard lock(cluster.lock);
  if (cluster.contents[place_of(slot)] != SlotContent::of(pfn)) return false;
  if (cluster.counts[place_of(slot)]++ == 0) idle_.fetch_sub(1, std::memory_order_relaxed);
  frames_.get(pfn);
  return true;
}

std::size_t SwapArea::free_idle(std::size_t wanted) {
  std::uint32_t clusters = 0;
  {
    LockGuard lists(lists_lock_);
    clusters = virgin_;
  }
  std::size_t freed = 0;
  for (std::uint32_t looked = 0; looked < clusters && freed < wanted && idle() != 0; ++looked) {
    const std::uint32_t number = idle_hand_.fetch_add(1, std::memory_order_relaxed) % clusters;
    std::array<Pfn, kClusterSlots> idle;
    {
      const Cluster& cluster = clusters_[number];
      LockGuard lock(cluster.lock);
      for (std::size_t i = 0; i < kClusterSlots; ++i) {
        const bool is_idle = cluster.counts[i] == 0 && cluster.contents[i].is_frame();
        idle[i] = is_idle ? cluster.contents[i].pfn() : Pfn::none();
      }
    }
    for (std::size_t i = 0; i < kClusterSlots && freed < wanted; ++i) {
      if (idle[i].is_none()) continue;
      const std::uint64_t slot = std::uint64_t{number} * kClusterSlots + i;
      freed += erase(slot, idle[i], 0, EraseIf::kUnused) ? 1 : 0;
    }
  }
  return freed;
}

SwapArea::Started SwapArea::start(std::uint64_t slot, SwapSpace::Lookup& found,
                                  const std::atomic<std::uint32_t>& finished,
                                  std::uint32_t& generation) {
  Cluster& cluster = cluster_of(slot);
  LockGuard lock(cluster.lock);
  SlotContent& content = cluster.contents[place_of(slot)];
  if (content.is_frame()) {
    frames_.get(content.pfn());
    found.pfn = content.pfn();
    return Started::kCached;
  }
  if (content == SlotContent::being_read()) {
    generation = finished.load(std::memory_order_relaxed);
    return Started::kBeingRead;
  }
  if (cluster.counts[place_of(slot)] == 0) return Started::kFree;
  found.shadow = content.shadow();
  content = SlotContent::being_read();
  return Started::kStarted;
}

bool SwapArea::try_start(std::uint64_t slot) {
  Cluster& cluster = cluster_of(slot);
  LockGuard lock(cluster.lock);
  SlotContent& content = cluster.contents[place_of(slot)];
  if (content.is_cached() || cluster.counts[place_of(slot)] == 0) return false;
  content = SlotContent::being_read();
  return true;
}

bool SwapArea::finish(std::uint64_t slot, Result<Pfn> result) {
  {
    Cluster& cluster = cluster_of(slot);
    LockGuard lock(cluster.lock);
    SlotContent& content = cluster.contents[place_of(slot)];
    GONZO_CHECK(content == SlotContent::being_read());
    if (cluster.counts[place_of(slot)] != 0) {
      content = {};
      if (!result) return false;
      frames_.get(*result);
      content = SlotContent::of(*result);
      note_cached(slot, *result, 0);
      cached_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    content = SlotContent::being_freed();
  }
  finish_free(slot);
  return false;
}

void SwapArea::set_shadow(std::uint64_t slot, std::uint64_t shadow) {
  GONZO_CHECK(shadow < SlotContent::kShadowEnd);
  Cluster& cluster = cluster_of(slot);
  LockGuard lock(cluster.lock);
  SlotContent& content = cluster.contents[place_of(slot)];
  if (content.is_cached() || cluster.counts[place_of(slot)] == 0) return;
  content = SlotContent::of_shadow(shadow);
}

std::uint64_t SwapArea::shadow(std::uint64_t slot) const {
  const Cluster& cluster = cluster_of(slot);
  LockGuard lock(cluster.lock);
  return cluster.contents[place_of(slot)].shadow();
}

bool SwapArea::is_only_on_device(std::uint64_t slot) const {
  const Cluster& cluster = cluster_of(slot);
  LockGuard lock(cluster.lock);
  return cluster.counts[place_of(slot)] != 0 && !cluster.contents[place_of(slot)].is_cached();
}

}  // namespace gonzo

#include <algorithm>
#include <utility>

#include "swap/swap_area.h"
#include <gonzo/base/check.h>
#include <gonzo/base/thread_number.h>
#include <gonzo/frame/frame_owner.h>
#include <gonzo/swap/swap_space.h>

namespace gonzo {

SwapSpace::SwapSpace(FrameAllocator& frames) : frames_(frames) {}

SwapSpace::~SwapSpace() {
  for (const auto& area : areas_) delete area.load();
}

SwapArea* SwapSpace::find_area(SwapSlot slot) const {
  if (slot.type >= kMaxSwapDevices) return nullptr;
  return areas_[slot.type].load(std::memory_order_acquire);
}

SwapArea& SwapSpace::area(SwapSlot slot) const {
  SwapArea* const found = find_area(slot);
  GONZO_CHECK(found != nullptr && slot.offset < found->slots());
  return *found;
}

std::vector<SwapArea*> SwapSpace::all_areas() const {
  std::vector<SwapArea*> all;
  for (unsigned type = 0; type < kMaxSwapDevices; ++type) {
    if (SwapArea* const area = find_area({.type = type})) all.push_back(area);
  }
  return all;
}

bool SwapSpace::has_free() const {
  return std::ranges::any_of(areas_, [](const std::atomic<SwapArea*>& each) {
    const SwapArea* const area = each.load(std::memory_order_acquire);
    return area != nullptr && (area->used() < area->slots() || area->idle() != 0);
  });
}

SwapSpace::Usage SwapSpace::usage() const {
  Usage sum;
  for (const auto& each : areas_) {
    const SwapArea* const area = each.load(std::memory_order_acquire);
    if (area == nullptr) continue;
    sum.slots += area->slots();
    sum.used += area->used();
  }
  return sum;
}

bool SwapSpace::is_half_full() const {
  const Usage now = usage();
  return now.used * 2 > now.slots;
}

// --- areas ---

Result<unsigned> SwapSpace::add(std::unique_ptr<SwapDevice> device, std::optional<int> priority) {
  LockGuard change(change_lock_);
  unsigned type = 0;
  while (type < kMaxSwapDevices && find_area({.type = type}) != nullptr) ++type;
  if (type == kMaxSwapDevices) return fail(Errno::kPerm);
  const int rank = priority.value_or(least_priority_ - 1);
  GONZO_ASSIGN(auto created, SwapArea::create(frames_, std::move(device), type, rank));
  if (!priority) least_priority_ = rank;
  SwapArea* const area = created.release();
  areas_[type].store(area, std::memory_order_release);
  area_count_.fetch_add(1, std::memory_order_relaxed);
  enter(*area);
  return type;
}

void SwapSpace::enter(SwapArea& area) {
  LockGuard lock(order_lock_);
  const auto end = order_.begin() + static_cast<std::ptrdiff_t>(order_size_);
  const auto place = std::find_if(order_.begin(), end, [&](const SwapArea* other) {
    return other->priority() < area.priority();
  });
  std::copy_backward(place, end, end + 1);
  *place = &area;
  ++order_size_;
}

void SwapSpace::withdraw(const SwapArea& area) {
  {
    LockGuard lock(order_lock_);
    const auto end = order_.begin() + static_cast<std::ptrdiff_t>(order_size_);
    std::copy(std::find(order_.begin(), end, &area) + 1, end,
              std::find(order_.begin(), end, &area));
    --order_size_;
  }
  // Who took a cluster of it before holds his stream's lock until he has put it there.
  for (Stream& stream : streams_) {
    LockGuard lock(stream.lock);
    if (stream.area != &area) continue;
    stream.area->give_cluster(stream.cluster);
    stream.area = nullptr;
  }
}

Result<std::unique_ptr<SwapDevice>> SwapSpace::remove(unsigned type) {
  LockGuard change(change_lock_);
  SwapArea* const area = find_area({.type = type});
  if (area == nullptr) return fail(Errno::kInval);
  withdraw(*area);
  if (area->used() != 0) {
    enter(*area);
    return fail(Errno::kBusy);
  }
  areas_[type].store(nullptr, std::memory_order_release);
  area_count_.fetch_sub(1, std::memory_order_relaxed);
  auto device = area->take_device();
  delete area;
  return device;
}

// --- slots ---

Result<SwapSlot> SwapSpace::allocate() {
  SwapSlot slot;
  GONZO_TRY(allocate(std::span(&slot, 1)));
  return slot;
}

Result<std::size_t> SwapSpace::allocate(std::span<SwapSlot> out) {
  const std::size_t own = thread_number() % kStreams;
  std::size_t taken = allocate_from(streams_[own], out);
  // What is left may lie in other threads' clusters.
  for (std::size_t i = 1; i < kStreams && taken < out.size(); ++i) {
    taken += allocate_from(streams_[(own + i) % kStreams], out.subspan(taken));
  }
  if (taken == 0 && !out.empty()) return fail(Errno::kNoSpc);
  return taken;
}

std::size_t SwapSpace::allocate_from(Stream& stream, std::span<SwapSlot> out) {
  std::array<std::uint64_t, SwapArea::kClusterSlots> offsets;
  std::size_t taken = 0;
  LockGuard lock(stream.lock);
  do {
    if (stream.area == nullptr) continue;
    const std::size_t got = stream.area->allocate(
        stream.cluster, std::span(offsets).first(std::min(out.size() - taken, offsets.size())));
    for (std::size_t i = 0; i < got; ++i) out[taken++] = {stream.area->type(), offsets[i]};
  } while (taken < out.size() && move_on(stream));
  return taken;
}

bool SwapSpace::move_on(Stream& stream) {
  if (stream.area != nullptr) stream.area->give_cluster(stream.cluster);
  stream.area = nullptr;
  LockGuard lock(order_lock_);
  const auto end = order_.begin() + static_cast<std::ptrdiff_t>(order_size_);
  for (auto it = order_.begin(); it != end; ++it) {
    SwapArea* const area = *it;
    const auto cluster = area->take_cluster();
    if (!cluster) continue;
    stream.area = area;
    stream.cluster = *cluster;
    // The others of its priority come first next time (Linux: plist_requeue).
    const auto next = std::find_if(
        it, end, [&](const SwapArea* other) { return other->priority() < area->priority(); });
    std::rotate(it, it + 1, next);
    return true;
  }
  return false;
}

void SwapSpace::duplicate(SwapSlot slot, std::uint32_t n) { area(slot).duplicate(slot.offset, n); }

SwapSpace::SlotState SwapSpace::free(SwapSlot slot, std::uint32_t n) {
  return area(slot).free(slot.offset, n);
}

/// Whose count goes to 0 with the cluster's lock held looks for entries afterwards, and whose entry
/// goes looks at the count afterwards: one of them sees that it was the last.
void SwapSpace::forget(SwapSlot slot) {
  if (free(slot) != SlotState::kCached) return;
  if (const auto cached = find(slot)) {
    const Frame& frame = frames_.frame(*cached);
    const bool in_use = frame.state == FrameState::kAnonymous && frame.maps.load() != 0;
    if (!in_use) erase_unused(slot, *cached);
    frames_.put(*cached);
  }
}

void SwapSpace::make_room(std::size_t wanted) {
  const Usage now = usage();
  std::uint64_t found = now.slots - now.used;
  if (found >= wanted) return;
  for (SwapArea* area : all_areas()) {
    if (found >= wanted) return;
    found += area->free_idle(wanted - found);
  }
}

std::uint32_t SwapSpace::count(SwapSlot slot) const {
  const SwapArea* const area = find_area(slot);
  return area == nullptr ? 0 : area->count(slot.offset);
}

// --- the cache ---

Result<void> SwapSpace::insert(SwapSlot slot, Pfn pfn) {
  return area(slot).insert(slot.offset, pfn);
}

std::optional<Pfn> SwapSpace::find(SwapSlot slot) const { return area(slot).find(slot.offset); }

bool SwapSpace::is_cached(SwapSlot slot) const { return area(slot).is_cached(slot.offset); }

bool SwapSpace::erase(SwapSlot slot, Pfn pfn, std::uint64_t shadow) {
  return area(slot).erase(slot.offset, pfn, shadow, SwapArea::EraseIf::kAny);
}

bool SwapSpace::erase_unused(SwapSlot slot, Pfn pfn) {
  return area(slot).erase(slot.offset, pfn, 0, SwapArea::EraseIf::kUnused);
}

/// What it says may be old, or a freed frame's: to be checked under the cluster's lock.
std::optional<SwapSlot> SwapSpace::noted_slot(Pfn pfn) const {
  const Frame& frame = frames_.frame(pfn);
  if (!frame.has(frame_flags::kSwapCached)) return std::nullopt;
  const SwapSlot slot = unpack_swap_slot(frame_swap_slot(frame));
  const SwapArea* const area = find_area(slot);
  if (area == nullptr || slot.offset >= area->slots()) return std::nullopt;
  return slot;
}

bool SwapSpace::release(Pfn pfn) {
  const auto slot = noted_slot(pfn);
  return slot && erase_unused(*slot, pfn);
}

std::optional<SwapSlot> SwapSpace::claim(Pfn pfn) {
  const auto slot = noted_slot(pfn);
  return slot && area(*slot).claim(slot->offset, pfn) ? slot : std::nullopt;
}

std::atomic<std::uint32_t>& SwapSpace::wait_queue(SwapSlot slot) {
  return reads_finished_[(slot.offset ^ slot.type) % kWaitQueues];
}

Result<SwapSpace::Lookup> SwapSpace::look_up_or_start(SwapSlot slot) {
  SwapArea& from = area(slot);
  const std::atomic<std::uint32_t>& finished = wait_queue(slot);
  for (;;) {
    Lookup found;
    std::uint32_t generation = 0;
    switch (from.start(slot.offset, found, finished, generation)) {
      case SwapArea::Started::kCached:
        return found;
      case SwapArea::Started::kStarted:
        found.kind = Lookup::Kind::kStarted;
        return found;
      case SwapArea::Started::kFree:
        return fail(Errno::kNoEnt);
      case SwapArea::Started::kBeingRead:
        finished.wait(generation, std::memory_order_acquire);
        break;
    }
  }
}

bool SwapSpace::try_start(SwapSlot slot) {
  if (!area(slot).try_start(slot.offset)) return false;
  read_ahead_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool SwapSpace::finish_read(SwapSlot slot, Result<Pfn> result) {
  const bool is_cached = area(slot).finish(slot.offset, result);
  std::atomic<std::uint32_t>& finished = wait_queue(slot);
  finished.fetch_add(1, std::memory_order_release);
  finished.notify_all();
  return is_cached;
}

void SwapSpace::set_shadow(SwapSlot slot, std::uint64_t shadow) {
  area(slot).set_shadow(slot.offset, shadow);
}

std::uint64_t SwapSpace::shadow(SwapSlot slot) const { return area(slot).shadow(slot.offset); }

std::string SwapSpace::verify() const {
  for (const SwapArea* area : all_areas()) {
    if (std::string wrong = area->verify(); !wrong.empty())
      return area->device().name() + ": " + wrong;
  }
  return {};
}

}  // namespace gonzo

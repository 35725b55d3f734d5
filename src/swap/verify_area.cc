#include <fmt/format.h>

#include <vector>

#include "swap/swap_area.h"
#include <gonzo/frame/frame_owner.h>

namespace gonzo {

/// A frame that is in the cache.
std::string SwapArea::verify_cached(std::uint64_t slot, const Frame& frame) const {
  if (frame.refs.load() < 1) return fmt::format("slot {}: its frame in the cache is free", slot);
  if (frame.state != FrameState::kAnonymous) return {};
  if (!frame.has(frame_flags::kSwapCached) || frame_swap_slot(frame) != pack({type_, slot}))
    return fmt::format("slot {}: its frame in the cache does not say so", slot);
  return {};
}

std::string SwapArea::verify_cluster(std::uint32_t number, Census& census) const {
  const Cluster& cluster = clusters_[number];
  LockGuard lock(cluster.lock);
  const std::uint32_t size = capacity(number);
  std::uint32_t found = 0;
  for (std::uint32_t i = 0; i < kClusterSlots; ++i) {
    const SlotContent content = cluster.contents[i];
    const std::uint64_t slot = std::uint64_t{number} * kClusterSlots + i;
    if (cluster.counts[i] == 0 && content.is_nothing()) continue;
    ++found;
    if (i >= size) return fmt::format("slot {} is beyond the area's end", slot);
    if (cluster.counts[i] == 0 && !content.is_cached())
      return fmt::format("slot {} is neither free nor used", slot);
    if (!content.is_frame()) continue;
    ++census.cached;
    census.idle += cluster.counts[i] == 0 ? 1 : 0;
    if (!frames_.contains(content.pfn()))
      return fmt::format("slot {}: no frame {} for the cache", slot, content.pfn().value);
    if (std::string wrong = verify_cached(slot, frames_.frame(content.pfn())); !wrong.empty())
      return wrong;
  }
  census.used += found;
  if (found != cluster.used)
    return fmt::format("cluster {}: {} slots are used, counted {}", number, found, cluster.used);
  const Place place = cluster.place;
  const bool is_right = place == Place::kTaken || (place == Place::kEmptyList && found == 0) ||
                        (place == Place::kPartialList && found != 0 && found != size) ||
                        (place == Place::kNone && found == size);
  if (!is_right)
    return fmt::format("cluster {} with {} used slots is in the wrong list", number, found);
  return {};
}

std::string SwapArea::verify() const {
  std::uint32_t touched = 0;
  std::vector<std::uint8_t> listed(cluster_count_, 0);
  {
    LockGuard lists(lists_lock_);
    touched = virgin_;
    for (const List* list : {&empty_, &partial_}) {
      std::uint32_t before = kNoCluster;
      for (std::uint32_t i = list->first; i != kNoCluster; before = i, i = clusters_[i].after) {
        if (i >= virgin_ || listed[i]++ != 0)
          return fmt::format("cluster {} is in a list twice", i);
        if (clusters_[i].before != before) return fmt::format("cluster {}: broken list", i);
      }
      if (list->last != before) return "a list's end is wrong";
    }
  }
  Census census;
  for (std::uint32_t i = 0; i < touched; ++i) {
    if (std::string wrong = verify_cluster(i, census); !wrong.empty()) return wrong;
    const Place place = clusters_[i].place;
    const bool should_be_listed = place == Place::kEmptyList || place == Place::kPartialList;
    if (should_be_listed != (listed[i] != 0)) return fmt::format("cluster {} is not listed", i);
  }
  if (census.used != used())
    return fmt::format("{} slots are used, counted {}", census.used, used());
  if (census.cached != cached())
    return fmt::format("{} frames are cached, counted {}", census.cached, cached());
  if (census.idle != idle())
    return fmt::format("{} slots are idle, counted {}", census.idle, idle());
  return {};
}

}  // namespace gonzo

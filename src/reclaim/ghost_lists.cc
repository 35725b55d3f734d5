#include "reclaim/ghost_lists.h"

#include <fmt/format.h>

#include <gonzo/base/check.h>

namespace gonzo {

GhostLists::GhostLists(std::uint32_t most) : nodes_(std::size_t{most} + kMostLists) {
  for (List list = 0; list < kMostLists; ++list) nodes_[list].prev = nodes_[list].next = list;
}

Shadow GhostLists::remember(List list) {
  if (free_ == 0 && virgin_ == nodes_.size()) {
    if (sizes_[list] == 0) return stranger();
    drop_last(list);
  }
  std::uint32_t place = free_;
  if (place != 0) {
    free_ = nodes_[place].next;
  } else {
    place = virgin_++;
  }
  Node& ghost = nodes_[place];
  ghost.list = list;
  ghost.prev = list;
  ghost.next = nodes_[list].next;
  nodes_[ghost.next].prev = place;
  nodes_[list].next = place;
  ++sizes_[list];
  return Shadow{std::uint64_t{ghost.generation} << kGenerationShift | place};
}

std::optional<GhostLists::List> GhostLists::recall(Shadow shadow) {
  const auto place = static_cast<std::uint32_t>(shadow.word);
  if (place < kMostLists || place >= virgin_) return std::nullopt;
  const Node& ghost = nodes_[place];
  if (ghost.list == kNowhere || ghost.generation != shadow.word >> kGenerationShift) {
    return std::nullopt;
  }
  const List list = ghost.list;
  unlink(place);
  return list;
}

void GhostLists::drop_last(List list) {
  GONZO_ASSERT(sizes_[list] != 0);
  unlink(nodes_[list].prev);
}

void GhostLists::unlink(std::uint32_t place) {
  Node& ghost = nodes_[place];
  nodes_[ghost.prev].next = ghost.next;
  nodes_[ghost.next].prev = ghost.prev;
  --sizes_[ghost.list];
  ghost.list = kNowhere;
  ghost.generation = (ghost.generation + 1) & kGenerationMask;
  ghost.next = free_;
  free_ = place;
}

std::string GhostLists::verify() const {
  std::uint64_t places = 0;
  for (List list = 0; list < kMostLists; ++list) {
    std::uint32_t behind = list, found = 0;
    for (std::uint32_t at = nodes_[list].next; at != list; at = nodes_[at].next) {
      if (at < kMostLists || at >= virgin_ || nodes_[at].prev != behind ||
          nodes_[at].list != list || ++found > sizes_[list]) {
        return fmt::format("ghost list {} is broken at {}", list, at);
      }
      behind = at;
    }
    if (found != sizes_[list]) return fmt::format("ghost list {}: its size is wrong", list);
    places += found;
  }
  for (std::uint32_t at = free_; at != 0; at = nodes_[at].next) {
    if (nodes_[at].list != kNowhere || ++places > virgin_) return "the free ghosts are broken";
  }
  if (places != virgin_ - kMostLists) return "ghosts are lost";
  return {};
}

}  // namespace gonzo

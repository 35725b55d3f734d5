#include "reclaim/frame_lists.h"

#include <fmt/format.h>

namespace gonzo {

FrameLists::FrameLists(std::uint32_t frames, List lists)
    : frames_(frames), lists_(lists), nodes_(std::size_t{frames} + lists) {
  GONZO_CHECK(lists <= kMostLists && frames <= kNone - kMostLists);
  for (List list = 0; list < lists; ++list) {
    nodes_[head(list)].prev = nodes_[head(list)].next = head(list);
    latest_[list].fill(head(list));
  }
}

void FrameLists::meet(std::uint32_t frame, PageKind kind) {
  GONZO_CHECK(frame < frames_ && node(frame).place == Place::kUnknown);
  Node& met = node(frame);
  met = Node{.later = frame};
  met.place = Place::kLoose;
  met.kind = kind;
  ++loose_[static_cast<unsigned>(kind)];
}

void FrameLists::forget(std::uint32_t frame) {
  GONZO_CHECK(frame < frames_ && node(frame).place == Place::kLoose);
  node(frame).place = Place::kUnknown;
  --loose_[static_cast<unsigned>(kind(frame))];
}

void FrameLists::link(List list, std::uint32_t next, std::uint32_t frame) {
  Node& inserted = node(frame);
  GONZO_CHECK(inserted.place == Place::kLoose);
  GONZO_ASSERT(list < lists_);
  inserted.place = Place::kListed;
  inserted.used = false;
  inserted.list = static_cast<std::uint8_t>(list);
  inserted.next = next;
  inserted.prev = nodes_[next].prev;
  nodes_[inserted.prev].next = frame;
  nodes_[next].prev = frame;
  const auto kind = static_cast<unsigned>(inserted.kind);
  ++sizes_[list][kind];
  --loose_[kind];
  ++listed_;
}

void FrameLists::remove(std::uint32_t frame) {
  Node& removed = node(frame);
  GONZO_CHECK(removed.place == Place::kListed);
  removed.place = Place::kLoose;
  nodes_[removed.prev].next = removed.next;
  nodes_[removed.next].prev = removed.prev;
  const auto kind = static_cast<unsigned>(removed.kind);
  --sizes_[removed.list][kind];
  ++loose_[kind];
  --listed_;
}

std::string FrameLists::verify_list(List list) const {
  std::array<std::uint32_t, 2> found{};
  std::uint32_t behind = head(list);
  for (std::uint32_t at = nodes_[behind].next; at != head(list); at = nodes_[at].next) {
    if (at >= frames_) return fmt::format("list {} runs into another's head", list);
    const Node& here = nodes_[at];
    if (here.prev != behind) return fmt::format("frame {}: links disagree", at);
    if (here.place != Place::kListed || here.list != list) {
      return fmt::format("frame {} is in list {} but does not say so", at, list);
    }
    ++found[static_cast<unsigned>(here.kind)];
    if (found[0] + found[1] > frames_) return fmt::format("list {} has a loop", list);
    behind = at;
  }
  if (nodes_[head(list)].prev != behind) return fmt::format("list {}: its back is wrong", list);
  if (found != sizes_[list]) return fmt::format("list {}: its sizes are wrong", list);
  return {};
}

std::string FrameLists::verify() const {
  std::uint64_t in_lists = 0;
  for (List list = 0; list < lists_; ++list) {
    if (std::string wrong = verify_list(list); !wrong.empty()) return wrong;
    in_lists += size(list);
  }
  std::uint64_t listed = 0;
  std::array<std::uint32_t, 2> loose{};
  for (std::uint32_t frame = 0; frame < frames_; ++frame) {
    if (place(frame) == Place::kListed) ++listed;
    if (place(frame) == Place::kLoose) ++loose[static_cast<unsigned>(kind(frame))];
  }
  if (listed != in_lists || listed != listed_) return "a frame says that it is listed and is not";
  if (loose != loose_) return "the counts of frames in no list are wrong";
  return {};
}

}  // namespace gonzo

// Lists of frames, linked by frame number: at most one list holds a frame.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "reclaim/zeroed_array.h"
#include <gonzo/base/check.h>
#include <gonzo/reclaim/page_kind.h>

namespace gonzo {

/// 16 bytes a frame, untouched until the frame is first known. Each list is a ring through a node
/// of its own, so linking needs no branch. Front is where pages come in, back where they leave.
///
/// Frames stand in memory's order in no list, so a walk would wait for the memory at each step.
/// Each frame keeps the one that came to the front some steps after it: walks from the back fetch
/// that one ahead of need. It is a hint: when it is out of date, the walk waits.
class FrameLists {
 public:
  using List = unsigned;
  static constexpr std::uint32_t kNone = 0xffffffffU;
  static constexpr List kMostLists = 32;

  FrameLists(std::uint32_t frames, List lists);

  std::uint32_t frames() const { return frames_; }
  List lists() const { return lists_; }

  enum class Place : std::uint8_t { kUnknown = 0, kListed, kLoose };
  /// kLoose: known and in no list: isolated, or on its way from one to another.
  Place place(std::uint32_t frame) const { return node(frame).place; }
  bool knows(std::uint32_t frame) const { return place(frame) != Place::kUnknown; }
  PageKind kind(std::uint32_t frame) const { return node(frame).kind; }
  /// Of a loose frame: the last, or 0.
  List list_of(std::uint32_t frame) const { return node(frame).list; }
  /// One byte for the policy, zero when the frame becomes known.
  std::uint8_t& mark(std::uint32_t frame) { return node(frame).mark; }
  std::uint8_t mark(std::uint32_t frame) const { return node(frame).mark; }

  /// Notes that a loose frame was used, until it is listed again.
  void use(std::uint32_t frame) { node(frame).used = true; }
  bool used(std::uint32_t frame) const { return node(frame).used; }

  /// Unknown to loose.
  void meet(std::uint32_t frame, PageKind kind);
  /// Loose to unknown.
  void forget(std::uint32_t frame);

  void push_front(List list, std::uint32_t frame) {
    std::uint32_t& earlier = latest_[list][pushes_[list]++ % kAhead];
    nodes_[earlier].later = frame;
    earlier = frame;
    link(list, nodes_[head(list)].next, frame);
  }
  void push_back(List list, std::uint32_t frame) { link(list, head(list), frame); }
  /// Puts a loose frame behind `other`, which is listed: nearer to the back.
  void push_behind(std::uint32_t other, std::uint32_t frame) {
    link(list_of(other), node(other).next, frame);
  }
  /// Listed to loose.
  void remove(std::uint32_t frame);

  /// kNone at the ends.
  std::uint32_t front(List list) const { return frame_at(nodes_[head(list)].next); }
  std::uint32_t back(List list) const { return fetching_ahead(nodes_[head(list)].prev); }
  std::uint32_t ahead_of(std::uint32_t frame) const { return fetching_ahead(node(frame).prev); }

  std::uint32_t size(List list) const { return size(list, kAnon) + size(list, kFile); }
  std::uint32_t size(List list, PageKind kind) const {
    return sizes_[list][static_cast<unsigned>(kind)];
  }
  std::uint64_t listed() const { return listed_; }
  std::uint32_t loose(PageKind kind) const { return loose_[static_cast<unsigned>(kind)]; }
  std::size_t bytes() const { return nodes_.bytes(); }
  /// Empty, or what is wrong: links, counts, frames in no list or in two.
  std::string verify() const;

 private:
  static constexpr PageKind kAnon = PageKind::kAnonymous, kFile = PageKind::kFile;
  struct Node {
    std::uint32_t prev, next;
    Place place;
    std::uint8_t list;
    PageKind kind : 1;
    bool used : 1;  ///< while loose
    std::uint8_t mark;
    std::uint32_t later;  ///< in front of this one by kAhead, when it came
  };
  static_assert(sizeof(Node) == 16);  // four in a cache line, and none across two
  static constexpr unsigned kAhead = 8;

  std::uint32_t head(List list) const { return frames_ + list; }
  std::uint32_t frame_at(std::uint32_t node) const { return node < frames_ ? node : kNone; }
  std::uint32_t fetching_ahead(std::uint32_t at) const {
    __builtin_prefetch(&nodes_[nodes_[at].later], 1);
    return frame_at(at);
  }
  Node& node(std::uint32_t frame) {
    GONZO_ASSERT(frame < frames_);
    return nodes_[frame];
  }
  const Node& node(std::uint32_t frame) const {
    GONZO_ASSERT(frame < frames_);
    return nodes_[frame];
  }
  /// Before the node `next`, as the lists are read from front to back.
  void link(List list, std::uint32_t next, std::uint32_t frame);
  std::string verify_list(List list) const;

  std::uint32_t frames_;
  List lists_;
  ZeroedArray<Node> nodes_;  ///< frames, then the lists' heads
  std::array<std::array<std::uint32_t, 2>, kMostLists> sizes_{};
  std::array<std::array<std::uint32_t, kAhead>, kMostLists> latest_;  ///< to come to the front
  std::array<unsigned, kMostLists> pushes_{};
  std::array<std::uint32_t, 2> loose_{};
  std::uint64_t listed_ = 0;
};

}  // namespace gonzo

// What the policies share: lists of frames, the states that a page goes through, and the figures.
#pragma once

#include "reclaim/frame_lists.h"
#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo {

/// A policy derives from this and fills in the protected hooks; docs/writing-a-policy.md shows how.
/// Hooks are called with their preconditions checked; a page handed to one is loose (in no list)
/// or listed as the hook says.
class ListedPolicy : public ReclaimPolicy {
 public:
  void added(std::uint32_t frame, PageKind kind, Shadow returning) final;
  void accessed(std::uint32_t frame) final;
  void removed(std::uint32_t frame) final;
  void cooled(std::uint32_t frame) final;
  void written(std::uint32_t frame) final;

  ScanPass begin(const ScanRequest& request) override;
  std::size_t isolate(ScanPass& pass, std::span<std::uint32_t> out) final;
  Verdict judge(std::uint32_t frame, References references) final;
  bool take(std::uint32_t frame) final;
  Shadow evicted(std::uint32_t frame, Eviction how) final;
  void kept(std::uint32_t frame, Kept why) final;

  bool knows(std::uint32_t frame) const final { return lists_.knows(frame); }
  std::string whereabouts(std::uint32_t frame) const final;
  std::string_view name() const final { return name_; }
  PolicyStats stats() const override;
  std::size_t bytes() const override { return lists_.bytes(); }
  std::string verify() const override { return lists_.verify(); }

 protected:
  /// `name` outlives the policy.
  ListedPolicy(std::string_view name, std::uint32_t frames, FrameLists::List lists)
      : name_(name), lists_(frames, lists) {}

  /// A loose page came into memory: put it into a list.
  virtual void enter(std::uint32_t frame, Shadow returning) = 0;
  /// A listed page was used.
  virtual void hit(std::uint32_t frame) = 0;
  /// The listed page to look at next, or FrameLists::kNone: the pass, or this batch of it, is over.
  /// The default goes from the back of list 0, as far as `pass.left[0]` allows.
  virtual std::uint32_t next(ScanPass& pass);
  /// Whether a loose page goes; to stay, it must be put into a list here. The default keeps those
  /// that were used, by put_back(frame, Kept::kReferenced).
  virtual Verdict decide(std::uint32_t frame, References references);
  /// A loose page stays: put it into a list.
  virtual void put_back(std::uint32_t frame, Kept why) = 0;
  /// A loose page leaves memory, and is unknown after this call. The default's shadow is the number
  /// of this eviction.
  virtual Shadow leave(std::uint32_t frame, Eviction how);
  /// A listed page is about to be removed or isolated: for policies that hold on to places in
  /// lists.
  virtual void unlink(std::uint32_t /*frame*/) {}
  /// What people are told of a listed page's place.
  virtual std::string place_name(std::uint32_t /*frame*/) const { return "listed"; }
  virtual void cool(std::uint32_t /*frame*/) {}
  virtual void clean(std::uint32_t /*frame*/) {}

  /// The last that may leave. Takes one from `budget` for each that it looks at, passing over (to
  /// the front) anonymous pages when there is no swap.
  std::uint32_t next_from_back(FrameLists::List list, const ScanRequest& request,
                               std::uint64_t& budget);
  static bool may_leave(PageKind kind, const ScanRequest& request) {
    return kind == PageKind::kFile || request.swap == SwapRoom::kAvailable;
  }

  /// Pages known, isolated ones included: memory's size, when it is full.
  std::uint64_t resident() const {
    return lists_.listed() + lists_.loose(PageKind::kAnonymous) + lists_.loose(PageKind::kFile);
  }
  /// stats() for a policy whose list `active` holds the pages in use.
  PolicyStats stats_with_active(FrameLists::List active) const;

  FrameLists& lists() { return lists_; }
  const FrameLists& lists() const { return lists_; }
  PolicyStats& figures() { return figures_; }
  const PolicyStats& figures() const { return figures_; }

 private:
  void check_loose(std::uint32_t frame) const;
  void detach(std::uint32_t frame);

  std::string_view name_;
  FrameLists lists_;
  PolicyStats figures_;  ///< without those that the lists' sizes tell
};

}  // namespace gonzo

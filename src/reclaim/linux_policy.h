// Linux's active and inactive lists: mm/vmscan.c, mm/swap.c, mm/workingset.c of Linux 6.
#pragma once

#include <array>

#include "reclaim/listed_policy.h"

namespace gonzo {

/// Two lists for each kind of page. Pages come in inactive; what is used twice there, or comes back
/// soon after its eviction, becomes active; the active list gives back its oldest when the inactive
/// one is short. "Soon" is the refault distance: how many pages left or were promoted meanwhile.
/// The shares of anonymous and file pages in a pass follow swappiness and what each has cost
/// lately.
///
/// Not as Linux: one group of lists (no cgroups, no nodes); a pass is interleaved page by page
/// where Linux takes turns in clusters of 32; the lists are not sampled through per-CPU batches.
class LinuxPolicy final : public ListedPolicy {
 public:
  static constexpr std::string_view kName = "linux";
  explicit LinuxPolicy(std::uint32_t frames) : ListedPolicy(kName, frames, 4) {}

  ScanPass begin(const ScanRequest& request) override;
  PolicyStats stats() const override;
  std::string verify() const override;

 protected:
  void enter(std::uint32_t frame, Shadow returning) override;
  void hit(std::uint32_t frame) override;
  std::uint32_t next(ScanPass& pass) override;
  Verdict decide(std::uint32_t frame, References references) override;
  void put_back(std::uint32_t frame, Kept why) override;
  Shadow leave(std::uint32_t frame, Eviction how) override;
  std::string place_name(std::uint32_t frame) const override;
  void cool(std::uint32_t frame) override;
  void clean(std::uint32_t frame) override;

 private:
  static constexpr std::uint8_t kReferenced = 1;  ///< Linux: PG_referenced
  static constexpr std::uint8_t kActive = 2;      ///< PG_active
  static constexpr std::uint8_t kWorkingset = 4;  ///< PG_workingset: it was active once

  static FrameLists::List inactive(PageKind kind) { return kind == PageKind::kFile ? 2 : 0; }
  static FrameLists::List active(PageKind kind) { return inactive(kind) + 1; }
  bool has(std::uint32_t frame, std::uint8_t flag) const {
    return (lists().mark(frame) & flag) != 0;
  }
  void set(std::uint32_t frame, std::uint8_t flags) { lists().mark(frame) |= flags; }
  void clear(std::uint32_t frame, std::uint8_t flags) {
    lists().mark(frame) &= static_cast<std::uint8_t>(~flags);
  }
  /// To the front of the list that its kActive names.
  void list(std::uint32_t frame);
  void activate(std::uint32_t frame);
  Verdict decide_active(std::uint32_t frame, References references);

  bool inactive_is_low(PageKind kind) const;
  bool may_deactivate(PageKind kind) const;
  bool left_recently(PageKind kind, std::uint64_t age) const;
  void note_cost(PageKind kind, std::uint64_t cost);
  /// How a pass of this many pages is divided; equal parts stand for "all of both".
  PerKind shares(const ScanRequest& request) const;

  /// The kind that the next look of a pass goes to.
  PageKind turn(const ScanPass& pass);

  std::uint64_t age_ = 0;                 ///< Linux: nonresident_age
  PerKind cost_;                          ///< Linux: anon_cost, file_cost
  PerKind activations_at_start_;          ///< workingset_activate when reclaim last began
  PerKind refaulting_;                    ///< how many there were between the last two beginnings
  std::int64_t anon_credit_ = 0;          ///< whose turn it is: anonymous pages', unless in debt
  std::array<bool, 2> active_turn_{};     ///< a kind's next look goes to its active list
  SwapRoom swap_ = SwapRoom::kAvailable;  ///< as the last pass said
};

}  // namespace gonzo

// Multi-generational LRU: mm/vmscan.c and mm/workingset.c of Linux 6.14, CONFIG_LRU_GEN.
#pragma once

#include <array>

#include "reclaim/listed_policy.h"

namespace gonzo {

/// Pages of each kind stand in two to four generations by the time of their last use. Those of the
/// oldest are evicted; when too few generations are left, a new one begins (aging). Within the
/// oldest, pages that read(2) and write(2) used more often form higher tiers, which are spared as
/// long as they come back more often, once evicted, than the lowest does. The same comparison,
/// weighted by swappiness, decides between anonymous and file pages.
///
/// Not as Linux: no walks over page tables when a generation begins and no looks at neighbours
/// (Linux on processors without an accessed bit): uses through page tables are seen when a page is
/// looked at in the oldest generation, which makes it young.
class MglruPolicy final : public ListedPolicy {
 public:
  static constexpr std::string_view kName = "mglru";
  explicit MglruPolicy(std::uint32_t frames)
      : ListedPolicy(kName, frames, kKinds * kMostGenerations) {}

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
  static constexpr unsigned kKinds = 2, kTiers = 4;
  static constexpr unsigned kLeastGenerations = 2, kMostGenerations = 4;
  /// A page's mark: how often it was used, 0 to 4, and whether it is known to be in use.
  static constexpr std::uint8_t kUses = 7, kMostUses = 4, kWorkingset = 8;

  /// What became of the pages of one tier: now, and a decaying average of the past.
  struct Tier {
    std::uint64_t refaulted = 0, evicted = 0, spared = 0;
    std::uint64_t past_refaulted = 0, past_total = 0;
  };
  struct Kind {
    std::uint64_t oldest = 0;  ///< the generation's number (Linux: min_seq)
    std::array<Tier, kTiers> tiers;
    unsigned highest_evicted = 0;  ///< the highest tier that is not spared just now
  };
  /// Refaults against all that left, and how much they weigh (Linux: ctrl_pos).
  struct Rate {
    std::uint64_t refaulted, total, gain;
  };

  static unsigned tier_of(std::uint8_t mark);
  FrameLists::List list_of(PageKind kind, std::uint64_t generation) const;
  Kind& state(PageKind kind) { return kinds_[static_cast<unsigned>(kind)]; }
  const Kind& state(PageKind kind) const { return kinds_[static_cast<unsigned>(kind)]; }
  /// A loose page into the generation that is `age` before the youngest, or into the oldest.
  void list(std::uint32_t frame, unsigned age);

  std::uint64_t generations(PageKind kind) const { return youngest_ - state(kind).oldest + 1; }
  bool must_age(const ScanRequest& request) const;
  void age();
  void retire_oldest(PageKind kind);
  Rate rate(PageKind kind, unsigned tier, std::uint64_t gain) const;
  static bool no_worse(const Rate& than, const Rate& rate);
  unsigned highest_evicted_tier(PageKind kind) const;
  PageKind kind_to_scan(const ScanRequest& request) const;
  std::uint32_t next_of(PageKind kind, std::uint64_t& budget);
  bool is_empty(PageKind kind) const;

  std::uint64_t youngest_ = kMostGenerations - 1;  ///< Linux: max_seq
  std::array<Kind, kKinds> kinds_;
};

}  // namespace gonzo

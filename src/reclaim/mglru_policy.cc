#include "reclaim/mglru_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace gonzo {

namespace {
constexpr std::array kBoth = {PageKind::kAnonymous, PageKind::kFile};
constexpr std::uint64_t kLeastBatch = 64;  ///< Linux: MIN_LRU_BATCH; fewer refaults prove nothing
constexpr std::uint64_t kCluster = 32;     ///< Linux: SWAP_CLUSTER_MAX
constexpr unsigned kMostSwappiness = 200;
/// In a shadow: bit 0 says that there is one, then the mark, then the youngest generation.
constexpr unsigned kMarkShift = 1, kGenerationShift = 8, kGenerationBits = 54;
constexpr std::uint64_t kGenerationMask = (std::uint64_t{1} << kGenerationBits) - 1;
}  // namespace

/// Linux: lru_tier_from_refs: one use, two, up to four, more.
unsigned MglruPolicy::tier_of(std::uint8_t mark) {
  if ((mark & kWorkingset) != 0) return kTiers - 1;
  const unsigned uses = mark & kUses;
  return uses <= 1 ? 0 : static_cast<unsigned>(std::bit_width(uses - 1));
}

FrameLists::List MglruPolicy::list_of(PageKind kind, std::uint64_t generation) const {
  return static_cast<unsigned>(kind) * kMostGenerations +
         static_cast<unsigned>(generation % kMostGenerations);
}

std::string MglruPolicy::place_name(std::uint32_t frame) const {
  const PageKind kind = lists().kind(frame);
  std::uint64_t generation = state(kind).oldest;
  while (generation < youngest_ && list_of(kind, generation) != lists().list_of(frame)) {
    ++generation;
  }
  return fmt::format("{} generation {} of {} to {}, tier {}",
                     kind == PageKind::kFile ? "file" : "anon", generation, state(kind).oldest,
                     youngest_, tier_of(lists().mark(frame)));
}

void MglruPolicy::list(std::uint32_t frame, unsigned age) {
  const PageKind kind = lists().kind(frame);
  lists().push_front(list_of(kind, std::max(youngest_ - age, state(kind).oldest)), frame);
}

/// Linux: lru_gen_refault and lru_gen_folio_seq.
void MglruPolicy::enter(std::uint32_t frame, Shadow returning) {
  const PageKind kind = lists().kind(frame);
  const std::uint64_t then = returning.word >> kGenerationShift;
  if (!returning.is_none() && ((youngest_ - then) & kGenerationMask) < kMostGenerations) {
    auto mark = static_cast<std::uint8_t>((returning.word >> kMarkShift) & (kUses | kWorkingset));
    ++state(kind).tiers[tier_of(mark)].refaulted;
    ++figures().workingset_activate[kind];
    if ((mark & kWorkingset) != 0) {
      ++figures().workingset_restore[kind];
      mark = kWorkingset;
    }
    lists().mark(frame) = mark;
  }
  const bool in_use = (lists().mark(frame) & kWorkingset) != 0;
  // A fault brought the anonymous page in; a file's may have come with the stream of a read(2).
  if (kind == PageKind::kAnonymous) {
    list(frame, in_use ? 0 : 1);
  } else {
    list(frame, in_use ? kMostGenerations - 2 : kMostGenerations - 1);
  }
}

/// Linux: lru_gen_inc_refs.
void MglruPolicy::hit(std::uint32_t frame) {
  std::uint8_t& mark = lists().mark(frame);
  if ((mark & kUses) < kMostUses) {
    ++mark;
  } else {
    mark |= kWorkingset;
  }
}

/// Linux: lru_gen_eviction.
Shadow MglruPolicy::leave(std::uint32_t frame, Eviction /*how*/) {
  const std::uint8_t mark = lists().mark(frame);
  ++state(lists().kind(frame)).tiers[tier_of(mark)].evicted;
  return Shadow{(youngest_ & kGenerationMask) << kGenerationShift |
                std::uint64_t{mark} << kMarkShift | 1};
}

/// Linux: read_ctrl_pos.
MglruPolicy::Rate MglruPolicy::rate(PageKind kind, unsigned tier, std::uint64_t gain) const {
  const Tier& of = state(kind).tiers[tier];
  return {of.past_refaulted + of.refaulted, of.past_total + of.evicted + of.spared, gain};
}

/// Linux: positive_ctrl_err.
bool MglruPolicy::no_worse(const Rate& than, const Rate& rate) {
  return rate.refaulted < kLeastBatch || rate.refaulted * (than.total + kLeastBatch) * than.gain <=
                                             (than.refaulted + 1) * rate.total * rate.gain;
}

/// Linux: get_tier_idx.
unsigned MglruPolicy::highest_evicted_tier(PageKind kind) const {
  const Rate lowest = rate(kind, 0, 2);
  unsigned tier = 1;
  while (tier < kTiers && no_worse(lowest, rate(kind, tier, 3))) ++tier;
  return tier - 1;
}

/// Linux: get_type_to_scan.
PageKind MglruPolicy::kind_to_scan(const ScanRequest& request) const {
  if (request.swap == SwapRoom::kNone || request.swappiness == 0) return PageKind::kFile;
  const unsigned swappiness = std::min(request.swappiness, kMostSwappiness);
  if (swappiness == kMostSwappiness) return PageKind::kAnonymous;
  const Rate anon = rate(PageKind::kAnonymous, 0, swappiness);
  const Rate file = rate(PageKind::kFile, 0, kMostSwappiness - swappiness);
  return no_worse(anon, file) ? PageKind::kFile : PageKind::kAnonymous;
}

/// Linux: should_run_aging. Generations of even size, and one more than the least, are best.
bool MglruPolicy::must_age(const ScanRequest& request) const {
  std::uint64_t oldest = state(PageKind::kFile).oldest, young = 0, old = 0, total = 0;
  if (request.swap == SwapRoom::kAvailable) {
    oldest = std::min(oldest, state(PageKind::kAnonymous).oldest);
  }
  if (oldest + kLeastGenerations > youngest_) return true;
  if (oldest + kLeastGenerations < youngest_) return false;
  for (const PageKind kind : kBoth) {
    if (!may_leave(kind, request)) continue;
    for (std::uint64_t at = state(kind).oldest; at <= youngest_; ++at) {
      const std::uint64_t size = lists().size(list_of(kind, at));
      total += size;
      if (at == youngest_) young += size;
      if (at + kLeastGenerations == youngest_) old += size;
    }
  }
  return young * kLeastGenerations > total || old * (kLeastGenerations + 2) < total;
}

/// Linux: inc_max_seq.
void MglruPolicy::age() {
  for (const PageKind kind : kBoth) {
    if (generations(kind) == kMostGenerations) retire_oldest(kind);
  }
  ++youngest_;
}

/// What is left of the oldest generation joins the next one (Linux: inc_min_seq, reset_ctrl_pos).
void MglruPolicy::retire_oldest(PageKind kind) {
  Kind& of = state(kind);
  const FrameLists::List from = list_of(kind, of.oldest), to = list_of(kind, of.oldest + 1);
  for (std::uint32_t frame; (frame = lists().front(from)) != FrameLists::kNone;) {
    lists().remove(frame);
    lists().push_back(to, frame);
  }
  ++of.oldest;
  for (Tier& tier : of.tiers) {
    const std::uint64_t total = tier.past_total + tier.evicted + tier.spared;
    tier = {.past_refaulted = (tier.past_refaulted + tier.refaulted) / 2, .past_total = total / 2};
  }
}

ScanPass MglruPolicy::begin(const ScanRequest& request) {
  if (must_age(request)) age();
  return ListedPolicy::begin(request);
}

/// What the rates say holds for some pages at a time (Linux: isolate_folios).
std::uint32_t MglruPolicy::next(ScanPass& pass) {
  auto& [budget, pages_left, kind, unused] = pass.left;
  if (pages_left == 0) {
    pages_left = kCluster;
    kind = static_cast<std::uint64_t>(kind_to_scan(pass.request));
    for (const PageKind each : kBoth) state(each).highest_evicted = highest_evicted_tier(each);
  }
  --pages_left;
  const auto first = static_cast<PageKind>(kind);
  const PageKind other = first == PageKind::kFile ? PageKind::kAnonymous : PageKind::kFile;
  const std::uint32_t frame = next_of(first, budget);
  if (frame != FrameLists::kNone || !may_leave(other, pass.request)) return frame;
  return next_of(other, budget);
}

/// Linux: scan_folios and sort_folio.
std::uint32_t MglruPolicy::next_of(PageKind kind, std::uint64_t& budget) {
  while (budget > 0) {
    Kind& of = state(kind);
    const std::uint32_t frame = lists().back(list_of(kind, of.oldest));
    if (frame == FrameLists::kNone) {
      if (is_empty(kind)) break;
      if (generations(kind) <= kLeastGenerations) age();
      retire_oldest(kind);
      continue;
    }
    --budget;
    const std::uint8_t mark = lists().mark(frame);
    const unsigned tier = tier_of(mark);
    const bool in_use = (mark & kWorkingset) != 0 && (mark & kUses) == kMostUses;
    if ((tier == 0 || tier <= of.highest_evicted) && !in_use) return frame;
    if (!in_use) ++of.tiers[tier].spared;
    lists().remove(frame);
    lists().mark(frame) = in_use ? kWorkingset : 0;
    lists().push_front(list_of(kind, of.oldest + 1), frame);
  }
  return FrameLists::kNone;
}

bool MglruPolicy::is_empty(PageKind kind) const {
  std::uint64_t pages = 0;
  for (unsigned i = 0; i < kMostGenerations; ++i) pages += lists().size(list_of(kind, i));
  return pages == 0;
}

/// Linux: lru_gen_set_refs: the first use that is seen may be that of the fault.
Verdict MglruPolicy::decide(std::uint32_t frame, References references) {
  if (references.entries == 0) return Verdict::kEvict;
  std::uint8_t& mark = lists().mark(frame);
  const bool used_before = mark != 0;
  mark = used_before ? kWorkingset : 1;
  if (used_before) ++figures().pgactivate;
  list(frame, used_before ? 0 : 1);
  return Verdict::kKeep;
}

/// Linux: evict_folios: what could not go is not tried again soon.
void MglruPolicy::put_back(std::uint32_t frame, Kept why) {
  if (why == Kept::kReferenced) ++figures().pgactivate;
  list(frame, why == Kept::kReferenced ? 0 : 1);
}

/// Linux: lru_gen_clear_refs and folio_deactivate.
void MglruPolicy::cool(std::uint32_t frame) {
  ++figures().pgdeactivate;
  lists().remove(frame);
  lists().mark(frame) = 0;
  list(frame, kMostGenerations - 1);
}

/// Linux: folio_rotate_reclaimable.
void MglruPolicy::clean(std::uint32_t frame) {
  ++figures().pgrotated;
  const PageKind kind = lists().kind(frame);
  lists().remove(frame);
  lists().push_back(list_of(kind, state(kind).oldest), frame);
}

/// As Linux counts: the two youngest generations are active.
PolicyStats MglruPolicy::stats() const {
  PolicyStats stats = ListedPolicy::stats();
  for (const PageKind kind : kBoth) {
    for (std::uint64_t at : {youngest_ - 1, youngest_}) {
      const std::uint64_t size = lists().size(list_of(kind, at));
      stats.nr_active[kind] += size;
      stats.nr_inactive[kind] -= size;
    }
  }
  return stats;
}

std::string MglruPolicy::verify() const {
  for (const PageKind kind : kBoth) {
    if (generations(kind) < kLeastGenerations || generations(kind) > kMostGenerations) {
      return fmt::format("there are {} generations", generations(kind));
    }
    for (std::uint64_t at = youngest_ + 1; at < state(kind).oldest + kMostGenerations; ++at) {
      if (lists().size(list_of(kind, at)) != 0) return "a generation to come has pages";
    }
  }
  for (std::uint32_t frame = 0; frame < lists().frames(); ++frame) {
    if (lists().place(frame) == FrameLists::Place::kListed &&
        lists().list_of(frame) / kMostGenerations != static_cast<unsigned>(lists().kind(frame))) {
      return fmt::format("frame {} is listed with the other kind", frame);
    }
  }
  return ListedPolicy::verify();
}

}  // namespace gonzo

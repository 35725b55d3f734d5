#include "reclaim/linux_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gonzo {

namespace {
constexpr PageKind kAnon = PageKind::kAnonymous, kFile = PageKind::kFile;
constexpr std::uint64_t kCluster = 32;  ///< Linux: SWAP_CLUSTER_MAX
constexpr unsigned kMostSwappiness = 200;
constexpr unsigned kPagesPerGigabyteShift = 18;
/// In a shadow: bit 0 says that there is one, bit 1 is PG_workingset, above is the age.
constexpr std::uint64_t kShadow = 1, kShadowWorkingset = 2;
constexpr unsigned kAgeShift = 2, kAgeBits = 60;
constexpr std::uint64_t kAgeMask = (std::uint64_t{1} << kAgeBits) - 1;

std::size_t number(PageKind kind) { return static_cast<std::size_t>(kind); }
}  // namespace

/// Linux: workingset_refault.
void LinuxPolicy::enter(std::uint32_t frame, Shadow returning) {
  const PageKind kind = lists().kind(frame);
  if (!returning.is_none() && left_recently(kind, returning.word >> kAgeShift)) {
    set(frame, kActive);
    ++age_;
    ++figures().workingset_activate[kind];
    if ((returning.word & kShadowWorkingset) != 0) {
      set(frame, kWorkingset);
      note_cost(kind, kCluster);
      ++figures().workingset_restore[kind];
    }
  }
  list(frame);
}

/// Linux: workingset_test_recent. Would it still be here if the other lists' memory had been its?
bool LinuxPolicy::left_recently(PageKind kind, std::uint64_t age) const {
  std::uint64_t others = lists().size(active(kFile));
  if (kind == kAnon) others += lists().size(inactive(kFile));
  if (swap_ == SwapRoom::kAvailable) {
    others += lists().size(active(kAnon));
    if (kind == kFile) others += lists().size(inactive(kAnon));
  }
  return ((age_ - age) & kAgeMask) <= others;
}

/// Linux: workingset_eviction.
Shadow LinuxPolicy::leave(std::uint32_t frame, Eviction how) {
  if (how == Eviction::kWritten) note_cost(lists().kind(frame), kCluster);
  const std::uint64_t age = age_++ & kAgeMask;
  const std::uint64_t workingset = has(frame, kWorkingset) ? kShadowWorkingset : 0;
  return Shadow{age << kAgeShift | workingset | kShadow};
}

std::string LinuxPolicy::place_name(std::uint32_t frame) const {
  constexpr std::array<const char*, 4> kLists = {"inactive_anon", "active_anon", "inactive_file",
                                                 "active_file"};
  std::string text = kLists.at(lists().list_of(frame));
  if (has(frame, kReferenced)) text += ", referenced";
  if (has(frame, kWorkingset)) text += ", workingset";
  return text;
}

void LinuxPolicy::list(std::uint32_t frame) {
  const PageKind kind = lists().kind(frame);
  lists().push_front(has(frame, kActive) ? active(kind) : inactive(kind), frame);
}

/// A loose page, to the active list (Linux: activate_locked, move_folios_to_lru).
void LinuxPolicy::activate(std::uint32_t frame) {
  set(frame, kActive);
  ++figures().pgactivate;
  ++age_;
  list(frame);
}

/// Linux: folio_mark_accessed.
void LinuxPolicy::hit(std::uint32_t frame) {
  if (!has(frame, kReferenced)) {
    set(frame, kReferenced);
  } else if (!has(frame, kActive)) {
    clear(frame, kReferenced);
    lists().remove(frame);
    activate(frame);
  }
}

/// Linux: folio_deactivate.
void LinuxPolicy::cool(std::uint32_t frame) {
  if (!has(frame, kActive)) return;
  clear(frame, kActive | kReferenced);
  ++figures().pgdeactivate;
  lists().remove(frame);
  list(frame);
}

/// Linux: folio_rotate_reclaimable.
void LinuxPolicy::clean(std::uint32_t frame) {
  clear(frame, kActive);
  ++figures().pgrotated;
  lists().remove(frame);
  lists().push_back(inactive(lists().kind(frame)), frame);
}

/// Linux: lru_note_cost. What happened long ago counts less.
void LinuxPolicy::note_cost(PageKind kind, std::uint64_t cost) {
  cost_[kind] += cost;
  if (cost_.total() > lists().listed() / 4) {
    cost_.anon /= 2;
    cost_.file /= 2;
  }
}

bool LinuxPolicy::inactive_is_low(PageKind kind) const {
  const std::uint64_t few = lists().size(inactive(kind)), many = lists().size(active(kind));
  const std::uint64_t gigabytes = (few + many) >> kPagesPerGigabyteShift;
  const double ratio =
      gigabytes == 0 ? 1 : std::floor(std::sqrt(10.0 * static_cast<double>(gigabytes)));
  return few * static_cast<std::uint64_t>(ratio) < many;
}

bool LinuxPolicy::may_deactivate(PageKind kind) const {
  const bool refaulted =
      refaulting_[kind] != 0 || figures().workingset_activate[kind] != activations_at_start_[kind];
  return refaulted || inactive_is_low(kind);
}

/// Linux: get_scan_count.
PerKind LinuxPolicy::shares(const ScanRequest& request) const {
  constexpr PerKind kAllOfBoth{1, 1}, kFileOnly{0, 1}, kAnonOnly{1, 0};
  if (request.swap == SwapRoom::kNone) return kFileOnly;
  if (request.priority == 0 && request.swappiness != 0) return kAllOfBoth;
  const std::uint64_t files = lists().size(inactive(kFile)) + lists().size(active(kFile));
  if (files < request.least_file && !may_deactivate(kAnon) &&
      lists().size(inactive(kAnon)) >> request.priority != 0) {
    return kAnonOnly;
  }
  // While there is file cache that is not thrashing, that goes first (Linux: cache_trim_mode).
  if (lists().size(inactive(kFile)) >> request.priority != 0 && !may_deactivate(kFile)) {
    return kFileOnly;
  }
  const std::uint64_t swappiness = std::min(request.swappiness, kMostSwappiness);
  const std::uint64_t anon = cost_.total() + cost_.anon, file = cost_.total() + cost_.file;
  return {swappiness * (anon + file + 1) / (anon + 1),
          (kMostSwappiness - swappiness) * (anon + file + 1) / (file + 1)};
}

ScanPass LinuxPolicy::begin(const ScanRequest& request) {
  swap_ = request.swap;
  if (request.priority == ScanRequest::kFirstPriority) {
    for (const PageKind kind : {kAnon, kFile}) {
      const std::uint64_t activations = figures().workingset_activate[kind];
      refaulting_[kind] = activations - activations_at_start_[kind];
      activations_at_start_[kind] = activations;
    }
  }
  ScanPass pass{.request = request};
  const PerKind share = shares(request);
  const bool of_each = share.anon == share.file;
  for (const PageKind kind : {kAnon, kFile}) {
    const auto part = [&](FrameLists::List list) {
      const std::uint64_t pages = lists().size(list) >> request.priority;
      return of_each ? pages : pages * share[kind] / share.total();
    };
    pass.left[inactive(kind)] = part(inactive(kind));
    if (may_deactivate(kind)) pass.left[active(kind)] = part(active(kind));
  }
  // Anonymous pages grow old even while only file pages are taken.
  if (request.swap == SwapRoom::kAvailable && inactive_is_low(kAnon)) {
    pass.left[active(kAnon)] = std::max(pass.left[active(kAnon)], kCluster);
  }
  return pass;
}

PageKind LinuxPolicy::turn(const ScanPass& pass) {
  const std::uint64_t anon = pass.left[0] + pass.left[1], file = pass.left[2] + pass.left[3];
  if (anon == 0 || file == 0) return anon == 0 ? kFile : kAnon;
  // In proportion, however few are taken at a time.
  const auto weight = [](std::uint64_t pages) { return static_cast<std::int64_t>(pages); };
  if (anon_credit_ >= 0) {
    anon_credit_ = std::min(anon_credit_, weight(anon)) - weight(file);
    return kAnon;
  }
  anon_credit_ = std::max(anon_credit_, -weight(file)) + weight(anon);
  return kFile;
}

std::uint32_t LinuxPolicy::next(ScanPass& pass) {
  while (std::ranges::any_of(pass.left, [](std::uint64_t left) { return left != 0; })) {
    const PageKind kind = turn(pass);
    bool& active_turn = active_turn_[number(kind)];
    if (pass.left[inactive(kind)] == 0) active_turn = true;
    if (pass.left[active(kind)] == 0) active_turn = false;
    const FrameLists::List list = active_turn ? active(kind) : inactive(kind);
    active_turn = !active_turn;
    const std::uint32_t frame = lists().back(list);
    if (frame == FrameLists::kNone) {
      pass.left[list] = 0;
      continue;
    }
    --pass.left[list];
    if (list == active(kind)) ++figures().pgrefill[kind];
    return frame;
  }
  return FrameLists::kNone;
}

/// Linux: folio_check_references.
Verdict LinuxPolicy::decide(std::uint32_t frame, References references) {
  if (has(frame, kActive)) return decide_active(frame, references);
  const PageKind kind = lists().kind(frame);
  const bool referenced_before = has(frame, kReferenced);
  clear(frame, kReferenced);
  if (references.entries == 0) return Verdict::kEvict;
  note_cost(kind, 1);
  // The fault that brought the page in left one reference: it takes another to be in use.
  set(frame, kReferenced);
  if (referenced_before || references.entries > 1 || (references.executable && kind == kFile)) {
    activate(frame);
  } else {
    list(frame);
  }
  return Verdict::kKeep;
}

/// Linux: shrink_active_list. Only code gets another round; others can prove themselves inactive.
Verdict LinuxPolicy::decide_active(std::uint32_t frame, References references) {
  const PageKind kind = lists().kind(frame);
  if (references.entries > 0 && references.executable && kind == kFile) {
    note_cost(kind, 1);
  } else {
    clear(frame, kActive);
    set(frame, kWorkingset);
    ++figures().pgdeactivate;
  }
  list(frame);
  return Verdict::kKeep;
}

/// The ends of Linux's shrink_folio_list: activate_locked and keep_locked.
void LinuxPolicy::put_back(std::uint32_t frame, Kept why) {
  const PageKind kind = lists().kind(frame);
  note_cost(kind, 1);
  if (!has(frame, kActive) &&
      (why == Kept::kReferenced || (why == Kept::kDirty && kind == kFile))) {
    activate(frame);
  } else {
    list(frame);
  }
}

PolicyStats LinuxPolicy::stats() const {
  PolicyStats stats = ListedPolicy::stats();
  for (const PageKind kind : {kAnon, kFile}) {
    stats.nr_inactive[kind] = lists().size(inactive(kind));
    stats.nr_active[kind] = lists().size(active(kind));
    stats.pgscan[kind] -= stats.pgrefill[kind];
  }
  return stats;
}

std::string LinuxPolicy::verify() const {
  for (std::uint32_t frame = 0; frame < lists().frames(); ++frame) {
    if (lists().place(frame) != FrameLists::Place::kListed) continue;
    const PageKind kind = lists().kind(frame);
    const FrameLists::List expected = has(frame, kActive) ? active(kind) : inactive(kind);
    if (lists().list_of(frame) != expected) {
      return fmt::format("frame {} is in list {}, not {}", frame, lists().list_of(frame), expected);
    }
  }
  return ListedPolicy::verify();
}

}  // namespace gonzo

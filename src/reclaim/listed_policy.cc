#include "reclaim/listed_policy.h"

#include <algorithm>

namespace gonzo {

namespace {
/// Linux: SWAP_CLUSTER_MAX; no pass is shorter.
constexpr std::uint64_t kLeastPass = 32;
}  // namespace

void ListedPolicy::check_loose(std::uint32_t frame) const {
  GONZO_CHECK(frame < lists_.frames() && lists_.place(frame) == FrameLists::Place::kLoose);
}

void ListedPolicy::detach(std::uint32_t frame) {
  unlink(frame);
  lists_.remove(frame);
}

void ListedPolicy::added(std::uint32_t frame, PageKind kind, Shadow returning) {
  lists_.meet(frame, kind);
  if (!returning.is_none()) ++figures_.workingset_refault[kind];
  enter(frame, returning);
}

void ListedPolicy::accessed(std::uint32_t frame) {
  GONZO_CHECK(frame < lists_.frames() && lists_.knows(frame));
  if (lists_.place(frame) == FrameLists::Place::kListed) {
    hit(frame);
  } else {
    lists_.use(frame);
  }
}

void ListedPolicy::removed(std::uint32_t frame) {
  GONZO_CHECK(frame < lists_.frames() && lists_.knows(frame));
  if (lists_.place(frame) == FrameLists::Place::kListed) detach(frame);
  lists_.forget(frame);
}

void ListedPolicy::cooled(std::uint32_t frame) {
  GONZO_CHECK(frame < lists_.frames() && lists_.knows(frame));
  if (lists_.place(frame) == FrameLists::Place::kListed) cool(frame);
}

void ListedPolicy::written(std::uint32_t frame) {
  GONZO_CHECK(frame < lists_.frames() && lists_.knows(frame));
  if (lists_.place(frame) == FrameLists::Place::kListed) clean(frame);
}

ScanPass ListedPolicy::begin(const ScanRequest& request) {
  ScanPass pass{.request = request};
  // At last twice round: the first may find every page used.
  pass.left[0] = request.priority == 0 ? 2 * lists_.listed()
                                       : std::max(lists_.listed() >> request.priority, kLeastPass);
  return pass;
}

std::size_t ListedPolicy::isolate(ScanPass& pass, std::span<std::uint32_t> out) {
  std::size_t count = 0;
  while (count < out.size()) {
    const std::uint32_t frame = next(pass);
    if (frame == FrameLists::kNone) break;
    detach(frame);
    ++figures_.pgscan[lists_.kind(frame)];
    out[count++] = frame;
  }
  return count;
}

Verdict ListedPolicy::judge(std::uint32_t frame, References references) {
  check_loose(frame);
  if (lists_.used(frame)) ++references.entries;
  return decide(frame, references);
}

bool ListedPolicy::take(std::uint32_t frame) {
  GONZO_CHECK(frame < lists_.frames());
  if (lists_.place(frame) != FrameLists::Place::kListed) return false;
  detach(frame);
  return true;
}

Shadow ListedPolicy::evicted(std::uint32_t frame, Eviction how) {
  check_loose(frame);
  ++figures_.pgsteal[lists_.kind(frame)];
  const Shadow shadow = leave(frame, how);
  lists_.forget(frame);
  return shadow;
}

void ListedPolicy::kept(std::uint32_t frame, Kept why) {
  check_loose(frame);
  put_back(frame, lists_.used(frame) && why == Kept::kBusy ? Kept::kReferenced : why);
}

std::string ListedPolicy::whereabouts(std::uint32_t frame) const {
  GONZO_CHECK(frame < lists_.frames() && lists_.knows(frame));
  return lists_.place(frame) == FrameLists::Place::kListed ? place_name(frame) : "isolated";
}

PolicyStats ListedPolicy::stats() const {
  PolicyStats stats = figures_;
  stats.nr_inactive = {};
  for (const PageKind kind : {PageKind::kAnonymous, PageKind::kFile}) {
    stats.nr_isolated[kind] = lists_.loose(kind);
    for (FrameLists::List list = 0; list < lists_.lists(); ++list) {
      stats.nr_inactive[kind] += lists_.size(list, kind);
    }
  }
  return stats;
}

PolicyStats ListedPolicy::stats_with_active(FrameLists::List active) const {
  PolicyStats stats = ListedPolicy::stats();
  for (const PageKind kind : {PageKind::kAnonymous, PageKind::kFile}) {
    stats.nr_active[kind] = lists_.size(active, kind);
    stats.nr_inactive[kind] -= lists_.size(active, kind);
  }
  return stats;
}

std::uint32_t ListedPolicy::next(ScanPass& pass) {
  return next_from_back(0, pass.request, pass.left[0]);
}

Verdict ListedPolicy::decide(std::uint32_t frame, References references) {
  if (references.entries == 0) return Verdict::kEvict;
  put_back(frame, Kept::kReferenced);
  return Verdict::kKeep;
}

Shadow ListedPolicy::leave(std::uint32_t /*frame*/, Eviction /*how*/) {
  return Shadow{figures_.pgsteal.total()};
}

std::uint32_t ListedPolicy::next_from_back(FrameLists::List list, const ScanRequest& request,
                                           std::uint64_t& budget) {
  const bool some_may = lists_.size(list, PageKind::kFile) != 0 ||
                        (may_leave(PageKind::kAnonymous, request) && lists_.size(list) != 0);
  if (!some_may) return FrameLists::kNone;
  for (; budget > 0; --budget) {
    const std::uint32_t frame = lists_.back(list);
    if (may_leave(lists_.kind(frame), request)) {
      --budget;
      return frame;
    }
    unlink(frame);
    lists_.remove(frame);
    lists_.push_front(list, frame);
  }
  return FrameLists::kNone;
}

}  // namespace gonzo

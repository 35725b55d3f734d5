// The passes of reclaim: what the policy is told, and whom it chooses. Where the chosen go is in
// evict.cc.
#include <algorithm>
#include <utility>

#include "mm/traced_page.h"
#include <gonzo/base/check.h>
#include <gonzo/base/thread_number.h>
#include <gonzo/mm/memory_manager.h>
#include <gonzo/mm/reclaimer.h>

namespace gonzo {

Reclaimer::Reclaimer(MemoryManager& manager, SwapSpace& swap, const Config& config)
    : manager_(manager),
      swap_(swap),
      swappiness_(config.swappiness),
      policy_(
          make_policy(config.policy, static_cast<std::uint32_t>(manager.frames().frame_count()))),
      isolated_(manager.frames().frame_count()),
      again_(manager.frames().frame_count()),
      shadows_(manager.frames().frame_count()) {
  static_assert(kBatch <= MemoryManager::kMostTraced);
  GONZO_CHECK(policy_ != nullptr);
}

Reclaimer::~Reclaimer() = default;

// ---- arrivals ----

/// None: not a page that could leave. A look without a reference: old at once, unless the caller
/// has one.
std::optional<PageKind> Reclaimer::kind_of(Pfn pfn) const {
  Frame& frame = manager_.frames().frame(pfn);
  if (frame.refs.load(std::memory_order_relaxed) <= 0) return {};
  switch (peek_state(frame)) {
    case FrameState::kAnonymous:
      // To be dropped as a clean page of a file is.
      return frame.has(frame_flags::kLazyFree) ? PageKind::kFile : PageKind::kAnonymous;
    case FrameState::kPageCache:
      return frame.has(frame_flags::kSwapBacked) ? PageKind::kAnonymous : PageKind::kFile;
    default:
      return {};
  }
}

void Reclaimer::added(Pfn pfn, Shadow returning) {
  Arrivals& arrivals = arrivals_[thread_number() % kStripes];
  std::array<Arrival, kListed> full;
  {
    const LockGuard guard(arrivals.lock);
    arrivals.list[arrivals.count++] = {pfn, returning};
    if (arrivals.count < full.size()) return;
    full = arrivals.list;
    arrivals.count = 0;
  }
  take_in(full);
}

void Reclaimer::take_in(std::span<const Arrival> arrivals) {
  const LockGuard guard(lock_);
  for (const Arrival& arrival : arrivals) take_in_locked(arrival);
}

/// The frame may have been freed since, and be somebody else's: what counts is what it is now.
void Reclaimer::take_in_locked(const Arrival& arrival) {
  const std::uint32_t number = arrival.pfn.value;
  if (isolated_[number]) {
    again_[number] = true;
    return;
  }
  if (policy_->knows(number)) policy_->removed(number);
  const auto kind = kind_of(arrival.pfn);
  if (!kind || (kind == PageKind::kAnonymous && !swap_.has_areas())) return;
  Shadow returning = arrival.returning;
  const Frame& frame = manager_.frames().frame(arrival.pfn);
  if (peek_state(frame) == FrameState::kPageCache) {
    returning = shadows_.recall(frame_origin(frame), frame_index(frame));
  }
  policy_->added(number, *kind, returning);
}

StallClock* Reclaimer::stall_of(std::uint64_t object, std::uint64_t index) {
  const LockGuard guard(lock_);
  return shadows_.knows(object, index) ? &manager_.stalls() : nullptr;
}

void Reclaimer::drain() {
  for (Arrivals& arrivals : arrivals_) {
    decltype(arrivals.list) list;
    std::size_t count = 0;
    {
      const LockGuard guard(arrivals.lock);
      list = arrivals.list;
      count = std::exchange(arrivals.count, 0);
    }
    take_in(std::span(list).first(count));
  }
}

// ---- a pass ----

std::size_t Reclaimer::isolate(ScanPass& pass, std::span<Pfn> out) {
  std::array<std::uint32_t, kBatch> frames;
  const LockGuard guard(lock_);
  std::size_t kept = 0;
  for (;;) {
    const std::size_t found = policy_->isolate(pass, std::span(frames).first(out.size()));
    if (found == 0) return 0;
    for (std::size_t i = 0; i < found; ++i) {
      if (kind_of(Pfn(frames[i]))) {
        isolated_[frames[i]] = true;
        out[kept++] = Pfn(frames[i]);
      } else {
        policy_->removed(frames[i]);  // freed since
      }
    }
    if (kept != 0) return kept;
  }
}

std::size_t Reclaimer::judge(std::span<const Pfn> pages, std::span<Pfn> victims) {
  std::array<TracedPage, kBatch> traced;
  for (std::size_t i = 0; i < pages.size(); ++i) traced[i].pfn = pages[i];
  manager_.harvest_references(std::span(traced).first(pages.size()));
  const LockGuard guard(lock_);
  std::size_t count = 0;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (policy_->judge(pages[i].value, traced[i].seen) == Verdict::kEvict) {
      victims[count++] = pages[i];
    } else {
      end_isolation(pages[i]);
    }
  }
  return count;
}

void Reclaimer::end_isolation(Pfn pfn) {
  isolated_[pfn.value] = false;
  if (!again_[pfn.value]) return;
  again_[pfn.value] = false;
  take_in_locked({pfn, {}});
}

void Reclaimer::keep(std::span<const Pfn> pages, Kept why) {
  const LockGuard guard(lock_);
  for (const Pfn pfn : pages) {
    if (kind_of(pfn)) {
      policy_->kept(pfn.value, why);
    } else {
      policy_->removed(pfn.value);
    }
    end_isolation(pfn);
  }
}

/// One pass.
std::size_t Reclaimer::shrink(std::size_t wanted, const ScanRequest& request) {
  ScanPass pass;
  {
    const LockGuard guard(lock_);
    pass = policy_->begin(request);
  }
  std::array<Pfn, kBatch> pages, victims;
  std::size_t freed = 0;
  while (freed < wanted) {
    const std::size_t count = isolate(pass, pages);
    if (count == 0) break;
    const std::size_t chosen = judge(std::span(pages).first(count), victims);
    freed += evict(std::span(victims).first(chosen));
  }
  return freed;
}

/// From the first pass down; pages in use may outlast several at the end.
std::size_t Reclaimer::try_hard(std::size_t wanted) {
  constexpr unsigned kMostPasses = ScanRequest::kFirstPriority + 16;  // Linux: MAX_RECLAIM_RETRIES
  drain();
  std::size_t freed = 0;
  for (unsigned pass = 0; pass <= kMostPasses && freed < wanted; ++pass) {
    if (pass > ScanRequest::kFirstPriority && freed != 0) break;
    freed += shrink(
        wanted - freed,
        {.priority = ScanRequest::kFirstPriority - std::min(pass, ScanRequest::kFirstPriority),
         .swappiness = swappiness_,
         .swap = swap_.has_free() ? SwapRoom::kAvailable : SwapRoom::kNone,
         .least_file = frames_wanted()});
  }
  return freed;
}

std::size_t Reclaimer::reclaim(std::size_t wanted) {
  const auto start = std::chrono::steady_clock::now();
  stalls_.fetch_add(1, std::memory_order_relaxed);
  const std::size_t freed = try_hard(wanted);
  stalled_.fetch_add((std::chrono::steady_clock::now() - start).count(), std::memory_order_relaxed);
  return freed;
}

// ---- by choice ----

void Reclaimer::cool(std::span<const Pfn> pages) {
  drain();
  const LockGuard guard(lock_);
  for (const Pfn pfn : pages) {
    if (policy_->knows(pfn.value) && !isolated_[pfn.value]) policy_->cooled(pfn.value);
  }
}

void Reclaimer::free_lazily(std::span<const Pfn> pages) {
  drain();
  const LockGuard guard(lock_);
  for (const Pfn pfn : pages) {
    if (!manager_.frames().frame(pfn).has(frame_flags::kLazyFree)) continue;
    lazily_freed_.fetch_add(1, std::memory_order_relaxed);
    take_in_locked({pfn, {}});
    if (policy_->knows(pfn.value) && !isolated_[pfn.value]) policy_->cooled(pfn.value);
  }
}

std::size_t Reclaimer::page_out(std::span<const Pfn> pages) {
  drain();
  std::array<Pfn, kBatch> taken;
  std::size_t count = 0;
  {
    const LockGuard guard(lock_);
    for (const Pfn pfn : pages.first(std::min(pages.size(), kBatch))) {
      const auto kind = kind_of(pfn);
      const bool can_leave = kind == PageKind::kFile || (kind && swap_.has_areas());
      if (!can_leave || isolated_[pfn.value] || !policy_->take(pfn.value)) continue;
      isolated_[pfn.value] = true;
      taken[count++] = pfn;
    }
  }
  return evict(std::span(taken).first(count));
}

// ---- ahead of need ----

/// How many frames are missing at the high watermarks.
std::uint64_t Reclaimer::frames_wanted() const {
  std::array<ZoneStats, 3> storage;
  std::uint64_t high = 0, free = 0;
  for (const ZoneStats& zone : manager_.frames().zone_stats(storage)) {
    high += zone.watermark_high;
    free += zone.free;
  }
  return high > free ? high - free : 0;
}

std::size_t Reclaimer::balance() {
  std::uint64_t wanted = frames_wanted();
  if (wanted == 0) return 0;
  runs_.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t scans = pages_scanned();
  std::size_t freed = 0;
  for (; wanted != 0; wanted = frames_wanted()) {
    const std::size_t some = try_hard(std::min<std::uint64_t>(wanted, 4 * kBatch));
    if (some == 0) break;
    freed += some;
  }
  background_.fetch_add(freed, std::memory_order_relaxed);
  background_scans_.fetch_add(pages_scanned() - scans, std::memory_order_relaxed);
  return freed;
}

std::uint64_t Reclaimer::pages_scanned() const {
  const LockGuard guard(lock_);
  return policy_->stats().pgscan.total();
}

ReclaimStats Reclaimer::stats() const {
  const LockGuard guard(lock_);
  return {.policy = policy_->stats(),
          .allocstall = stalls_.load(),
          .pageoutrun = runs_.load(),
          .pgscan_kswapd = background_scans_.load(),
          .pgsteal_kswapd = background_.load(),
          .unwritten = unwritten_.load(),
          .pglazyfree = lazily_freed_.load(),
          .pglazyfreed = dropped_.load(),
          .stalled = std::chrono::nanoseconds(stalled_.load())};
}

bool Reclaimer::is_arriving(Pfn pfn) const {
  return std::ranges::any_of(arrivals_, [pfn](const Arrivals& arrivals) {
    const LockGuard guard(arrivals.lock);
    const auto told = std::span(arrivals.list).first(arrivals.count);
    return std::ranges::find(told, pfn, &Arrival::pfn) != told.end();
  });
}

/// What the policy knows of a frame that has changed hands is of its former life until it is told.
std::string Reclaimer::whereabouts(Pfn pfn) const {
  if (is_arriving(pfn)) return "arriving, the policy has not heard of it yet";
  const LockGuard guard(lock_);
  if (!kind_of(pfn) || !policy_->knows(pfn.value)) return {};
  return policy_->whereabouts(pfn.value);
}

std::string_view Reclaimer::policy_name() const {
  const LockGuard guard(lock_);
  return policy_->name();
}

std::string Reclaimer::verify() const {
  const LockGuard guard(lock_);
  return policy_->verify();
}

}  // namespace gonzo

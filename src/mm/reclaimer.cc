#include <algorithm>
#include <utility>

#include "mm/traced_page.h"
#include <gonzo/base/check.h>
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
      again_(manager.frames().frame_count()) {
  GONZO_CHECK(policy_ != nullptr);
}

Reclaimer::~Reclaimer() = default;

// ---- arrivals ----

/// A look without a reference: old at once, unless the caller has one.
bool Reclaimer::is_anonymous(Pfn pfn) const {
  Frame& frame = manager_.frames().frame(pfn);
  return std::atomic_ref(frame.state).load(std::memory_order_relaxed) == FrameState::kAnonymous &&
         frame.refs.load(std::memory_order_relaxed) > 0;
}

void Reclaimer::added(Pfn pfn, Shadow returning) {
  // Threads seldom get frames that are close to another's.
  Arrivals& arrivals = arrivals_[pfn.value / kListed % kStripes];
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
  const std::uint32_t frame = arrival.pfn.value;
  if (isolated_[frame]) {
    again_[frame] = true;
    return;
  }
  if (policy_->knows(frame)) policy_->removed(frame);
  if (is_anonymous(arrival.pfn)) policy_->added(frame, PageKind::kAnonymous, arrival.returning);
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
      if (is_anonymous(Pfn(frames[i]))) {
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
    if (is_anonymous(pfn)) {
      policy_->kept(pfn.value, why);
    } else {
      policy_->removed(pfn.value);
    }
    end_isolation(pfn);
  }
}

std::size_t Reclaimer::reclaim(std::size_t wanted) {
  const auto start = std::chrono::steady_clock::now();
  stalls_.fetch_add(1, std::memory_order_relaxed);
  drain();
  std::size_t freed = 0;
  for (unsigned priority = ScanRequest::kFirstPriority + 1; priority-- > 0 && freed < wanted;) {
    ScanPass pass;
    {
      const LockGuard guard(lock_);
      pass = policy_->begin(
          {.priority = priority,
           .swappiness = swappiness_,
           .swap = swap_.totals().free != 0 ? SwapRoom::kAvailable : SwapRoom::kNone});
    }
    std::array<Pfn, kBatch> pages, victims;
    while (freed < wanted) {
      const std::size_t count = isolate(pass, pages);
      if (count == 0) break;
      const std::size_t chosen = judge(std::span(pages).first(count), victims);
      freed += evict(std::span(victims).first(chosen));
    }
  }
  stalled_.fetch_add((std::chrono::steady_clock::now() - start).count(), std::memory_order_relaxed);
  return freed;
}

// ---- eviction ----

std::size_t Reclaimer::evict(std::span<const Pfn> victims) {
  std::array<SwapSlot, kBatch> slots;
  const std::size_t room =
      victims.empty() ? 0 : swap_.allocate(std::span(slots).first(victims.size())).value_or(0);
  keep(victims.subspan(room), Kept::kBusy);
  std::array<TracedPage, kBatch> pages;
  for (std::size_t i = 0; i < room; ++i) pages[i] = {.pfn = victims[i], .slot = slots[i]};
  manager_.unmap_to_swap(std::span(pages).first(room));

  // Those that nothing could be done about go back; the others are written in one go.
  std::array<Pfn, kBatch> frames;
  std::size_t count = 0;
  for (std::size_t i = 0; i < room; ++i) {
    if (pages[i].entries == 0) {
      swap_.free(slots[i]);
      keep(victims.subspan(i, 1), Kept::kBusy);
    } else {
      frames[count] = pages[i].pfn;
      slots[count++] = slots[i];
    }
  }
  std::size_t written = 0;
  if (count != 0) {
    written = swap_.write_out(std::span(slots).first(count), std::span(frames).first(count)).pages;
  }
  unwritten_.fetch_add(count - written, std::memory_order_relaxed);
  std::size_t freed = 0;
  for (std::size_t i = 0; i < count; ++i) freed += settle(frames[i], slots[i], i < written) ? 1 : 0;
  return freed;
}

/// The end of a page's way out: the reference that was taken for it goes, and with it the frame,
/// unless somebody has found it in the cache meanwhile. A page that could not be written stays in
/// the cache until it is asked for.
bool Reclaimer::settle(Pfn pfn, SwapSlot slot, bool written) {
  FrameAllocator& frames = manager_.frames();
  const auto state = swap_.free(slot);
  const bool unwanted = state == SwapSpace::SlotState::kCached;
  const bool leaves =
      (written || unwanted) && frames.frame(pfn).maps.load(std::memory_order_acquire) == 0;
  Shadow shadow;
  {
    const LockGuard guard(lock_);
    if (leaves) {
      shadow = policy_->evicted(pfn.value, Eviction::kWritten);
    } else {
      policy_->kept(pfn.value, written ? Kept::kReferenced : Kept::kBusy);
    }
  }
  if (unwanted) {
    swap_.erase_unused(slot, pfn);
  } else if (written) {
    swap_.erase(slot, pfn, shadow.word);
  }
  const bool freed = frames.put(pfn);
  const LockGuard guard(lock_);
  end_isolation(pfn);
  return freed;
}

ReclaimStats Reclaimer::stats() const {
  const LockGuard guard(lock_);
  return {.policy = policy_->stats(),
          .allocstall = stalls_.load(),
          .unwritten = unwritten_.load(),
          .stalled = std::chrono::nanoseconds(stalled_.load())};
}

std::string Reclaimer::verify() const {
  const LockGuard guard(lock_);
  return policy_->verify();
}

}  // namespace gonzo

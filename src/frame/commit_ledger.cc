#include <algorithm>

#include <gonzo/base/address.h>
#include <gonzo/frame/commit_ledger.h>

namespace gonzo {

bool CommitLedger::charge(std::uint64_t pages, const CommitClaimant& claimant) {
  const auto more = static_cast<std::int64_t>(pages);
  switch (config_.policy) {
    case Overcommit::kAlways:
      break;
    case Overcommit::kHeuristic:
      if (pages > config_.memory_pages + swap_pages_.load(std::memory_order_relaxed)) return false;
      break;
    case Overcommit::kNever:
      // Charged first: of two who ask at once for the last of it, one gets it.
      if (fits(committed_.fetch_add(more, std::memory_order_relaxed) + more, claimant)) return true;
      release(pages);
      return false;
  }
  committed_.fetch_add(more, std::memory_order_relaxed);
  return true;
}

bool CommitLedger::fits(std::int64_t committed, const CommitClaimant& claimant) const {
  auto allowed = static_cast<std::int64_t>(limit());
  if (!claimant.is_admin) allowed -= static_cast<std::int64_t>(admin_reserve());
  allowed -= static_cast<std::int64_t>(std::min(claimant.total_pages / 32, user_reserve()));
  return committed < allowed;
}

/// Linux: init_admin_reserve, init_user_reserve.
std::uint64_t CommitLedger::admin_reserve() const {
  return std::min<std::uint64_t>(config_.memory_pages / 32, (8ULL << 20) >> kPageShift);
}

std::uint64_t CommitLedger::user_reserve() const {
  return std::min<std::uint64_t>(config_.memory_pages / 32, (128ULL << 20) >> kPageShift);
}

}  // namespace gonzo

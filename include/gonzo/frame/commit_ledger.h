// How much memory a machine has promised, and whether it may promise more. Linux: vm_committed_as,
// __vm_enough_memory (mm/util.c), vm.overcommit_memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace gonzo {

/// The values are those of /proc/sys/vm/overcommit_memory.
enum class Overcommit : std::uint8_t {
  kHeuristic = 0,  ///< refuses only what could never fit
  kAlways = 1,     ///< refuses nothing
  kNever = 2,      ///< refuses what is beyond the limit
};

/// Who asks for memory; matters under kNever only.
struct CommitClaimant {
  std::uint64_t total_pages = 0;  ///< his address space: a large one leaves room for others
  bool is_admin = false;          ///< CAP_SYS_ADMIN: what is kept for him is his to take
};

/// In pages. Thread-safe, without locks.
class CommitLedger {
 public:
  struct Config {
    Overcommit policy = Overcommit::kHeuristic;
    std::uint64_t memory_pages = 0;  ///< of the machine (Linux: totalram_pages)
    unsigned ratio = 50;             ///< percent (Linux: vm.overcommit_ratio)
  };
  explicit CommitLedger(const Config& config) : config_(config) {}
  CommitLedger(const CommitLedger&) = delete;
  CommitLedger& operator=(const CommitLedger&) = delete;

  /// False, with nothing changed: refused.
  bool charge(std::uint64_t pages, const CommitClaimant& claimant = {});
  /// What was charged before.
  void release(std::uint64_t pages) {
    committed_.fetch_sub(static_cast<std::int64_t>(pages), std::memory_order_relaxed);
  }

  Overcommit policy() const { return config_.policy; }
  unsigned ratio() const { return config_.ratio; }
  /// More to swap to (Linux: total_swap_pages).
  void add_swap(std::uint64_t pages) { swap_pages_.fetch_add(pages, std::memory_order_relaxed); }

  /// Committed_AS in /proc/meminfo.
  std::uint64_t committed() const {
    return static_cast<std::uint64_t>(committed_.load(std::memory_order_relaxed));
  }
  /// CommitLimit in /proc/meminfo (Linux: vm_commit_limit).
  std::uint64_t limit() const {
    return config_.memory_pages * config_.ratio / 100 + swap_pages_.load(std::memory_order_relaxed);
  }
  /// vm.admin_reserve_kbytes and vm.user_reserve_kbytes, as a kernel sets them at its start.
  std::uint64_t admin_reserve() const;
  std::uint64_t user_reserve() const;

 private:
  bool fits(std::int64_t committed, const CommitClaimant& claimant) const;

  Config config_;
  std::atomic<std::int64_t> committed_{0};
  std::atomic<std::uint64_t> swap_pages_{0};
};

/// What one object has of a ledger; goes back with it. Not thread-safe.
class CommitCharge {
 public:
  CommitCharge() = default;
  /// Empty; the ledger outlives it.
  explicit CommitCharge(CommitLedger& ledger) : ledger_(&ledger) {}
  /// Null: one that counts nothing.
  explicit CommitCharge(CommitLedger* ledger) : ledger_(ledger) {}
  ~CommitCharge() { shrink(pages_); }
  CommitCharge(CommitCharge&& other) noexcept
      : ledger_(other.ledger_), pages_(std::exchange(other.pages_, 0)) {}
  CommitCharge(const CommitCharge&) = delete;
  CommitCharge& operator=(const CommitCharge&) = delete;
  CommitCharge& operator=(CommitCharge&&) = delete;

  /// False, with nothing changed: refused. Without a ledger nothing is counted or refused.
  bool grow(std::uint64_t pages, const CommitClaimant& claimant = {}) {
    if (ledger_ == nullptr) return true;
    if (!ledger_->charge(pages, claimant)) return false;
    pages_ += pages;
    return true;
  }
  void shrink(std::uint64_t pages) {
    if (ledger_ == nullptr) return;
    ledger_->release(pages);
    pages_ -= pages;
  }

 private:
  CommitLedger* ledger_ = nullptr;
  std::uint64_t pages_ = 0;
};

}  // namespace gonzo

// Makes room: lets a policy choose pages, writes them to swap or to their file and frees their
// frames. Linux: mm/vmscan.c (shrink_node, shrink_folio_list, balance_pgdat).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gonzo/base/address.h>
#include <gonzo/base/lock.h>
#include <gonzo/cache/object_registry.h>
#include <gonzo/frame/frame.h>
#include <gonzo/mm/file_shadows.h>
#include <gonzo/reclaim/reclaim_policy.h>
#include <gonzo/swap/swap_space.h>

namespace gonzo {

class MemoryManager;

struct TracedPage;

/// Linux: the members of enum vm_event_item by these names.
struct ReclaimStats {
  PolicyStats policy;
  std::uint64_t allocstall = 0;      ///< calls of reclaim()
  std::uint64_t pageoutrun = 0;      ///< calls of balance() that found something to do
  std::uint64_t pgscan_kswapd = 0;   ///< pages looked at during those, of the policy's pgscan
  std::uint64_t pgsteal_kswapd = 0;  ///< pages that those freed, of the policy's pgsteal
  std::uint64_t unwritten = 0;       ///< pages that the swap device refused
  std::uint64_t pglazyfree = 0;      ///< pages that MADV_FREE gave up
  std::uint64_t pglazyfreed = 0;     ///< of these, those that were dropped
  std::chrono::nanoseconds stalled{0};
};

/// Thread-safe.
class Reclaimer final : public PageListener {
 public:
  struct Config {
    std::string_view policy = kDefaultPolicy;
    unsigned swappiness = 60;  ///< as /proc/sys/vm/swappiness
  };
  /// Both outlive it. The policy's name is one of policy_names(). Without areas in `swap` only
  /// pages of files leave.
  Reclaimer(MemoryManager& manager, SwapSpace& swap, const Config& config);
  ~Reclaimer() override;
  Reclaimer(const Reclaimer&) = delete;
  Reclaimer& operator=(const Reclaimer&) = delete;

  /// Frees about `wanted` frames, or fewer when no more can be had; the number. Blocks on swap and
  /// files. The caller holds no lock of an address space, an object or the page cache (Linux:
  /// try_to_free_pages).
  std::size_t reclaim(std::size_t wanted) GONZO_EXCLUDES(lock_);
  /// The same ahead of need, for a thread of its own: until as much is free as the zones' high
  /// watermarks say, or no more can be had. The number of frames freed (Linux: balance_pgdat).
  std::size_t balance() GONZO_EXCLUDES(lock_);

  /// Pages that will not be used soon: they are among the next to leave (Linux: MADV_COLD).
  void cool(std::span<const Pfn> pages) GONZO_EXCLUDES(lock_);
  /// Pages that have become kLazyFree: among the next to leave, with or without swap (Linux:
  /// MADV_FREE).
  void free_lazily(std::span<const Pfn> pages) GONZO_EXCLUDES(lock_);
  /// Pages that are to leave now, at most MemoryManager::kMostTraced; how many frames that freed.
  /// As reclaim() (Linux: MADV_PAGEOUT).
  std::size_t page_out(std::span<const Pfn> pages) GONZO_EXCLUDES(lock_);

  /// An anonymous frame has become a page of a program; `returning`: what its swap slot remembered.
  /// Nobody needs to say when it goes. Cheap: told to the policy in batches (Linux: lru_add_drain).
  void added(Pfn pfn, Shadow returning = {}) GONZO_EXCLUDES(lock_);
  /// A page of an object has come into memory.
  void page_arrived(Pfn pfn) override GONZO_EXCLUDES(lock_) { added(pfn); }
  StallClock* stall_of(std::uint64_t object, std::uint64_t index) override GONZO_EXCLUDES(lock_);

  /// What the policy has to say of a page, for people; empty: nothing, for it cannot leave.
  std::string whereabouts(Pfn pfn) const GONZO_EXCLUDES(lock_);
  std::string_view policy_name() const GONZO_EXCLUDES(lock_);

  SwapSpace& swap() { return swap_; }
  ReclaimStats stats() const GONZO_EXCLUDES(lock_);
  std::string verify() const GONZO_EXCLUDES(lock_);

 private:
  struct Arrival {
    Pfn pfn;
    Shadow returning;
  };
  static constexpr std::size_t kListed = 64;
  struct alignas(64) Arrivals {
    mutable SpinLock lock;
    std::size_t count GONZO_GUARDED_BY(lock) = 0;
    std::array<Arrival, kListed> list GONZO_GUARDED_BY(lock);
  };
  static constexpr std::size_t kStripes = 8;
  static constexpr std::size_t kBatch = 32;  // Linux: SWAP_CLUSTER_MAX

  std::optional<PageKind> kind_of(Pfn pfn) const;
  bool is_arriving(Pfn pfn) const;
  void take_in(std::span<const Arrival> arrivals) GONZO_EXCLUDES(lock_);
  void take_in_locked(const Arrival& arrival) GONZO_REQUIRES(lock_);
  void drain() GONZO_EXCLUDES(lock_);
  std::size_t isolate(ScanPass& pass, std::span<Pfn> out) GONZO_EXCLUDES(lock_);
  std::size_t judge(std::span<const Pfn> pages, std::span<Pfn> victims) GONZO_EXCLUDES(lock_);
  std::size_t shrink(std::size_t wanted, const ScanRequest& request) GONZO_EXCLUDES(lock_);
  std::size_t try_hard(std::size_t wanted) GONZO_EXCLUDES(lock_);
  std::uint64_t frames_wanted() const;
  std::uint64_t pages_scanned() const GONZO_EXCLUDES(lock_);
  // Eviction of pages of one kind: the number of frames that became free.
  std::size_t evict(std::span<const Pfn> victims) GONZO_EXCLUDES(lock_);
  std::size_t evict_lazily_freed(std::span<const Pfn> victims) GONZO_EXCLUDES(lock_);
  std::size_t evict_anonymous(std::span<const Pfn> victims) GONZO_EXCLUDES(lock_);
  std::size_t evict_object_pages(std::span<const Pfn> victims) GONZO_EXCLUDES(lock_);
  std::size_t evict_from(std::span<const TracedPage> pages) GONZO_EXCLUDES(lock_);
  std::size_t give_slots(std::span<const Pfn> victims, std::span<TracedPage> pages)
      GONZO_EXCLUDES(lock_);
  bool settle(const TracedPage& page, Eviction how) GONZO_EXCLUDES(lock_);
  void keep(std::span<const Pfn> pages, Kept why) GONZO_EXCLUDES(lock_);
  void end_isolation(Pfn pfn) GONZO_REQUIRES(lock_);

  MemoryManager& manager_;
  SwapSpace& swap_;
  const unsigned swappiness_;
  std::array<Arrivals, kStripes> arrivals_;
  mutable Mutex lock_;  ///< a leaf
  std::unique_ptr<ReclaimPolicy> policy_ GONZO_GUARDED_BY(lock_);
  /// By frame: isolated for this object; and arrived anew meanwhile.
  std::vector<bool> isolated_ GONZO_GUARDED_BY(lock_), again_ GONZO_GUARDED_BY(lock_);
  FileShadows shadows_ GONZO_GUARDED_BY(lock_);
  std::atomic<std::uint64_t> stalls_{0}, runs_{0}, background_{0}, background_scans_{0},
      unwritten_{0};
  std::atomic<std::uint64_t> lazily_freed_{0}, dropped_{0};
  std::atomic<std::int64_t> stalled_{0};  ///< nanoseconds
};

}  // namespace gonzo

// Which page leaves when memory runs out: the interface behind which the policies stand.
// Linux: mm/vmscan.c, mm/swap.c and mm/workingset.c, as far as they choose.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <gonzo/base/function_ref.h>
#include <gonzo/reclaim/page_kind.h>
#include <gonzo/reclaim/policy_stats.h>
#include <gonzo/reclaim/shadow.h>

namespace gonzo {

/// What the entries that map a page told (Linux: folio_referenced). The asker clears their accessed
/// bits.
struct References {
  std::uint32_t entries = 0;  ///< that had the accessed bit
  bool executable = false;    ///< one of those is in an area with VM_EXEC
};

enum class Verdict : std::uint8_t {
  kEvict,  ///< the page stays isolated: unmap, write and free it, then evicted(); else kept()
  kKeep,   ///< the policy has taken the page back; the caller has no more to do with it
};

/// Why a page that was to leave stays.
enum class Kept : std::uint8_t {
  kReferenced,  ///< used while it was on its way out
  kBusy,        ///< pinned, locked, or its device refused it
  kDirty,       ///< its contents are being written first; written() follows if that succeeds
};

/// How a page's contents left.
enum class Eviction : std::uint8_t {
  kDropped,  ///< without I/O: clean, or its slot of swap still held the same
  kWritten,  ///< they were written for this
};

enum class SwapRoom : std::uint8_t { kNone, kAvailable };

/// How hard one pass over the pages tries (Linux: scan_control).
struct ScanRequest {
  /// The first pass looks at about one page in 2^priority, the last, at 0, at all (Linux:
  /// DEF_PRIORITY). A caller goes down by one for each pass that brought too little. Pages in use
  /// may outlast a pass at 0: only after several in vain there is nothing to be had (Linux:
  /// MAX_RECLAIM_RETRIES, 16).
  unsigned priority = kFirstPriority;
  unsigned swappiness = 60;  ///< 0 to 200, as /proc/sys/vm/swappiness; not all policies heed it
  SwapRoom swap = SwapRoom::kAvailable;  ///< with none, no anonymous page is proposed
  /// With fewer file pages than this, only anonymous ones are looked at, if there are any (Linux:
  /// file_is_tiny): the high watermark less what is free. Not all policies heed it.
  std::uint64_t least_file = 0;

  static constexpr unsigned kFirstPriority = 12;
};

/// The state of one pass, which its caller holds, so that several may reclaim at once. Only the
/// policy looks inside.
struct ScanPass {
  ScanRequest request;
  std::array<std::uint64_t, 4> left{};  ///< pages still to be looked at, by list
};

/// Knows the pages in memory that may leave, by frame number. A page is unknown, listed, or
/// isolated: removed from the lists by isolate() while somebody looks at it or evicts it.
///
/// Nothing here locks, blocks, allocates (but for the constructor) or calls out: the caller
/// serialises all calls (Linux: lru_lock) with a lock that can be a leaf, and looks at page tables
/// between them, without it. One pass of reclaim:
///
///     lock;   ScanPass pass = policy.begin({.priority = priority});
///     while (lock; std::size_t n = policy.isolate(pass, frames)) {
///       each:   References seen = harvest(frame);                 // unlocked: rmap walk
///       lock;   if (policy.judge(frame, seen) == Verdict::kKeep) continue;
///       each:   unmap, write to swap or to the file               // unlocked
///       lock;   shadow = policy.evicted(frame, how), or policy.kept(frame, why)
///     }
///
/// A precondition that does not hold aborts: a page counted twice is a frame freed twice later.
class ReclaimPolicy {
 public:
  virtual ~ReclaimPolicy() = default;

  /// An unknown page has come into memory; `returning` is what evicted() gave when the same
  /// contents left. Also for pages that may be evicted again (munlock), and, after removed(), for
  /// those whose kind has changed (MADV_FREE). Linux: folio_add_lru, workingset_refault.
  virtual void added(std::uint32_t frame, PageKind kind, Shadow returning) = 0;
  /// A known page was used, seen without a look at page tables: read(2), write(2), exact traces.
  /// Linux: folio_mark_accessed.
  virtual void accessed(std::uint32_t frame) = 0;
  /// A known page left without eviction: unmapped, truncated, its process ended; or may not be
  /// evicted from now on (mlock). Of an isolated page nothing is owed any more. Linux:
  /// lruvec_del_folio.
  virtual void removed(std::uint32_t frame) = 0;
  /// A known page will not be used soon (MADV_COLD). Linux: folio_deactivate.
  virtual void cooled(std::uint32_t frame) = 0;
  /// A known page that stayed for kDirty is clean now. Linux: folio_rotate_reclaimable.
  virtual void written(std::uint32_t frame) = 0;

  /// Linux: prepare_scan_control and get_scan_count.
  virtual ScanPass begin(const ScanRequest& request) = 0;
  /// Isolates the pages that are to be looked at next and returns how many; the first one first.
  /// 0: the pass is over. Not all of them need be near eviction (Linux: the active list's, too).
  /// The caller takes a reference to each before it lets go of the lock; one that it cannot get
  /// belongs to somebody who is about to call removed().
  virtual std::size_t isolate(ScanPass& pass, std::span<std::uint32_t> out) = 0;
  /// What becomes of an isolated page, in the order that isolate() gave.
  virtual Verdict judge(std::uint32_t frame, References references) = 0;
  /// Isolates a page of the caller's choice (MADV_PAGEOUT, migration); owed evicted() or kept().
  /// False: it is not listed, for somebody else has isolated it or it is unknown.
  virtual bool take(std::uint32_t frame) = 0;
  /// An isolated page's contents have left memory: it is unknown from now on.
  virtual Shadow evicted(std::uint32_t frame, Eviction how) = 0;
  /// An isolated page stays after all, and is listed again.
  virtual void kept(std::uint32_t frame, Kept why) = 0;

  virtual bool knows(std::uint32_t frame) const = 0;
  /// Where a known page stands, in the policy's own words, for people: "inactive_file, referenced".
  virtual std::string whereabouts(std::uint32_t frame) const = 0;
  /// The name that make_policy knows it by.
  virtual std::string_view name() const = 0;
  virtual PolicyStats stats() const = 0;
  /// Memory that the policy holds, in bytes, at most: untouched parts cost nothing.
  virtual std::size_t bytes() const = 0;
  /// Empty, or what is wrong with the structure. Takes time in proportion to the frames.
  virtual std::string verify() const = 0;
};

/// One pass for callers that need no lock: isolates, asks `harvest`, judges, until `victims` is
/// full or the pass over. Returns how many there are; each is owed evicted() or kept().
std::size_t select_victims(ReclaimPolicy& policy, ScanPass& pass, std::span<std::uint32_t> victims,
                           FunctionRef<References(std::uint32_t)> harvest);

/// As long as it takes, from the first pass down, until `victims` is full; fewer if none are left.
std::size_t select_at_any_price(ReclaimPolicy& policy, ScanRequest request,
                                std::span<std::uint32_t> victims,
                                FunctionRef<References(std::uint32_t)> harvest);

/// The names for make_policy; the default first. OPT is not among them: it needs the future
/// (<gonzo/reclaim/opt_policy.h>).
std::span<const std::string_view> policy_names();
inline constexpr std::string_view kDefaultPolicy = "linux";

/// A policy for frames 0 to `frames` - 1. Null: no policy has this name. Throws std::bad_alloc.
std::unique_ptr<ReclaimPolicy> make_policy(std::string_view name, std::uint32_t frames);

}  // namespace gonzo

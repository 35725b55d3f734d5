// A cache of one page table in a host process: which of its entries are mapped there, and the
// commands that make it so. Knows nothing of processes.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "machine/host/command_queue.h"
#include "machine/host/host_pagemap.h"
#include "machine/host/shadow_map.h"
#include <gonzo/base/address.h>
#include <gonzo/paging/page_table.h>
#include <gonzo/paging/software_mmu.h>
#include <gonzo/paging/translation_cache.h>

namespace gonzo {

/// Accessed and dirty bits are produced by what is mapped, and how: what is mapped has A set,
/// unless the host's own tables are to say whether it was used since; an entry is mapped writable
/// only when it has D set already, or for a write fault, which sets D.
///
/// Not thread-safe; entries may change meanwhile, as long as each change to something stricter is
/// followed by invalidate().
class HostShadow {
 public:
  enum class Outcome : std::uint8_t {
    kFilled,  ///< the entry allows the access; commands were queued
    kDenied,
  };

  /// Anything may be mapped there.
  static bool is_guest_address(VirtAddr address);

  /// `frames`: the arena's; entries beyond are never mapped. `mapping_limit`: host mappings that
  /// the shadow may use.
  HostShadow(PageTable& table, std::uint64_t frames, std::size_t mapping_limit)
      : table_(table), frames_(frames), limit_(mapping_limit) {}

  /// Maps the page and what is worth mapping around it.
  Outcome fill(VirtAddr address, Access access);
  /// The #PF error code that a processor walking our entries would give for a user access.
  std::uint32_t error_code(VirtAddr address, Access access) const;
  /// Queues what takes old translations of the range away.
  void invalidate(AddressRange range, Stricter what);
  /// For kAccessed, where the host's tables can be looked at: queues what empties these, and keeps
  /// the mapping.
  void age(AddressRange range);
  /// Mapped, and the entry has no A: only the host's tables know whether the page was used.
  bool is_aged(VirtAddr page) const;
  bool has_aged(std::span<const VirtAddr> pages) const;
  /// Sets A for those that were used.
  void collect_accesses(std::span<const VirtAddr> pages, const HostPagemap& host);
  /// Throws the whole shadow away.
  void drop();

  CommandQueue& pending() { return pending_; }
  std::size_t mappings() const { return map_.size(); }
  std::uint64_t pages_filled() const { return pages_filled_; }
  std::uint64_t drops() const { return drops_; }

 private:
  /// Neighbouring entries of one table that become one mapping.
  struct Candidate {
    ShadowRun run;
    EntryRef first;
  };
  /// How many runs are mapped for one fault, and how long those must be that do not hold its page:
  /// they cost a call each, a fault on one of their pages three times that.
  struct Worth {
    std::size_t most;
    std::uint64_t pages;
  };
  /// Most neighbours are not touched before they change.
  static constexpr Worth kAtRandom{.most = 4, .pages = 4};
  /// What follows will be.
  static constexpr Worth kInOrder{.most = 17, .pages = 1};
  using Candidates = std::array<Candidate, kInOrder.most>;

  bool permits(Entry entry, Access access) const;
  bool is_mappable(Entry entry) const;
  ShadowProtection protection_of(Entry entry) const;
  AddressRange window_for(VirtAddr page);
  /// Runs of mappable entries in `window` that the shadow lacks; the one that holds `page` is the
  /// first, it is there always.
  std::size_t collect(AddressRange window, VirtAddr page, const Worth& worth,
                      Candidates& out) const;
  bool comes_in_order(VirtAddr page) const;
  /// The page and what is worth mapping after it.
  AddressRange following(VirtAddr page);
  bool make_writable(VirtAddr page, Entry entry);
  void map_candidate(const Candidate& candidate);
  void map_large(const LeafSlot& leaf, Entry entry, VirtAddr page);
  void mark_used(VirtAddr page);
  void write_protect(AddressRange range);
  bool has_few_writable(AddressRange range) const;
  void unmap(AddressRange range);
  /// Throwing all away is cheaper than what is queued.
  bool has_too_much_pending() const;

  PageTable& table_;
  const std::uint64_t frames_;
  const std::size_t limit_;
  ShadowMap map_;
  CommandQueue pending_;
  VirtAddr next_sequential_;  ///< where the last fill ended
  std::uint64_t window_pages_ = 0;
  std::uint64_t pages_filled_ = 0;
  std::uint64_t drops_ = 0;
};

}  // namespace gonzo

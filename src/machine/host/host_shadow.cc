#include "machine/host/host_shadow.h"

#include <sys/mman.h>

#include <algorithm>

#include "machine/host/stub/mailbox.h"
#include <gonzo/paging/kernel_half.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kFirstWindow = 16;  // pages; Linux's fault-around (fault_around_bytes)
constexpr std::uint64_t kLastWindow = 512;
constexpr std::uint64_t kWriteWindow = 64;   // as many as mm makes writable at once
constexpr std::uint64_t kBeforeInOrder = 3;  // pages
constexpr std::uint64_t kTableSpan = 512 * kPageSize;
// Beyond, unmapping small mappings and filling them again is cheaper than the commands.
constexpr std::size_t kMaxProtects = 64;
// What is larger always costs more to come back than to be protected.
constexpr std::uint64_t kWorthProtecting = 64;  // pages
constexpr std::size_t kMaxPending = std::size_t{4} * GONZO_COMMAND_CAPACITY;
// A command costs a tenth of the fault that each mapping takes to come back.
constexpr std::size_t kCommandsWorthAMapping = 8;

constexpr AddressRange kBelowStub{VirtAddr(0), VirtAddr(GONZO_STUB_BASE)};
constexpr AddressRange kAboveStub{VirtAddr(GONZO_SLOTS_END), VirtAddr(GONZO_TASK_END)};

/// What a program has written to was used, and then somebody took A away: he wants to see the next
/// use. (A fork takes A away too, and W with it.)
bool was_aged(Entry entry) {
  return entry.is_writable() && entry.has(pte::kDirty) && !entry.has(pte::kAccessed);
}

/// The aligned block of `pages`, a power of two, that holds `page`.
AddressRange block_of(VirtAddr page, std::uint64_t pages) {
  const VirtAddr start(page.value & ~(pages * kPageSize - 1));
  return {start, start + pages * kPageSize};
}

/// Sets the bits that a processor's access would, unless the entry is no longer what was checked.
bool set_if_same(EntryRef slot, Entry expected, std::uint64_t bits) {
  return (expected.raw() & bits) == bits || slot.compare_exchange(expected, expected.with(bits));
}

}  // namespace

bool HostShadow::is_guest_address(VirtAddr address) {
  return kBelowStub.contains(address) || kAboveStub.contains(address);
}

bool HostShadow::is_mappable(Entry entry) const {
  return entry.is_present() && entry.has(pte::kUser) && entry.pfn().value < frames_;
}

bool HostShadow::permits(Entry entry, Access access) const {
  if (!is_mappable(entry)) return false;
  if (access == Access::kWrite) return entry.is_writable();
  if (access == Access::kExecute) return !table_.has_no_execute() || !entry.has(pte::kNoExecute);
  return true;
}

ShadowProtection HostShadow::protection_of(Entry entry) const {
  ShadowProtection protection = PROT_READ;
  if (entry.is_writable() && entry.has(pte::kDirty)) protection |= PROT_WRITE;
  if (!table_.has_no_execute() || !entry.has(pte::kNoExecute)) protection |= PROT_EXEC;
  return protection;
}

std::uint32_t HostShadow::error_code(VirtAddr address, Access access) const {
  std::uint32_t code = fault_code::kUser;
  if (access == Access::kWrite) code |= fault_code::kWrite;
  if (access == Access::kExecute && table_.has_no_execute()) code |= fault_code::kFetch;
  const EntryRef slot = table_.find(address);
  if (slot && slot.load().is_present()) code |= fault_code::kPresent;
  const KernelHalf* const kernel = table_.kernel_half();
  if (kernel != nullptr && kernel->maps(address)) code |= fault_code::kPresent;
  return code;
}

HostShadow::Outcome HostShadow::fill(VirtAddr address, Access access) {
  const VirtAddr page = address.page_floor();
  if (!is_guest_address(page)) return Outcome::kDenied;
  const std::uint64_t bits =
      access == Access::kWrite ? pte::kAccessed | pte::kDirty : pte::kAccessed;
  LeafSlot leaf;
  Entry entry;
  do {
    leaf = table_.find_leaf(page);
    if (!leaf.entry) return Outcome::kDenied;
    entry = leaf.entry.load();
    if (!permits(entry, access)) return Outcome::kDenied;
  } while (!set_if_same(leaf.entry, entry, bits));
  entry = entry.with(bits);

  if (map_.size() + 2 * kAtRandom.most > limit_ || has_too_much_pending()) drop();
  if (leaf.level > 1) {
    map_large(leaf, entry, page);
    return Outcome::kFilled;
  }
  if (access == Access::kWrite && make_writable(page, entry)) return Outcome::kFilled;
  Candidates candidates;
  const std::size_t count = comes_in_order(page)
                                ? collect(following(page), page, kInOrder, candidates)
                                : collect(window_for(page), page, kAtRandom, candidates);
  for (std::size_t i = 0; i < count; ++i) map_candidate(candidates[i]);
  return Outcome::kFilled;
}

// A fault where the last fill ended looks sequential: twice as much each time. Else the aligned
// window that holds the page. Never beyond the span of one last-level table.
AddressRange HostShadow::window_for(VirtAddr page) {
  const VirtAddr table_end((page.value & ~(kTableSpan - 1)) + kTableSpan);
  if (page == next_sequential_) {
    window_pages_ = std::min(2 * window_pages_, kLastWindow);
    return {page, std::min(page + window_pages_ * kPageSize, table_end)};
  }
  window_pages_ = kFirstWindow;
  return block_of(page, kFirstWindow);
}

/// The shadow has the pages before. Unlike window_for() this knows several that come in turn.
bool HostShadow::comes_in_order(VirtAddr page) const {
  if (page.value < kBeforeInOrder * kPageSize || map_.size() + 2 * kInOrder.most > limit_) {
    return false;
  }
  VirtAddr end = page - kBeforeInOrder * kPageSize;
  map_.for_each({end, page}, [&](const ShadowRun& run) {
    if (run.start != end) return false;
    end = run.end;
    return true;
  });
  return end == page;
}

AddressRange HostShadow::following(VirtAddr page) {
  const VirtAddr table_end((page.value & ~(kTableSpan - 1)) + kTableSpan);
  const VirtAddr least = std::min(page + kFirstWindow * kPageSize, table_end);
  return {page, std::max(window_for(page).end, least)};
}

std::size_t HostShadow::collect(AddressRange window, VirtAddr page, const Worth& worth,
                                Candidates& out) const {
  std::size_t count = 1;  // out[0] is kept for the run of the faulting page
  ShadowRun known{};      // a run of the shadow that ends after the page looked at
  bool knows_all = false;
  Candidate current{};

  const auto finish = [&] {
    if (current.run.range().empty()) return;
    if (current.run.range().contains(page)) {
      out[0] = current;
    } else if (count < worth.most && current.run.range().pages() >= worth.pages) {
      out[count++] = current;
    }
    current = {};
  };
  const auto is_shadowed = [&](VirtAddr at, Entry entry, ShadowProtection protection) {
    if (!knows_all && known.end <= at) {
      knows_all = true;
      if (const std::optional<ShadowRun> next = map_.first({at, window.end})) {
        known = *next;
        knows_all = false;
      }
    }
    return !knows_all && known.range().contains(at) && known.frame_at(at) == entry.pfn() &&
           known.protection == protection;
  };

  table_.for_each_table(window, [&](VirtAddr first, EntryRef slot, unsigned slots) {
    for (unsigned i = 0; i < slots; ++i) {
      if (i > 0) slot = slot.next();
      const VirtAddr at = first + i * kPageSize;
      const Entry entry = slot.load();
      const ShadowProtection protection = protection_of(entry);
      if (!is_mappable(entry) ||
          (at != page && (was_aged(entry) || is_shadowed(at, entry, protection)))) {
        finish();
        continue;
      }
      const ShadowRun& run = current.run;
      const bool continues = !run.range().empty() && run.end == at &&
                             run.protection == protection && run.frame_at(at) == entry.pfn();
      if (!continues) {
        finish();
        current = {{at, at, entry.pfn(), protection}, slot};
      }
      current.run.end += kPageSize;
    }
    return true;
  });
  finish();
  return out[0].run.range().empty() ? 0 : count;
}

/// The first write to a page that is there already: cheaper than mapping its window again. Others
/// of its block that may be written to by now come with it, as after a fork whose child has gone.
bool HostShadow::make_writable(VirtAddr page, Entry entry) {
  const ShadowProtection protection = protection_of(entry);
  const std::optional<ShadowRun> run = map_.find(page);
  if (!run || run->frame_at(page) != entry.pfn() || (run->protection | PROT_WRITE) != protection ||
      run->protection == protection) {
    return false;
  }
  const AddressRange block = run->range().intersect(block_of(page, kWriteWindow));
  VirtAddr start = page, end = page + kPageSize;
  const auto is_like = [&](VirtAddr at) {
    const Entry other = table_.find(at).load();
    return is_mappable(other) && other.pfn() == run->frame_at(at) && !was_aged(other) &&
           protection_of(other) == protection && other.has(pte::kAccessed);
  };
  while (start > block.start && is_like(start - kPageSize)) start = start - kPageSize;
  while (end < block.end && is_like(end)) end = end + kPageSize;
  const ShadowRun upgraded{start, end, run->frame_at(start), protection};
  if (upgraded.range().pages() == 1) {
    pending_.protect(upgraded.range(), protection);
  } else {
    // What was mapped to be read may not be populated yet, and the host has no fault-around for
    // writes.
    pending_.map(upgraded, GONZO_OP_MAP_POPULATE);
  }
  map_.insert(upgraded);
  return true;
}

void HostShadow::map_candidate(const Candidate& candidate) {
  ShadowRun run = candidate.run;
  EntryRef slot = candidate.first;
  for (VirtAddr at = run.start; at < run.end; at += kPageSize) {
    if (at != run.start) slot = slot.next();
    const Entry entry = slot.load();
    const bool same = is_mappable(entry) && entry.pfn() == run.frame_at(at) &&
                      protection_of(entry) == run.protection;
    if (!same || !set_if_same(slot, entry, pte::kAccessed)) {
      run.end = at;  // changed meanwhile: it will fault when it is needed
      break;
    }
  }
  if (run.range().empty()) return;
  // Reading, the host maps around each fault by itself, at less than populating costs.
  pending_.map(run, run.protection & PROT_WRITE ? GONZO_OP_MAP_POPULATE : GONZO_OP_MAP);
  map_.insert(run);
  pages_filled_ += run.range().pages();
  next_sequential_ = run.end;
}

void HostShadow::map_large(const LeafSlot& leaf, Entry entry, VirtAddr page) {
  // A piece that the host's own fault-around and large pages can work with.
  const VirtAddr start = std::max(leaf.address, VirtAddr(page.value & ~(kTableSpan - 1)));
  ShadowRun run{start, start + kTableSpan, entry.pfn() + (start - leaf.address) / kPageSize,
                protection_of(entry)};
  if (run.frame.value + run.range().pages() > frames_) run.end = run.start;
  if (run.range().empty()) return;
  pending_.map(run, GONZO_OP_MAP);
  map_.insert(run);
  pages_filled_ += run.range().pages();
}

void HostShadow::invalidate(AddressRange range, Stricter what) {
  if (what == Stricter::kReadOnly) {
    write_protect(range);
  } else {
    unmap(range);
  }
  if (has_too_much_pending()) drop();
}

void HostShadow::age(AddressRange range) {
  map_.for_each(range, [&](const ShadowRun& run) {
    pending_.age(run.range());
    return true;
  });
  if (has_too_much_pending()) drop();
}

bool HostShadow::is_aged(VirtAddr page) const {
  const std::optional<ShadowRun> run = map_.find(page);
  if (!run) return false;
  const EntryRef slot = table_.find(page);
  if (!slot) return false;
  const Entry entry = slot.load();
  return is_mappable(entry) && entry.pfn() == run->frame_at(page) && !entry.has(pte::kAccessed);
}

bool HostShadow::has_aged(std::span<const VirtAddr> pages) const {
  return std::ranges::any_of(pages, [this](VirtAddr page) { return is_aged(page); });
}

void HostShadow::collect_accesses(std::span<const VirtAddr> pages, const HostPagemap& host) {
  // What has yet to be emptied tells of uses before: nothing runs while it waits.
  host.for_each_present(pages, [this](VirtAddr page) {
    if (is_aged(page) && !pending_.ages(page)) mark_used(page);
  });
}

void HostShadow::mark_used(VirtAddr page) {
  const EntryRef slot = table_.find(page);
  Entry entry = slot.load();
  while (is_mappable(entry) && !set_if_same(slot, entry, pte::kAccessed)) entry = slot.load();
}

void HostShadow::unmap(AddressRange range) {
  // The hull of what was mapped may reach over the stub.
  const AddressRange gone = map_.erase(range);
  for (const AddressRange side : {kBelowStub, kAboveStub}) {
    const AddressRange part = gone.intersect(side);
    if (!part.empty()) pending_.unmap(part);
  }
}

bool HostShadow::has_too_much_pending() const {
  return pending_.size() > kMaxPending && pending_.size() > kCommandsWorthAMapping * map_.size();
}

void HostShadow::write_protect(AddressRange range) {
  const bool are_few = has_few_writable(range);
  AddressRange scattered{};  // what is unmapped
  const auto unmap_scattered = [&] {
    if (!scattered.empty()) unmap(scattered);
    scattered = {};
  };
  for (std::optional<ShadowRun> run = map_.first(range); run;
       run = map_.first({run->end, range.end})) {
    const bool is_writable = (run->protection & PROT_WRITE) != 0;
    if (!are_few && run->range().pages() < kWorthProtecting) {
      if (is_writable) {
        scattered = {scattered.empty() ? run->start : scattered.start, run->end};
      }
      continue;
    }
    unmap_scattered();
    if (!is_writable) continue;
    run->protection &= static_cast<ShadowProtection>(~PROT_WRITE);
    pending_.protect(run->range(), run->protection);
    map_.insert(*run);
  }
  unmap_scattered();
}

bool HostShadow::has_few_writable(AddressRange range) const {
  std::size_t count = 0;
  map_.for_each(range, [&](const ShadowRun& run) {
    if (run.protection & PROT_WRITE) ++count;
    return count <= kMaxProtects;
  });
  return count <= kMaxProtects;
}

void HostShadow::drop() {
  map_.clear();
  pending_.clear();
  pending_.unmap(kBelowStub);
  pending_.unmap(kAboveStub);
  next_sequential_ = {};
  ++drops_;
}

}  // namespace gonzo

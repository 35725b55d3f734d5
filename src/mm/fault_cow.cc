// Something is there: a write to a read-only entry, or nothing to do at all.
// Linux: do_wp_page, wp_page_copy, wp_page_reuse (mm/memory.c).
#include <algorithm>
#include <array>
#include <span>

#include "mm/code_pages.h"
#include "mm/fault_context.h"
#include "mm/frame_run.h"
#include "mm/frame_use.h"
#include "mm/guest_bytes.h"
#include "mm/rss_change.h"
#include <gonzo/frame/frame_owner.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kUsedFlags = pte::kAccessed | pte::kDirty;
constexpr std::uint64_t kWrittenFlags = pte::kWrite | kUsedFlags;
constexpr unsigned kMaxCopyRun = 16;  // 64 KiB
constexpr unsigned kReopenRun = 64;   // where writes come in order

/// Holds a frame with descriptor that a write may not reach.
bool is_write_protected(Entry entry) {
  return entry.is_present() && !entry.is_writable() && !entry.has(pte::kSpecial);
}

/// In a private area, only what is the program's own is writable.
bool is_own(Entry entry) { return entry.is_present() && entry.is_writable(); }

/// Turns `entry`, as just read, into `to(entry)`. A processor may set A meanwhile; false when
/// anything else changed. `entry` is what was replaced.
bool replace(EntryRef slot, Entry& entry, Entry (*to)(Entry)) {
  const Entry seen = entry.without(kUsedFlags);
  while (!slot.compare_exchange(entry, to(entry))) {
    if (entry.without(kUsedFlags) != seen) return false;
  }
  return true;
}

Entry written(Entry entry) { return entry.with(kWrittenFlags); }

}  // namespace

/// A page of the block around a write to a read-only entry.
struct AddressSpace::CopySlot {
  EntryRef slot;
  Entry old;  ///< what a claim replaced
  Pfn copy;
};

FaultOutcome AddressSpace::fault_present(FaultContext& context) {
  if (context.entry.is_guard()) return FaultOutcome::kNoMapping;
  if (context.entry.is_swap()) return fault_swap(context);
  if (!context.entry.is_present()) {
    // Claimed by another fault, which needs only a moment more.
    __builtin_ia32_pause();
    return FaultOutcome::kMinor;
  }
  if (context.access != Access::kWrite || context.entry.is_writable()) {
    // Spurious: another thread was first, or the machine had not heard that the entry became laxer.
    const std::uint64_t used = context.access == Access::kWrite ? kUsedFlags : pte::kAccessed;
    if ((context.entry.raw() & used) != used) context.slot.set_bits(used);
    return FaultOutcome::kMinor;
  }
  if (!context.vma.is_shared()) return fault_cow(context);
  // The first write to a clean shared page.
  context.vma.object()->mark_dirty(context.index());
  replace(context.slot, context.entry, written);
  return FaultOutcome::kMinor;
}

/// Whether the program writes to one page of the block after the other: one beside this page is its
/// own already. What it only writes to here and there stays the file's.
bool AddressSpace::is_beside_own(const FaultContext& context) const {
  const AddressRange block = context.block(copy_block_pages());
  const EntryRef slots = table_->find(block.start);
  const auto target = static_cast<unsigned>((context.page - block.start) / kPageSize);
  return (target > 0 && is_own(slots.at(target - 1).load())) ||
         (target + 1 < block.pages() && is_own(slots.at(target + 1).load()));
}

unsigned AddressSpace::copy_block_pages() const {
  return std::min(manager_.config().anonymous_fault_around, kMaxCopyRun);
}

FaultOutcome AddressSpace::fault_cow(FaultContext& context) {
  // The claim keeps the old frame ours while we look at it: nobody can move the entry away now.
  if (!replace(context.slot, context.entry, claimed)) return FaultOutcome::kMinor;
  const bool counted = !context.entry.has(pte::kSpecial);
  const bool reuse = counted && take_from_swap(context.entry.pfn());
  if (reuse) {
    begin_write(context.entry.pfn());
    // Only ours now, whoever had it first (Linux: folio_move_anon_rmap).
    set_frame_origin(frames_.frame(context.entry.pfn()), id_);
    context.slot.store(written(context.entry));
  }

  const bool is_lone =
      context.vma.has(vm_flags::kPfnMap) ||
      (counted && !reuse && frames_.frame(context.entry.pfn()).state != FrameState::kAnonymous &&
       !is_beside_own(context));
  const AddressRange block = context.block(is_lone ? 1 : copy_block_pages());
  std::array<CopySlot, kMaxCopyRun> storage;
  const std::span<CopySlot> slots = std::span(storage).first(block.pages());
  const auto target = static_cast<unsigned>((context.page - block.start) / kPageSize);
  const EntryRef block_slot = table_->find(block.start);
  for (unsigned i = 0; i < slots.size(); ++i) slots[i].slot = block_slot.at(i);
  slots[target] = {context.slot, context.entry, Pfn::none()};

  if (reuse) {
    for (CopySlot& s : slots) reopen(s);
    // Those after the block too, if those before it are the program's own again already.
    const EntryRef before = slots.size() == 1 ? EntryRef() : table_->find(block.start - kPageSize);
    if (!before || !is_own(before.load())) return FaultOutcome::kMinor;
    const AddressRange run = context.block(kReopenRun);
    for (std::uint64_t i = block.pages(); block.start + i * kPageSize < run.end; ++i) {
      CopySlot ahead{.slot = block_slot.at(static_cast<unsigned>(i))};
      reopen(ahead);
      if (!is_own(ahead.slot.load())) break;
    }
    return FaultOutcome::kMinor;
  }
  std::size_t first = target, end = target + 1;
  while (first > 0 && claim_like(context.entry, slots[first - 1])) --first;
  while (end < slots.size() && claim_like(context.entry, slots[end])) ++end;
  return copy_claimed(context, slots.subspan(first, end - first),
                      static_cast<unsigned>(target - first));
}

/// Claims an entry that waits for the same as `target`: a frame in place of zeros, or a copy of its
/// own, of what a fork shares or of the object's page.
bool AddressSpace::claim_like(Entry target, CopySlot& page) {
  page.old = page.slot.load();
  if (target.has(pte::kSpecial)) {
    return page.old.is_present() && page.old.has(pte::kSpecial) &&
           replace(page.slot, page.old, claimed);
  }
  if (!is_write_protected(page.old) || !replace(page.slot, page.old, claimed)) return false;
  const Frame& frame = frames_.frame(page.old.pfn());
  // What swap has the same of may become its own without a copy.
  const bool is_like = frame.state == frames_.frame(target.pfn()).state && !is_exclusive(frame) &&
                       !frame.has(frame_flags::kSwapCached);
  if (!is_like) page.slot.store(page.old);
  return is_like;
}

/// Makes an entry writable whose frame nobody shares any more: when the child of a fork has gone,
/// one fault restores the whole block.
void AddressSpace::reopen(CopySlot& page) {
  page.old = page.slot.load();
  if (!is_write_protected(page.old) || !replace(page.slot, page.old, claimed)) return;
  const bool exclusive = is_exclusive(frames_.frame(page.old.pfn()));
  if (exclusive) begin_write(page.old.pfn());
  page.slot.store(exclusive ? written(page.old) : page.old);
}

/// Gives each claimed page, of which `target` is the fault's, a frame of its own. The order is that
/// of Linux's ptep_clear_flush: no processor may still read the old frame when one can write to the
/// new one.
FaultOutcome AddressSpace::copy_claimed(const FaultContext& context, std::span<CopySlot> pages,
                                        unsigned target) {
  const bool counted = !context.entry.has(pte::kSpecial);
  const bool blank = !counted && !context.vma.has(vm_flags::kPfnMap);
  const VirtAddr start = context.page - target * kPageSize;
  const bool served = allocate_run(frames_, start, static_cast<unsigned>(pages.size()), target,
                                   blank ? ZeroPolicy::kZeroed : ZeroPolicy::kDontCare,
                                   [&](unsigned offset, Pfn first, unsigned count) {
                                     for (unsigned i = 0; i < count; ++i)
                                       pages[offset + i].copy = first + i;
                                   });
  // Neighbours may have got what the target did not.
  const auto has_copy = [](const CopySlot& page) { return !page.copy.is_none(); };
  if (std::ranges::any_of(pages, has_copy)) {
    cache_.invalidate({start, start + pages.size() * kPageSize}, Stricter::kGone);
  }

  const std::uint64_t flags = entry_flags(context.vma) | kWrittenFlags;
  RssChange change;
  std::uint64_t index = context.vma.page_index(start);
  for (CopySlot& page : pages) {
    if (page.copy.is_none()) {
      page.slot.store(page.old);
    } else {
      if (!blank) {
        copy_guest_bytes(frames_.address(page.copy), frames_.address(page.old.pfn()), kPageSize);
      }
      map_fresh(page.copy, index);
      announce_code(cache_, context.vma, page.copy);
      page.slot.store(Entry::map(page.copy, flags));
      ++change.anon;
      if (counted) {
        change.add(frames_.frame(page.old.pfn()), -1);
        forget_page(page.old.pfn());
        frames_.put(page.old.pfn());
      }
    }
    ++index;
  }
  note_own_pages(context.vma);
  count_rss(context.vma, change);
  return served ? FaultOutcome::kMinor : FaultOutcome::kOutOfMemory;
}

}  // namespace gonzo

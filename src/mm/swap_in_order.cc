// Who asks for swapped pages one after the other gets those that follow with the one that he asks
// for. Linux has one fault for each, which costs it less than a trap of a machine costs us; the
// nearest is swap_vma_readahead (mm/swap_state.c).
#include <algorithm>
#include <array>

#include "mm/fault_context.h"
#include "mm/swapped_page.h"

namespace gonzo {
namespace {

constexpr unsigned kMostFollowing = 32;
constexpr unsigned kLeastBefore = 3;
/// A last-level table has as many entries, or twice as many.
constexpr std::uint64_t kTableEntries = 512;

bool was_used(Entry entry) { return entry.is_present() && entry.has(pte::kAccessed); }

/// Pages that are only on a device, and frames for them.
struct Reads {
  std::array<SwapSlot, kMostFollowing> slots;
  std::array<Pfn, kMostFollowing> frames;
  std::array<Shadow, kMostFollowing> shadows;
  std::size_t count = 0;
};

/// False: there is no frame.
bool start_read(SwapSpace& swap, FrameAllocator& frames, SwapSlot slot, Reads& reads) {
  const Shadow shadow{swap.shadow(slot)};
  if (!swap.try_start(slot)) return true;
  const auto pfn = frames.allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare);
  if (!pfn) {
    swap.finish_read(slot, fail(pfn.error()));
    return false;
  }
  frames.frame(*pfn).set(frame_flags::kReadAhead);
  reads.slots[reads.count] = slot;
  reads.shadows[reads.count] = shadow;
  reads.frames[reads.count++] = *pfn;
  return true;
}

/// Neighbours get neighbouring frames where they can, so that a machine can map them at once.
void finish_reads(MemoryManager& manager, Reads& reads) {
  SwapSpace& swap = *manager.swap();
  const auto frames = std::span(reads.frames).first(reads.count);
  std::ranges::sort(frames, {}, &Pfn::value);
  const std::size_t good = swap.read_in(std::span(reads.slots).first(reads.count), frames).pages;
  for (std::size_t i = 0; i < reads.count; ++i) {
    const bool is_cached =
        swap.finish_read(reads.slots[i], i < good ? Result<Pfn>(frames[i]) : fail(Errno::kIo));
    if (is_cached) manager.note_arrival(frames[i], reads.shadows[i]);
    manager.frames().put(frames[i]);
  }
}

}  // namespace

/// How many pages are worth having at once: as many as were used before this one without a gap.
/// None where each page is to have its own fault.
unsigned AddressSpace::pages_in_order(const FaultContext& context) const {
  if (manager_.config().anonymous_fault_around == 1) return 0;
  const std::uint64_t place = context.page.page_number() % kTableEntries;
  const std::uint64_t before = std::min(
      {place, (context.page - context.vma.start()) / kPageSize, std::uint64_t{kMostFollowing}});
  const EntryRef first = table_->find(context.page - before * kPageSize);
  unsigned run = 0;
  while (run < before && was_used(first.at(static_cast<unsigned>(before) - 1 - run).load())) ++run;
  if (run < kLeastBefore) return 0;
  const std::uint64_t after =
      std::min(kTableEntries - place, (context.vma.end() - context.page) / kPageSize) - 1;
  return static_cast<unsigned>(std::min<std::uint64_t>(run, after));
}

/// Reads what lies in memory; from elsewhere the pages come by read_swap.
void AddressSpace::bring_following(const FaultContext& context) {
  const unsigned most = pages_in_order(context);
  SwapSpace& swap = *manager_.swap();
  Reads reads;
  unsigned end = 1;
  for (; end <= most; ++end) {
    const Entry entry = context.slot.at(end).load();
    if (!entry.is_swap()) break;
    const SwapSlot slot = slot_of(entry);
    if (!swap.is_in_memory(slot)) continue;
    if (!start_read(swap, frames_, slot, reads)) break;
  }
  if (reads.count != 0) finish_reads(manager_, reads);
  for (unsigned i = 1; i < end; ++i) {
    FaultContext next{.space = *this,
                      .vma = context.vma,
                      .page = context.page + i * kPageSize,
                      .access = Access::kRead,
                      .slot = context.slot.at(i),
                      .entry = context.slot.at(i).load()};
    if (!next.entry.is_swap()) continue;
    const auto found = swap.find(slot_of(next.entry));
    if (!found) continue;
    if (frames_.frame(*found).take(frame_flags::kReadAhead)) {
      swap.note_readahead_hit(slot_of(next.entry));
      map_swapped(next, {.pfn = *found});
    } else {
      frames_.put(*found);  // on its way out, or somebody else's
    }
  }
}

}  // namespace gonzo

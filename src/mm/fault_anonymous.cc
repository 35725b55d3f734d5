// Nothing there yet, private anonymous memory. Linux: do_anonymous_page (mm/memory.c).
#include <algorithm>
#include <bit>

#include "mm/code_pages.h"
#include "mm/fault_context.h"
#include "mm/frame_run.h"
#include "mm/frame_use.h"
#include "mm/rss_change.h"

namespace gonzo {
namespace {

constexpr unsigned kMaxWindowOrder = 9;  // 2 MiB: one page table's worth

constexpr std::uint64_t kWrittenFlags = pte::kWrite | pte::kAccessed | pte::kDirty;

/// The blank entries without a break around one of them, in pages from the window's start.
struct BlankRun {
  unsigned first = 0;
  unsigned pages = 0;
};

BlankRun find_blank_run(EntryRef window, unsigned pages, unsigned around) {
  BlankRun run{around, window.at(around).leading_blanks(pages - around)};
  while (run.pages > 0 && run.first > 0 && window.at(run.first - 1).load().is_blank()) {
    --run.first;
    ++run.pages;
  }
  return run;
}

}  // namespace

/// The pages that this fault may bring. The aligned block doubles each time that a fault lands
/// right behind the last one, as a sequential writer's does. Racing faults may overwrite each
/// other's note: it is a hint.
AddressRange AddressSpace::anonymous_window(const FaultContext& context) {
  auto order = static_cast<unsigned>(std::bit_width(manager_.config().anonymous_fault_around) - 1);
  const std::uint64_t last = sequential_hint_.load(std::memory_order_relaxed);
  if (page_floor(last) == context.page.value) {
    order = std::min(static_cast<unsigned>(last & ~kPageMask) + 1, kMaxWindowOrder);
  }
  const AddressRange window = context.block(std::uint64_t{1} << order);
  sequential_hint_.store(window.end.value | order, std::memory_order_relaxed);
  return window;
}

FaultOutcome AddressSpace::fault_anonymous(FaultContext& context) {
  if (!context.make_slot()) return FaultOutcome::kOutOfMemory;
  const std::uint64_t flags = entry_flags(context.vma) | pte::kAccessed;
  if (context.access != Access::kWrite) {
    map_zero_pages(context, flags | pte::kSpecial);
    return FaultOutcome::kMinor;
  }
  note_own_pages(context.vma);
  if (manager_.config().anonymous_fault_around > 1) return fill_around(context);

  const auto pfn = frames_.allocate(0, FrameState::kAnonymous, ZeroPolicy::kZeroed);
  if (!pfn) return FaultOutcome::kOutOfMemory;
  map_fresh(*pfn, context.index());
  if (context.install(Entry::map(*pfn, flags | kWrittenFlags))) {
    atomic_.rss_anon.fetch_add(1, std::memory_order_relaxed);
  } else {
    forget_map(frames_.frame(*pfn));
    frames_.put(*pfn);
  }
  return FaultOutcome::kMinor;
}

/// Costs no memory, so it takes what is blank around the fault without asking whether it pays.
void AddressSpace::map_zero_pages(const FaultContext& context, std::uint64_t flags) {
  const AddressRange window = context.block(manager_.zero_page_count());
  const auto target = static_cast<unsigned>((context.page - window.start) / kPageSize);
  const EntryRef window_slot = table_->find(window.start);
  const BlankRun run = find_blank_run(window_slot, static_cast<unsigned>(window.pages()), target);
  const EntryRef slots = window_slot.at(run.first);
  const VirtAddr start = window.start + run.first * kPageSize;
  unsigned filled = 0;
  for (unsigned i = 0; i < run.pages; ++i) {
    Entry blank;
    const Pfn zeros = manager_.zero_page(start + i * kPageSize);
    if (slots.at(i).compare_exchange(blank, Entry::map(zeros, flags))) ++filled;
  }
  if (filled > 0) table_->entry_filled(slots, filled);
}

FaultOutcome AddressSpace::fill_around(FaultContext& context) {
  const AddressRange window = anonymous_window(context);
  const auto target = static_cast<unsigned>((context.page - window.start) / kPageSize);
  const EntryRef window_slot = table_->find(window.start);
  const BlankRun run = find_blank_run(window_slot, static_cast<unsigned>(window.pages()), target);
  if (run.pages == 0) return FaultOutcome::kMinor;  // another thread was first

  const VirtAddr start = window.start + run.first * kPageSize;
  const EntryRef slots = window_slot.at(run.first);
  const std::uint64_t index = context.vma.page_index(start);
  const std::uint64_t flags = entry_flags(context.vma) | kWrittenFlags;
  unsigned filled = 0;
  const bool served =
      allocate_run(frames_, start, run.pages, target - run.first, ZeroPolicy::kZeroed,
                   [&](unsigned offset, Pfn first, unsigned count) {
                     announce_code(cache_, context.vma, first, count);
                     for (unsigned i = 0; i < count; ++i) {
                       const Pfn pfn = first + i;
                       map_fresh(pfn, index + offset + i);
                       Entry blank;
                       if (slots.at(offset + i).compare_exchange(blank, Entry::map(pfn, flags))) {
                         ++filled;
                       } else {
                         forget_map(frames_.frame(pfn));
                         frames_.put(pfn);
                       }
                     }
                   });
  if (filled > 0) {
    table_->entry_filled(slots, filled);
    atomic_.rss_anon.fetch_add(filled, std::memory_order_relaxed);
  }
  return served ? FaultOutcome::kMinor : FaultOutcome::kOutOfMemory;
}

}  // namespace gonzo

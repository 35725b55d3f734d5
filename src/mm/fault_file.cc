// Nothing there yet, memory of an object: file or shared memory.
// Linux: do_read_fault, do_cow_fault, do_shared_fault, filemap_map_pages.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "mm/code_pages.h"
#include "mm/fault_context.h"
#include "mm/frame_use.h"
#include "mm/rss_change.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kMostFileAround = 512;  // one page table's worth

FaultOutcome outcome_of(Errno error) {
  return error == Errno::kNoMem ? FaultOutcome::kOutOfMemory : FaultOutcome::kBeyondObject;
}

/// Linux: do_sync_mmap_readahead.
PageIntent read_intent(const Vma& vma) {
  return vma.has(vm_flags::kRandom) ? PageIntent::kReadAlone : PageIntent::kRead;
}

FaultOutcome outcome_of(const ObjectPage& page) {
  return page.major ? FaultOutcome::kMajor : FaultOutcome::kMinor;
}

}  // namespace

FaultOutcome AddressSpace::fault_file(FaultContext& context) {
  if (!context.make_slot()) return FaultOutcome::kOutOfMemory;
  if (context.vma.has(vm_flags::kPfnMap)) return fault_uncounted(context);
  if (context.access == Access::kWrite) {
    return context.vma.is_shared() ? fault_shared_write(context) : fault_private_write(context);
  }
  if (map_resident(context)) return FaultOutcome::kMinor;
  const auto page = context.vma.object()->get_page(context.index(), read_intent(context.vma));
  if (!page) return outcome_of(page.error());
  map_object_page(context, page->pfn, entry_flags(context.vma) | pte::kAccessed);
  return outcome_of(*page);
}

/// A frame of the machine's own, which the object keeps for longer than any area lives: no entry
/// counts it (Linux: vmf_insert_pfn).
FaultOutcome AddressSpace::fault_uncounted(FaultContext& context) {
  const auto page = context.vma.object()->get_page(context.index(), PageIntent::kReadAlone);
  if (!page) return outcome_of(page.error());
  context.install(Entry::map(page->pfn, entry_flags(context.vma) | pte::kAccessed | pte::kSpecial));
  frames_.put(page->pfn);
  return outcome_of(*page);
}

/// The first write to a shared page. Only now does the object hear of it: that is why clean pages
/// of files are mapped read-only (Linux: vma_wants_writenotify, page_mkwrite).
FaultOutcome AddressSpace::fault_shared_write(FaultContext& context) {
  MappedObject& object = *context.vma.object();
  const auto page = object.get_page(context.index(), PageIntent::kWrite);
  if (!page) return outcome_of(page.error());
  if (!object.is_shmem()) object.mark_dirty(context.index());
  map_object_page(context, page->pfn,
                  entry_flags(context.vma) | pte::kWrite | pte::kAccessed | pte::kDirty);
  return outcome_of(*page);
}

/// A private page that starts with a write is copied at once, with no detour by a read-only entry;
/// unless its neighbours will be too.
FaultOutcome AddressSpace::fault_private_write(FaultContext& context) {
  if (is_beside_own(context) && map_resident(context)) {
    context.entry = context.slot.load();
    return fault_present(context);
  }
  note_own_pages(context.vma);  // as on Linux, also where the object has no such page
  const auto copy = frames_.allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare);
  if (!copy) return FaultOutcome::kOutOfMemory;
  const auto page = context.vma.object()->get_page(context.index(), read_intent(context.vma));
  if (!page) {
    frames_.put(*copy);
    return outcome_of(page.error());
  }
  std::memcpy(frames_.address(*copy), frames_.address(page->pfn), kPageSize);
  frames_.put(page->pfn);
  map_fresh(*copy, context.index());
  const std::uint64_t flags = entry_flags(context.vma) | pte::kWrite | pte::kAccessed | pte::kDirty;
  if (context.install(Entry::map(*copy, flags))) {
    atomic_.rss_anon.fetch_add(1, std::memory_order_relaxed);
  } else {
    forget_map(frames_.frame(*copy));
    frames_.put(*copy);
  }
  return outcome_of(*page);
}

/// Maps a page whose reference the caller hands over.
void AddressSpace::map_object_page(FaultContext& context, Pfn pfn, std::uint64_t flags) {
  Frame& frame = frames_.frame(pfn);
  frame.maps.fetch_add(1, std::memory_order_relaxed);
  if (context.install(Entry::map(pfn, flags))) {
    count_rss(context.vma, RssChange{.object = 1});
    return;
  }
  frame.maps.fetch_sub(1, std::memory_order_relaxed);
  frames_.put(pfn);
}

/// The pages that a read fault may map if the object has them. Behind the last window, a sequential
/// reader's grows to the end of a block of twice the size.
AddressRange AddressSpace::file_window(const FaultContext& context) {
  const MemoryManager::Config& config = manager_.config();
  const auto in_range = [](std::uint64_t pages) {
    return std::bit_floor(std::clamp<std::uint64_t>(pages, 1, kMostFileAround));
  };
  const std::uint64_t around = in_range(config.file_fault_around);
  const std::uint64_t last = file_hint_.load(std::memory_order_relaxed);
  const std::uint64_t doubled =
      page_floor(last) == context.page.value ? std::uint64_t{2} << (last & ~kPageMask) : 0;
  const std::uint64_t pages = std::min(doubled, in_range(config.file_stream_around));
  if (pages <= around) return context.block(around);
  return {context.page, context.block(pages).end};
}

/// Maps what the object already holds around the page, without I/O (Linux: do_fault_around). Only
/// the entry that was asked for is young. True: that one is there now.
bool AddressSpace::map_resident(FaultContext& context) {
  const AddressRange window = file_window(context);
  std::array<Pfn, kMostFileAround> found;
  const std::span<Pfn> pages = std::span(found).first(window.pages());
  context.vma.object()->get_resident(context.vma.page_index(window.start), pages);

  const std::uint64_t flags = entry_flags(context.vma);
  const EntryRef first = table_->find(window.start);
  const auto target = static_cast<unsigned>((context.page - window.start) / kPageSize);
  unsigned filled = 0;
  for (unsigned i = 0; i < pages.size(); ++i) {
    const Pfn pfn = pages[i];
    if (pfn.is_none()) continue;
    Frame& frame = frames_.frame(pfn);
    frame.maps.fetch_add(1, std::memory_order_relaxed);
    announce_code(cache_, context.vma, pfn);
    Entry blank;
    const Entry entry = Entry::map(pfn, i == target ? flags | pte::kAccessed : flags);
    if (first.at(i).compare_exchange(blank, entry)) {
      ++filled;
    } else {
      frame.maps.fetch_sub(1, std::memory_order_relaxed);
      frames_.put(pfn);
    }
  }
  if (filled > 0) {
    table_->entry_filled(first, filled);
    count_rss(context.vma, RssChange{.object = filled});
  }
  const bool found_it = !pages[target].is_none();
  // What has yet to be read comes with what follows it, which the next fault maps.
  const VirtAddr next = found_it ? window.end : context.page + kPageSize;
  const int order = static_cast<int>(std::bit_width(window.pages())) - (found_it ? 1 : 2);
  file_hint_.store(next.value | static_cast<std::uint64_t>(std::max(order, 0)),
                   std::memory_order_relaxed);
  return found_it;
}

}  // namespace gonzo

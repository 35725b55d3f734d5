#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "observe/explanation.h"
#include <gonzo/base/bytes.h>

namespace gonzo {
namespace {

constexpr int kMostTries = 3;

/// What is behind it, by its last entry and its area.
Residence residence_of(const PageReport& page) {
  if (!is_canonical(page.format, page.address)) return Residence::kNoAddress;
  if (page.address >= page.user_end) return Residence::kKernelHalf;
  if (!page.area) return Residence::kNoArea;
  const TableStep& last = page.path.last();
  if (last.leads == TableStep::Leads::kToPage) {
    if (page.is_zero_page) return Residence::kZeroPage;
    return last.entry.is_present() ? Residence::kPresent : Residence::kProtNone;
  }
  if (last.level == 1 && last.entry.is_guard()) return Residence::kGuard;
  if (last.level == 1 && last.entry.is_swap()) return Residence::kSwapped;
  if (!page.object) return Residence::kNeverTouched;
  if (page.object->is_beyond()) return Residence::kBeyondEnd;
  if (page.object->is_swapped) return Residence::kSwapped;
  return page.object->is_resident ? Residence::kNotMappedYet : Residence::kNeverTouched;
}

std::string distance_text(std::uint64_t bytes) {
  return bytes < kPageSize ? fmt::format("{} bytes", bytes) : bytes_text(page_floor(bytes));
}

/// Below an area that grows down: would a touch make it grow? As AddressSpace::grow_stack asks, but
/// for the limits on all of memory.
std::string stack_reason(const PageReport& page, const MemoryManager::Config& config) {
  const AreaReport& stack = *page.above;
  const std::string distance = distance_text(stack.range.start - page.address);
  const VirtAddr start = page.address.page_floor();
  if (stack.range.end - start > page.stack_limit) {
    return fmt::format("No area: {} below the stack, which may not grow beyond {}.", distance,
                       bytes_text(page.stack_limit));
  }
  const std::uint64_t guard = config.stack_guard_gap * kPageSize;
  const bool has_neighbour =
      page.below && !page.below->has(vm_flags::kGrowsDown) && page.below->has(vm_flags::kProtMask);
  if (has_neighbour && start - page.below->range.end < guard) {
    return fmt::format(
        "No area: in the guard gap of {} below the stack, which keeps it from the "
        "area underneath.",
        bytes_text(guard));
  }
  return fmt::format(
      "No area yet: {} below the stack, which grows down to here when it is touched.", distance);
}

std::string no_area_reason(const PageReport& page, const MemoryManager::Config& config) {
  if (page.address.value < kPageSize) {
    return "No area: the first page is never mapped, so that null pointers fault.";
  }
  if (page.above && page.above->has(vm_flags::kGrowsDown)) return stack_reason(page, config);
  if (page.below && page.above) {
    return fmt::format("No area: {} above the one below, {} below the one above.",
                       distance_text(page.address - page.below->range.end),
                       distance_text(page.above->range.start - page.address));
  }
  if (page.above) {
    return fmt::format("No area: {} below the first.",
                       distance_text(page.above->range.start - page.address));
  }
  if (page.below) {
    return fmt::format("No area: {} above the last.",
                       distance_text(page.address - page.below->range.end));
  }
  return "No area: the address space is empty.";
}

std::string never_touched_reason(const PageReport& page) {
  if (!page.area->has(vm_flags::kProtMask)) {
    return "Nothing there: the area allows no access at all.";
  }
  if (!page.object) {
    return "Never touched: the first read maps a page of zeros, the first write a frame of its "
           "own.";
  }
  return page.object->is_shared_memory
             ? "Never touched: the first access makes a page of shared memory."
             : "Never touched: the first access reads the page from its file.";
}

std::string present_reason(const Explanation& explanation) {
  const PageReport& page = explanation.page;
  const bool is_anonymous = page.frame->state == FrameState::kAnonymous;
  const bool is_writable = page.path.last().entry.is_writable();
  std::string text = fmt::format("Present, in frame {:#x}", page.frame->pfn.value);
  if (page.object) {
    text += is_anonymous
                ? fmt::format(": a private copy of page {} of what the area maps",
                              page.object->offset / kPageSize)
                : fmt::format(": page {} of what the area maps", page.object->offset / kPageSize);
  }
  text += '.';
  if (is_writable || !page.area->has(vm_flags::kWrite)) return text;
  if (page.frame->has(frame_flags::kSwapCached)) {
    return text + " Read-only while swap has the same; a write gives up the slot.";
  }
  if (page.area->has(vm_flags::kShared)) {
    return text + " Read-only while it is clean; a write is noted, so that it gets to the file.";
  }
  return text + (is_anonymous && page.frame->maps == 1
                     ? " Read-only since it was shared; a write takes it back as it is."
                     : " Read-only while it is shared; a write makes a copy.");
}

std::string swapped_reason(const Explanation& explanation) {
  if (!explanation.swap) return "In swap, as a page of shared memory; an access brings it back.";
  if (explanation.swap->is_cached) {
    return "Swapped out, but still in memory: an access finds it in the swap cache.";
  }
  return "Swapped out: an access reads it back.";
}

std::string reason_of(const Explanation& explanation, const MemoryManager::Config& config) {
  const PageReport& page = explanation.page;
  switch (explanation.residence) {
    case Residence::kPresent:
      return present_reason(explanation);
    case Residence::kZeroPage:
      return "Read, never written: the page of zeros that all share. The first write brings a "
             "frame.";
    case Residence::kProtNone:
      return fmt::format("In frame {:#x}, which no access may reach: PROT_NONE.",
                         page.frame->pfn.value);
    case Residence::kSwapped:
      return swapped_reason(explanation);
    case Residence::kGuard:
      return "A guard: MADV_GUARD_INSTALL made any access a fault.";
    case Residence::kNeverTouched:
      return never_touched_reason(page);
    case Residence::kNotMappedYet:
      return "Not touched by this process, but in memory: an access maps it without reading.";
    case Residence::kBeyondEnd:
      return fmt::format("Past the end: the area maps {}, and any access here is SIGBUS.",
                         bytes_text(*page.object->bytes));
    case Residence::kNoArea:
      return no_area_reason(page, config);
    case Residence::kKernelHalf:
      return page.frame ? fmt::format("The kernel's half: frame {:#x}, for the supervisor only.",
                                      page.frame->pfn.value)
                        : "The kernel's half, where nothing is mapped.";
    case Residence::kNoAddress:
      break;
  }
  return is_32bit(page.format) ? "No address: these programs have 4 GiB of them."
                               : "No address: the high bits are not all alike (non-canonical).";
}

/// Of an entry of the page tables; shared memory's pages are in swap by their object.
std::optional<SwapPlace> find_swap(AddressSpace& space, const Explanation& explanation) {
  const SwapSpace* swap = space.manager().swap();
  if (swap == nullptr) return {};
  const Entry entry = explanation.page.path.last().entry;
  const auto& frame = explanation.page.frame;
  SwapSlot slot;
  if (frame && frame->has(frame_flags::kSwapCached)) {
    slot = unpack_swap_slot(frame->swap_slot);
  } else if (explanation.residence == Residence::kSwapped && entry.is_swap()) {
    slot = {.type = entry.swap_type(), .offset = entry.swap_offset()};
  } else {
    return {};
  }
  SwapPlace place{.slot = slot,
                  .device = {},
                  .kind = {},
                  .entries = swap->count(slot),
                  .is_cached = swap->is_cached(slot)};
  for (const SwapSpace::Area& area : swap->areas()) {
    if (area.type != slot.type) continue;
    place.device = area.name;
    place.kind = area.kind;
  }
  return place;
}

/// Nothing holds the frame between the two looks: they must agree.
void find_page(AddressSpace& space, VirtAddr address, Explanation& explanation) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    explanation.page = space.report_page(address);
    explanation.mappings.clear();
    const auto& frame = explanation.page.frame;
    if (!frame || frame->maps == 0) return;
    explanation.mappings = space.manager().mappings_of(frame->pfn, Explanation::kMostMappings);
    if (address >= explanation.page.user_end) return;
    const bool agrees = std::ranges::any_of(explanation.mappings, [&](const PageMapping& mapping) {
      return mapping.space == space.id() && mapping.address == address.page_floor();
    });
    if (agrees || explanation.mappings.size() == Explanation::kMostMappings) return;
  }
}

}  // namespace

std::string_view residence_name(Residence residence) {
  switch (residence) {
    case Residence::kPresent:
      return "present";
    case Residence::kZeroPage:
      return "zero page";
    case Residence::kProtNone:
      return "no access";
    case Residence::kSwapped:
      return "swapped out";
    case Residence::kGuard:
      return "guard";
    case Residence::kNeverTouched:
      return "never touched";
    case Residence::kNotMappedYet:
      return "not mapped yet";
    case Residence::kBeyondEnd:
      return "beyond the end";
    case Residence::kNoArea:
      return "no area";
    case Residence::kKernelHalf:
      return "kernel half";
    case Residence::kNoAddress:
      break;
  }
  return "no address";
}

std::string_view access_name(std::uint32_t error_code) {
  if ((error_code & fault_code::kFetch) != 0) return "an instruction fetch";
  return (error_code & fault_code::kWrite) != 0 ? "a write" : "a read";
}

std::string denial_text(const AreaReport& area, std::uint32_t error_code) {
  const auto allows = [&](std::uint64_t flag) { return area.has(flag); };
  const bool is_allowed = (error_code & fault_code::kFetch) != 0   ? allows(vm_flags::kExec)
                          : (error_code & fault_code::kWrite) != 0 ? allows(vm_flags::kWrite)
                                                                   : allows(vm_flags::kProtMask);
  if (is_allowed) return {};
  return fmt::format("the area is {}{}{}", allows(vm_flags::kRead) ? 'r' : '-',
                     allows(vm_flags::kWrite) ? 'w' : '-', allows(vm_flags::kExec) ? 'x' : '-');
}

Explanation explain(AddressSpace& space, VirtAddr address) {
  Explanation explanation;
  find_page(space, address, explanation);
  explanation.segments = flat_segments(explanation.page.format);
  explanation.residence = residence_of(explanation.page);
  explanation.swap = find_swap(space, explanation);
  MemoryManager& manager = space.manager();
  const auto& frame = explanation.page.frame;
  if (const Reclaimer* reclaimer = manager.reclaimer(); frame && reclaimer != nullptr) {
    explanation.policy = reclaimer->policy_name();
    explanation.policy_place = reclaimer->whereabouts(frame->pfn);
  }
  explanation.reason = reason_of(explanation, manager.config());
  return explanation;
}

}  // namespace gonzo

// Walks areas, entries, frames and counters against each other. Nothing like it in Linux, but for
// validate_mm and check_mm.
#include <fmt/format.h>

#include <array>
#include <unordered_map>

#include "mm/area_counts.h"
#include "mm/frame_use.h"
#include "mm/rss_change.h"

namespace gonzo {

/// What a walk of all entries finds, to be compared with what is kept.
struct AddressSpace::Census {
  std::int64_t rss_anon = 0, rss_file = 0, rss_shmem = 0, swap = 0;
  std::unordered_map<std::uint32_t, std::uint32_t> entries;  ///< by the frame of their table
};

std::string AddressSpace::verify() {
  LockGuard guard(lock_);
  if (std::string wrong = verify_areas(); !wrong.empty()) return wrong;
  Census census;
  std::string wrong;
  const VmaIndex& areas = *areas_;
  const Vma* vma = nullptr;
  table_->for_each_entry({VirtAddr(0), table_->user_end()}, [&](const LeafSlot& leaf) {
    if (vma == nullptr || leaf.address >= vma->end()) vma = areas.find(leaf.address);
    wrong = verify_entry(vma, leaf, census);
    return wrong.empty();
  });
  return wrong.empty() ? verify_census(census) : wrong;
}

std::string AddressSpace::verify_areas() {
  if (std::string wrong = areas_->verify(); !wrong.empty()) return wrong;
  const Vma* previous = nullptr;
  AddressSpaceCounts sums;
  sums.locked = stray_locked_;
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    const AddressRange range = vma->range();
    const auto complain = [&](const char* what) {
      return fmt::format("area {:x}-{:x} {}", range.start.value, range.end.value, what);
    };
    if (range.empty()) return complain("is empty");
    if (!range.start.is_page_aligned() || !range.end.is_page_aligned()) {
      return complain("is not page aligned");
    }
    if (range.end > table_->user_end()) return complain("reaches into the kernel half");
    if (range.overlaps(config_.reserved)) return complain("lies in the reserved range");
    if (previous != nullptr && previous->end() > range.start) {
      return complain("overlaps the one below");
    }
    if (vma->is_shared() && vma->is_anonymous()) return complain("is shared but has no object");
    previous = vma;
    if (vma->has(vm_flags::kLockOnFault) && !vma->has(vm_flags::kLocked)) {
      return complain("locks on faults, but is not locked");
    }
    add_area_pages(sums, vma->flags(), static_cast<std::int64_t>(vma->pages()));
    if (vma->has(vm_flags::kAccount)) sums.committed += vma->pages();
    ++sums.areas;
  }
  if (sums.areas != areas_->size()) {
    return fmt::format("{} areas found, the index says {}", sums.areas, areas_->size());
  }
  return verify_counts(sums);
}

std::string AddressSpace::verify_counts(const AddressSpaceCounts& sums) {
  struct Count {
    const char* name;
    std::uint64_t AddressSpaceCounts::* member;
  };
  constexpr std::array kCounts{Count{"total_vm", &AddressSpaceCounts::total},
                               Count{"data_vm", &AddressSpaceCounts::data},
                               Count{"exec_vm", &AddressSpaceCounts::exec},
                               Count{"stack_vm", &AddressSpaceCounts::stack},
                               Count{"locked_vm", &AddressSpaceCounts::locked},
                               Count{"committed", &AddressSpaceCounts::committed}};
  for (const auto& [name, member] : kCounts) {
    if (sums.*member == counts_.*member) continue;
    return fmt::format("areas have {} pages, {} says {}", sums.*member, name, counts_.*member);
  }
  if (manager_.commitments().committed() < counts_.committed) {
    return fmt::format("{} pages are committed, of all address spaces only {}", counts_.committed,
                       manager_.commitments().committed());
  }
  return {};
}

std::string AddressSpace::verify_entry(const Vma* vma, const LeafSlot& leaf, Census& census) {
  const Entry entry = leaf.entry.load();
  const auto complain = [&](std::string_view what) {
    return fmt::format("entry {:#x} at {:x} {}", entry.raw(), leaf.address.value, what);
  };
  const auto table = static_cast<std::uint64_t>(static_cast<std::byte*>(leaf.entry.slot()) -
                                                frames_.address(Pfn(0)));
  ++census.entries[static_cast<std::uint32_t>(table >> kPageShift)];

  if (vma == nullptr || leaf.address < vma->start()) return complain("lies in no area");
  if (leaf.level != 1) return complain("is a large page");
  if (entry.is_guard()) {
    return vma->has(vm_flags::kMaybeGuard) ? std::string() : complain("guards an unmarked area");
  }
  if (entry.is_swap()) {
    ++census.swap;
    if (manager_.swap() == nullptr) return complain("is in swap, but there is none");
    if (vma->is_shared()) return complain("is in swap in a shared area");
    const SwapSlot slot{entry.swap_type(), entry.swap_offset()};
    return manager_.swap()->count(slot) != 0 ? std::string() : complain("names a free slot");
  }
  if (!entry.is_mapping()) return complain("is neither blank nor a mapping");
  const bool accessible = vma->has(vm_flags::kProtMask);
  if (entry.is_present() != accessible) return complain("disagrees with PROT_NONE of its area");
  if (entry.is_writable() && !vma->has(vm_flags::kWrite)) {
    return complain("is writable, its area is not");
  }
  if (accessible && table_->has_no_execute() &&
      entry.has(pte::kNoExecute) == vma->has(vm_flags::kExec)) {
    return complain("disagrees with PROT_EXEC of its area");
  }
  if (entry.has(pte::kSpecial) && vma->has(vm_flags::kPfnMap)) {
    return entry.is_writable() && !vma->is_shared()
               ? complain("makes a frame of the machine's privately writable")
               : std::string();
  }
  if (entry.has(pte::kSpecial)) {
    if (!manager_.is_zero_page(entry.pfn())) return complain("is special, but not a zero page");
    return entry.is_writable() ? complain("makes a zero page writable") : std::string();
  }
  const std::string wrong = verify_mapped_frame(*vma, leaf.address, entry, census);
  return wrong.empty() ? wrong : complain(wrong);
}

std::string AddressSpace::verify_mapped_frame(const Vma& vma, VirtAddr address, Entry entry,
                                              Census& census) {
  if (!frames_.contains(entry.pfn())) return "maps a frame past the end of memory";
  const Frame& frame = frames_.frame(entry.pfn());
  auto maps = frame.maps.load();
  auto refs = frame.refs.load();
  // Another address space may map it, or let it go, between the two looks.
  for (auto now = frame.maps.load(); now != maps; now = frame.maps.load()) {
    maps = now;
    refs = frame.refs.load();
  }
  if (maps < 1 || refs < maps) return fmt::format("maps a frame with maps={} refs={}", maps, refs);
  if (frame.state == FrameState::kAnonymous) {
    ++census.rss_anon;
    if (vma.is_shared()) return "maps an anonymous frame in a shared area";
    if (!vma.has_own_pages()) return "maps a frame of its own that the area does not know of";
    if (entry.is_writable() && maps != 1) return "makes a shared frame writable";
    if (entry.is_writable() && is_watched(frame)) return "makes a frame writable unseen";
    if (frame.index != vma.page_index(address)) {
      return fmt::format("maps page {:#x} where page {:#x} belongs", frame.index,
                         vma.page_index(address));
    }
    return {};
  }
  if (frame.state == FrameState::kFree || frame.state == FrameState::kCached ||
      frame.state == FrameState::kVirgin || frame.state == FrameState::kPageTable) {
    return fmt::format("maps a frame of state {}", static_cast<int>(frame.state));
  }
  if (vma.is_anonymous()) return "maps an object's frame in an anonymous area";
  if (!vma.is_shared() && entry.is_writable()) return "makes an object's frame privately writable";
  ++(vma.object()->is_shmem() ? census.rss_shmem : census.rss_file);
  return {};
}

std::string AddressSpace::verify_census(const Census& census) {
  const auto differs = [](const char* what, std::int64_t found, std::int64_t kept) {
    return found == kept ? std::string()
                         : fmt::format("{}: {} found, {} counted", what, found, kept);
  };
  for (const auto& [table, found] : census.entries) {
    const std::uint32_t kept = frames_.frame(Pfn(table)).live_entries.load();
    if (found != kept) return differs("entries of one table", found, kept);
  }
  std::string wrong = differs("rss_anon", census.rss_anon, atomic_.rss_anon.load());
  if (wrong.empty()) wrong = differs("rss_file", census.rss_file, atomic_.rss_file.load());
  if (wrong.empty()) wrong = differs("rss_shmem", census.rss_shmem, atomic_.rss_shmem.load());
  if (wrong.empty()) wrong = differs("swap", census.swap, atomic_.swap.load());
  return wrong.empty() ? table_->verify() : wrong;
}

}  // namespace gonzo

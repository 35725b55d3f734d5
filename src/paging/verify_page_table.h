// BasicPageTable::verify: the tables' bytes against their descriptors. For page_table.cc.
#pragma once

#include <fmt/format.h>

#include "paging/basic_page_table.h"

namespace gonzo {

template <PageTableFormat F>
std::string BasicPageTable<F>::verify() const {
  std::uint64_t tables = 0;
  if (std::string wrong = verify_table<F::kLevels>(root_, tables); !wrong.empty()) return wrong;
  if (tables != table_frames()) {
    return fmt::format("{} tables reached, {} counted", tables, table_frames());
  }
  return verify_kernel_half();
}

/// The root's copies say what the kernel's own root says, but for what processors set, and for what
/// adopt_kernel_entry() has yet to fetch. Without a KernelHalf that part of the root is the
/// embedder's.
template <PageTableFormat F>
std::string BasicPageTable<F>::verify_kernel_half() const {
  if (kernel_ == nullptr) return {};
  Raw* const kernel = table_at(kernel_->root().address());
  const unsigned last_direct =
      entry_index<F>(F::kLevels, F::kDirectMap + kernel_->mapped_bytes() - 1);
  const unsigned last_late = entry_index<F>(F::kLevels, kernel_->vmalloc_area().end.value - 1);
  constexpr Raw kSet = static_cast<Raw>(pte::kAccessed | pte::kDirty);
  for (unsigned i = kUserSlots; i < entry_count<F>(F::kLevels); ++i) {
    const Raw copy = load(root_table_ + i);
    if (copy == 0 && i > last_direct && i <= last_late) continue;
    if ((copy | kSet) != (load(kernel + i) | kSet)) {
      return fmt::format("entry {} of the kernel's half is not the machine's", i);
    }
  }
  return {};
}

/// Adds the tables of this subtree to `tables`.
template <PageTableFormat F>
template <unsigned Level>
std::string BasicPageTable<F>::verify_table(Pfn pfn, std::uint64_t& tables) const {
  if (!frames_.contains(pfn)) return fmt::format("table frame {} is not memory", pfn.value);
  const Frame& frame = frames_.frame(pfn);
  if (frame.state != FrameState::kPageTable || frame.refs.load() != 1) {
    return fmt::format("frame {} of a level {} table: state {}, {} references", pfn.value, Level,
                       static_cast<int>(frame.state), frame.refs.load());
  }
  ++tables;
  // The kernel's half of the root is not ours to count.
  constexpr bool kIsRoot = Level == F::kLevels;
  constexpr unsigned kCount = kIsRoot ? kUserSlots : entry_count<F>(Level);
  Raw* const table = table_at(pfn.address());
  unsigned live = 0;
  for (unsigned i = 0; i < kCount; ++i) {
    const Raw raw = load(table + i);
    if (raw == 0) continue;
    ++live;
    if constexpr (Level > 1) {
      if (!is_table(Level, raw)) continue;
      const std::uint64_t flags = raw & ~frame_address<F>(raw).value & ~pte::kAccessed;
      if (flags != F::table_flags(Level)) {
        return fmt::format("level {} entry {}: flags {:#x}", Level, i, flags);
      }
      std::string wrong = verify_table<Level - 1>(Pfn::of(frame_address<F>(raw)), tables);
      if (!wrong.empty()) return wrong;
    }
  }
  if (live != frame.live_entries.load()) {
    return fmt::format("level {} table in frame {}: {} live entries, {} counted", Level, pfn.value,
                       live, frame.live_entries.load());
  }
  return {};
}

}  // namespace gonzo

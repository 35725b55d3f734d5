// The page tables of any format: the cursor and the walks, written once.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "paging/format.h"
#include <gonzo/base/check.h>
#include <gonzo/paging/kernel_half.h>
#include <gonzo/paging/page_table.h>
#include <gonzo/paging/tlb_gather.h>

namespace gonzo {

template <PageTableFormat F>
class BasicPageTable final : public PageTable {
 public:
  static Result<std::unique_ptr<PageTable>> create(FrameAllocator& frames,
                                                   const KernelHalf* kernel);
  ~BasicPageTable() override;

  PagingFormat format() const override { return F::kFormat; }
  Pfn root() const override { return root_; }
  VirtAddr user_end() const override { return VirtAddr(F::kUserEnd); }
  bool has_no_execute() const override { return F::kHasNoExecute; }
  bool adopt_kernel_entry(VirtAddr address) override;
  bool can_map(Pfn pfn) const override { return fits(pfn, F::kFrameBits) && !pfn.is_none(); }
  bool can_hold(Entry entry) const override {
    const std::uint64_t stored = entry.without(pte::kNoExecute).raw();
    return static_cast<Raw>(stored) == stored;
  }
  std::uint64_t table_frames() const override {
    return table_frames_.load(std::memory_order_relaxed);
  }

  EntryRef find(VirtAddr address) const override { return locate(address).entry; }
  LeafSlot find_leaf(VirtAddr address) const override { return locate(address); }
  Result<EntryRef> ensure(VirtAddr address) override;
  bool for_each_entry(AddressRange range, FunctionRef<bool(const LeafSlot&)> visit) const override;
  bool for_each_table(AddressRange range,
                      FunctionRef<bool(VirtAddr, EntryRef, unsigned)> visit) const override;
  void free_tables(AddressRange range, VirtAddr floor, VirtAddr ceiling) override;
  void free_tables(AddressRange range, VirtAddr floor, VirtAddr ceiling,
                   TlbGather& gather) override;
  Result<void> map_large(VirtAddr address, unsigned level, Entry entry) override;
  std::string verify() const override;

 private:
  using Raw = typename F::Raw;
  static constexpr EntryWidth kWidth{sizeof(Raw)};
  static_assert(kWidth == EntryWidth::kNarrow || kWidth == EntryWidth::kWide);

  /// Addresses as numbers: the walks compute with them.
  struct Span {
    std::uint64_t start, end;
  };
  /// The part of `whole` that one entry covers, the entry being that of `whole.start`.
  static Span first_entry_of(Span whole, unsigned level) {
    const std::uint64_t size = entry_span<F>(level);
    return {whole.start, std::min(whole.end, (whole.start & ~(size - 1)) + size)};
  }
  /// Whole pages, cut at the user half's end.
  static Span user_span(AddressRange range) {
    const std::uint64_t end = std::min(range.end.value, F::kUserEnd);
    return {range.start.page_floor().value, page_ceil(end)};
  }

  static bool fits(Pfn pfn, unsigned bits) { return std::uint64_t{pfn.value} >> bits == 0; }
  /// A zeroed frame whose number fits.
  static Result<Pfn> allocate_table(FrameAllocator& frames, unsigned frame_bits);

  BasicPageTable(FrameAllocator& frames, const KernelHalf* kernel, Pfn root)
      : PageTable(frames, kernel), root_(root), root_table_(table_at(root.address())) {
    if (kernel == nullptr) return;
    Raw* const from = table_at(kernel->root().address());
    for (unsigned i = kUserSlots; i < entry_count<F>(F::kLevels); ++i) {
      root_table_[i] = load(from + i);
    }
  }

  /// Of the root; the others are the kernel's.
  static constexpr unsigned kUserSlots = entry_index<F>(F::kLevels, kUserHalfEnd<F> - 1) + 1;

  Raw* table_at(PhysAddr physical) const {
    return reinterpret_cast<Raw*>(direct_map_ + physical.value);
  }
  Raw* table_of(Raw entry) const { return table_at(frame_address<F>(entry)); }
  static EntryRef ref(Raw* slot) { return {slot, kWidth}; }
  static Raw load(Raw* slot) { return std::atomic_ref(*slot).load(std::memory_order_acquire); }
  std::uint32_t live_entries(Raw entry) const {
    return frames_.frame(Pfn::of(frame_address<F>(entry)))
        .live_entries.load(std::memory_order_relaxed);
  }
  static bool is_table(unsigned level, Raw raw) { return leads_to_table<F>(level, raw); }

  LeafSlot locate(VirtAddr address) const;
  template <unsigned Target>
  Result<Raw*> ensure_slot(VirtAddr address);
  Result<Raw> install_table(Raw* slot, unsigned level);
  template <unsigned Level>
  void free_subtree(Raw* table, unsigned count);
  template <typename Free>
  void free_tables_with(AddressRange range, VirtAddr floor, VirtAddr ceiling, Free free);
  template <unsigned Level, typename Free>
  void free_empty(Raw* table, Span range, Span keep, Free& free);
  template <unsigned Level, typename Visitor>
  bool visit(Raw* table, Span range, Visitor& visitor) const;
  template <unsigned Level>
  std::string verify_table(Pfn pfn, std::uint64_t& tables) const;
  std::string verify_kernel_half() const;

  const Pfn root_;
  Raw* const root_table_;
  std::atomic<std::uint64_t> table_frames_{1};
};

template <PageTableFormat F>
Result<std::unique_ptr<PageTable>> BasicPageTable<F>::create(FrameAllocator& frames,
                                                             const KernelHalf* kernel) {
  GONZO_ASSIGN(const Pfn root, allocate_table(frames, F::kRootFrameBits));
  return std::unique_ptr<PageTable>(new BasicPageTable(frames, kernel, root));
}

template <PageTableFormat F>
Result<Pfn> BasicPageTable<F>::allocate_table(FrameAllocator& frames, unsigned frame_bits) {
  GONZO_ASSIGN(const Pfn pfn, frames.allocate(0, FrameState::kPageTable, ZeroPolicy::kZeroed));
  if (!fits(pfn, frame_bits)) [[unlikely]] {
    frames.put(pfn);
    return fail(Errno::kNoMem);
  }
  return pfn;
}

template <PageTableFormat F>
BasicPageTable<F>::~BasicPageTable() {
  free_subtree<F::kLevels>(root_table_, kUserSlots);
  frames_.put(root_);
}

template <PageTableFormat F>
bool BasicPageTable<F>::adopt_kernel_entry(VirtAddr address) {
  if (kernel_ == nullptr || !kernel_->vmalloc_area().contains(address)) return false;
  const unsigned index = entry_index<F>(F::kLevels, address.value);
  const Raw kernels = load(table_at(kernel_->root().address()) + index);
  Raw blank = 0;
  if (kernels == 0) return false;
  std::atomic_ref(root_table_[index])
      .compare_exchange_strong(blank, kernels, std::memory_order_acq_rel);
  return true;
}

/// The first `count` entries of a table, all below them.
template <PageTableFormat F>
template <unsigned Level>
void BasicPageTable<F>::free_subtree(Raw* table, unsigned count) {
  if constexpr (Level > 1) {
    for (unsigned i = 0; i < count; ++i) {
      i += ref(table + i).leading_blanks(count - i);
      if (i == count) break;
      const Raw raw = load(table + i);
      if (!is_table(Level, raw)) continue;
      free_subtree<Level - 1>(table_of(raw), entry_count<F>(Level - 1));
      frames_.put(Pfn::of(frame_address<F>(raw)));
    }
  }
}

template <PageTableFormat F>
LeafSlot BasicPageTable<F>::locate(VirtAddr address) const {
  if (address.value >= F::kUserEnd) [[unlikely]]
    return {};
  Raw* table = root_table_;
  for (unsigned level = F::kLevels; level > 1; --level) {
    Raw* const slot = table + entry_index<F>(level, address.value);
    const Raw raw = load(slot);
    if (!is_table(level, raw)) [[unlikely]] {
      if (raw == 0) return {};
      return {VirtAddr(address.value & ~(entry_span<F>(level) - 1)), ref(slot), level};
    }
    table = table_of(raw);
  }
  return {address.page_floor(), ref(table + entry_index<F>(1, address.value)), 1};
}

template <PageTableFormat F>
Result<EntryRef> BasicPageTable<F>::ensure(VirtAddr address) {
  GONZO_ASSIGN(Raw* const slot, ensure_slot<1>(address));
  return ref(slot);
}

/// The slot for `address` in a table of level Target, with the tables above it.
template <PageTableFormat F>
template <unsigned Target>
Result<typename F::Raw*> BasicPageTable<F>::ensure_slot(VirtAddr address) {
  GONZO_CHECK(address.value < F::kUserEnd);
  Raw* table = root_table_;
  for (unsigned level = F::kLevels; level > Target; --level) {
    Raw* const slot = table + entry_index<F>(level, address.value);
    Raw raw = load(slot);
    if (raw == 0) [[unlikely]] {
      GONZO_ASSIGN(raw, install_table(slot, level));
    }
    if (!is_table(level, raw)) [[unlikely]]
      return fail(Errno::kExist);
    table = table_of(raw);
  }
  return table + entry_index<F>(Target, address.value);
}

/// The entry that is in `slot` at the end: ours, or that of whoever was first.
template <PageTableFormat F>
Result<typename F::Raw> BasicPageTable<F>::install_table(Raw* slot, unsigned level) {
  GONZO_ASSIGN(const Pfn pfn, allocate_table(frames_, F::kFrameBits));
  // A stays clear: the processor sets it at first use, and a reclaim scan may skip what has none.
  const auto desired = static_cast<Raw>(pfn.address().value | F::table_flags(level));
  Raw found = 0;
  if (!std::atomic_ref(*slot).compare_exchange_strong(found, desired, std::memory_order_acq_rel,
                                                      std::memory_order_acquire)) {
    frames_.put(pfn);
    return found;
  }
  entry_filled(ref(slot));
  table_frames_.fetch_add(1, std::memory_order_relaxed);
  return desired;
}

/// Shows `visitor` what is not blank in [range), which lies in `table`: table(first address, slot,
/// count) for each last-level table, large(address, slot, level) for each large page.
template <PageTableFormat F>
template <unsigned Level, typename Visitor>
bool BasicPageTable<F>::visit(Raw* table, Span range, Visitor& visitor) const {
  if constexpr (Level == 1) {
    const auto count = static_cast<unsigned>((range.end - range.start) >> kPageShift);
    return visitor.table(VirtAddr(range.start), table + entry_index<F>(1, range.start), count);
  } else {
    const unsigned last = entry_index<F>(Level, range.end - 1);
    for (unsigned i = entry_index<F>(Level, range.start); i <= last; ++i) {
      const unsigned blanks = ref(table + i).leading_blanks(last + 1 - i);
      if (blanks != 0) {
        i += blanks;
        if (i > last) break;
        range.start = (range.start & ~(entry_span<F>(Level) - 1)) + blanks * entry_span<F>(Level);
      }
      const Span part = first_entry_of(range, Level);
      const Raw raw = load(table + i);
      if (is_table(Level, raw)) {
        if (live_entries(raw) != 0 && !visit<Level - 1>(table_of(raw), part, visitor)) return false;
      } else if (raw != 0) {
        const VirtAddr address(part.start & ~(entry_span<F>(Level) - 1));
        if (!visitor.large(address, table + i, Level)) return false;
      }
      range.start = part.end;
    }
    return true;
  }
}

template <PageTableFormat F>
bool BasicPageTable<F>::for_each_entry(AddressRange range,
                                       FunctionRef<bool(const LeafSlot&)> visit_leaf) const {
  struct Visitor {
    bool table(VirtAddr address, Raw* slot, unsigned count) {
      for (unsigned i = 0; i < count; ++i) {
        if (load(slot + i) == 0) {
          i += ref(slot + i).leading_blanks(count - i);
          if (i == count) break;
        }
        if (!leaf({address + i * kPageSize, ref(slot + i), 1})) return false;
      }
      return true;
    }
    bool large(VirtAddr address, Raw* slot, unsigned level) {
      return leaf({address, ref(slot), level});
    }
    FunctionRef<bool(const LeafSlot&)> leaf;
  };
  const Span span = user_span(range);
  if (span.start >= span.end) return true;
  Visitor visitor{visit_leaf};
  return visit<F::kLevels>(root_table_, span, visitor);
}

template <PageTableFormat F>
bool BasicPageTable<F>::for_each_table(
    AddressRange range, FunctionRef<bool(VirtAddr, EntryRef, unsigned)> visit_table) const {
  struct Visitor {
    bool table(VirtAddr address, Raw* slot, unsigned count) {
      return tables(address, ref(slot), count);
    }
    bool large(VirtAddr, Raw*, unsigned) { return true; }
    FunctionRef<bool(VirtAddr, EntryRef, unsigned)> tables;
  };
  const Span span = user_span(range);
  if (span.start >= span.end) return true;
  Visitor visitor{visit_table};
  return visit<F::kLevels>(root_table_, span, visitor);
}

template <PageTableFormat F>
void BasicPageTable<F>::free_tables(AddressRange range, VirtAddr floor, VirtAddr ceiling) {
  free_tables_with(range, floor, ceiling, [this](Pfn pfn, AddressRange) { frames_.put(pfn); });
}

template <PageTableFormat F>
void BasicPageTable<F>::free_tables(AddressRange range, VirtAddr floor, VirtAddr ceiling,
                                    TlbGather& gather) {
  free_tables_with(range, floor, ceiling, [&gather](Pfn pfn, AddressRange covered) {
    gather.touch(covered, Stricter::kGone);
    gather.release(pfn);
  });
}

template <PageTableFormat F>
template <typename Free>
void BasicPageTable<F>::free_tables_with(AddressRange range, VirtAddr floor, VirtAddr ceiling,
                                         Free free) {
  const Span span = user_span(range);
  if (span.start >= span.end) return;
  const std::uint64_t end = ceiling.value >= F::kUserEnd ? kUserHalfEnd<F> : ceiling.value;
  free_empty<F::kLevels>(root_table_, span, {floor.value, end}, free);
}

/// Bottom up, so that a table whose last child goes is empty when its own turn comes. Calls `free`
/// with each table taken out and what of `range` it covered: a flush of any address drops all
/// cached directory entries (SDM vol. 3A, 4.10.4.1), so nobody need hear of more.
template <PageTableFormat F>
template <unsigned Level, typename Free>
void BasicPageTable<F>::free_empty(Raw* table, Span range, Span keep, Free& free) {
  constexpr std::uint64_t kSize = entry_span<F>(Level);
  while (range.start < range.end) {
    const Span part = first_entry_of(range, Level);
    range.start = part.end;
    Raw* const slot = table + entry_index<F>(Level, part.start);
    const Raw raw = load(slot);
    if (!is_table(Level, raw)) continue;
    if constexpr (Level > 2) free_empty<Level - 1>(table_of(raw), part, keep, free);
    const std::uint64_t start = part.start & ~(kSize - 1);
    if (start < keep.start || start + kSize > keep.end || live_entries(raw) != 0) continue;
    GONZO_ASSERT(ref(table_of(raw)).leading_blanks(entry_count<F>(Level - 1)) ==
                 entry_count<F>(Level - 1));
    std::atomic_ref(*slot).store(0, std::memory_order_release);
    entry_blanked(ref(slot));
    table_frames_.fetch_sub(1, std::memory_order_relaxed);
    free(Pfn::of(frame_address<F>(raw)), {VirtAddr(part.start), VirtAddr(part.end)});
  }
}

template <PageTableFormat F>
Result<void> BasicPageTable<F>::map_large(VirtAddr address, unsigned level, Entry entry) {
  if (level < 2 || level > F::kLevels || F::shape(level).large_pages == LargePages::kNever) {
    return fail(Errno::kInval);
  }
  const std::uint64_t inside = entry_span<F>(level) - 1;
  const std::uint64_t frame = entry.large_pfn().address().value;
  if ((address.value & inside) != 0 || (frame & inside) != 0 || !entry.is_mapping() ||
      !can_hold(entry) || address.value >= F::kUserEnd ||
      address.value + inside >= kUserHalfEnd<F>) {
    return fail(Errno::kInval);
  }
  Raw* slot = nullptr;
  if (level == 2) {
    GONZO_ASSIGN(slot, ensure_slot<2>(address));
  } else if constexpr (F::kLevels > 3) {
    GONZO_ASSIGN(slot, ensure_slot<3>(address));
  }
  Entry blank;
  if (!ref(slot).compare_exchange(blank, entry.with(pte::kPageSize))) return fail(Errno::kExist);
  entry_filled(ref(slot));
  return {};
}

}  // namespace gonzo

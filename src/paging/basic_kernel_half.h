// The kernel's half in any format. For kernel_half.cc.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

#include "paging/format.h"
#include <gonzo/base/check.h>
#include <gonzo/paging/kernel_half.h>

namespace gonzo {

template <PageTableFormat F>
class BasicKernelHalf final : public KernelHalf {
 public:
  static Result<std::unique_ptr<KernelHalf>> create(FrameAllocator& frames);
  ~BasicKernelHalf() override;

  PagingFormat format() const override { return F::kFormat; }
  Pfn root() const override { return root_; }
  VirtAddr direct_map() const override { return VirtAddr(F::kDirectMap); }
  std::uint64_t mapped_bytes() const override { return mapped_; }
  AddressRange vmalloc_area() const override { return F::vmalloc_area(mapped_); }
  Result<void> map_page(VirtAddr address, Pfn pfn) override;
  AddressRange entry_area() const override {
    return {VirtAddr(F::kEntryArea), VirtAddr(F::kEntryArea + kEntryAreaBytes)};
  }
  Result<void> map_entry_page(VirtAddr address, Pfn pfn, EntryUse use) override;
  Pfn unmap_page(VirtAddr address) override;
  Pfn page_at(VirtAddr address) const override;
  std::uint64_t table_frames() const override {
    return table_frames_.load(std::memory_order_relaxed);
  }
  bool maps(VirtAddr address) const override;
  std::string verify() const override;

 private:
  using Raw = typename F::Raw;
  static constexpr std::uint64_t kPageFlags = pte::kPresent | pte::kWrite | pte::kAccessed |
                                              pte::kDirty | pte::kGlobal |
                                              (F::kHasNoExecute ? pte::kNoExecute : 0);

  static constexpr std::uint64_t kEntryAreaBytes = 1 << 20;
  /// A processor writes the A bits of segment descriptors, and those of entries are set already.
  static constexpr std::uint64_t kCodeFlags = pte::kPresent | pte::kAccessed | pte::kGlobal;

  explicit BasicKernelHalf(FrameAllocator& frames)
      : frames_(frames), mapped_(std::min(frames.frame_count() * kPageSize, F::kDirectMapBytes)) {}

  static std::uint64_t table_flags(unsigned level) { return F::table_flags(level) & ~pte::kUser; }
  Raw* table_at(PhysAddr physical) const {
    return reinterpret_cast<Raw*>(frames_.address(physical));
  }
  static Raw load(Raw* slot) { return std::atomic_ref(*slot).load(std::memory_order_acquire); }
  static Pfn mapped_by(Raw raw) {
    return (raw & pte::kPresent) != 0 ? Pfn::of(frame_address<F>(raw)) : Pfn::none();
  }
  /// The first address that entry `index` of the table at `base` covers; the root's is 0, and its
  /// upper half is sign-extended.
  static std::uint64_t covered_by(unsigned level, std::uint64_t base, unsigned index) {
    const std::uint64_t address = base + index * entry_span<F>(level);
    constexpr unsigned kUnused = 64 - kAddressBits<F>;
    if (level != F::kLevels || kAddressBits<F> == 32) return address;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(address << kUnused) >> kUnused);
  }
  Result<Pfn> allocate_table();
  Result<Raw> install_table(Raw* slot, unsigned level);
  Raw* find_slot(VirtAddr address) const;
  Result<Raw*> ensure_slot(VirtAddr address);
  template <unsigned Level>
  Result<void> map(Raw* table, std::uint64_t from, std::uint64_t to);
  template <unsigned Level>
  void free_below(Raw* table);
  template <unsigned Level>
  std::string verify_table(Raw* table, std::uint64_t base, std::uint64_t& physical) const;
  std::string verify_own_page(std::uint64_t address, Raw raw) const;

  FrameAllocator& frames_;
  const std::uint64_t mapped_;
  std::atomic<std::uint64_t> table_frames_{0};
  Pfn root_ = Pfn::none();
};

template <PageTableFormat F>
Result<std::unique_ptr<KernelHalf>> BasicKernelHalf<F>::create(FrameAllocator& frames) {
  std::unique_ptr<BasicKernelHalf> half(new BasicKernelHalf(frames));
  GONZO_ASSIGN(half->root_, half->allocate_table());
  GONZO_TRY(
      half->template map<F::kLevels>(half->table_at(half->root_.address()), 0, half->mapped_));
  return half;
}

template <PageTableFormat F>
BasicKernelHalf<F>::~BasicKernelHalf() {
  if (root_.is_none()) return;
  free_below<F::kLevels>(table_at(root_.address()));
  frames_.put(root_);
}

template <PageTableFormat F>
Result<Pfn> BasicKernelHalf<F>::allocate_table() {
  GONZO_ASSIGN(const Pfn pfn, frames_.allocate(0, FrameState::kKernel, ZeroPolicy::kZeroed));
  if (std::uint64_t{pfn.value} >> std::min(F::kFrameBits, F::kRootFrameBits) != 0) {
    frames_.put(pfn);
    return fail(Errno::kNoMem);
  }
  table_frames_.fetch_add(1, std::memory_order_relaxed);
  return pfn;
}

/// Memory from physical address `from` to `to`, all of which `table` covers.
template <PageTableFormat F>
template <unsigned Level>
Result<void> BasicKernelHalf<F>::map(Raw* table, std::uint64_t from, std::uint64_t to) {
  constexpr std::uint64_t kSpan = entry_span<F>(Level);
  while (from < to) {
    Raw& slot = table[entry_index<F>(Level, F::kDirectMap + from)];
    const std::uint64_t next = std::min(to, (from & ~(kSpan - 1)) + kSpan);
    const bool whole = next - from == kSpan;
    if constexpr (Level == 1) {
      slot = static_cast<Raw>(from | kPageFlags);
    } else if (whole && F::shape(Level).large_pages == LargePages::kAllowed) {
      slot = static_cast<Raw>(from | kPageFlags | pte::kPageSize);
    } else {
      GONZO_ASSIGN(const Pfn below, allocate_table());
      slot = static_cast<Raw>(below.address().value | table_flags(Level));
      GONZO_TRY(map<Level - 1>(table_at(below.address()), from, next));
    }
    from = next;
  }
  return {};
}

template <PageTableFormat F>
template <unsigned Level>
void BasicKernelHalf<F>::free_below(Raw* table) {
  if constexpr (Level > 1) {
    for (unsigned i = 0; i < entry_count<F>(Level); ++i) {
      if (!leads_to_table<F>(Level, table[i])) continue;
      const PhysAddr below = frame_address<F>(table[i]);
      free_below<Level - 1>(table_at(below));
      frames_.put(Pfn::of(below));
    }
  }
}

template <PageTableFormat F>
bool BasicKernelHalf<F>::maps(VirtAddr address) const {
  if (vmalloc_area().contains(address)) return !page_at(address).is_none();
  return address.value >= F::kDirectMap && address.value - F::kDirectMap < mapped_;
}

/// The entry that is in `slot` at the end: ours, or that of whoever was first.
template <PageTableFormat F>
Result<typename F::Raw> BasicKernelHalf<F>::install_table(Raw* slot, unsigned level) {
  GONZO_ASSIGN(const Pfn pfn, allocate_table());
  const auto desired = static_cast<Raw>(pfn.address().value | table_flags(level));
  Raw found = 0;
  if (std::atomic_ref(*slot).compare_exchange_strong(found, desired, std::memory_order_acq_rel)) {
    return desired;
  }
  table_frames_.fetch_sub(1, std::memory_order_relaxed);
  frames_.put(pfn);
  return found;
}

/// Null: there is no table for it yet. All tables of the area lead to pages, not to large ones.
template <PageTableFormat F>
typename F::Raw* BasicKernelHalf<F>::find_slot(VirtAddr address) const {
  Raw* table = table_at(root_.address());
  for (unsigned level = F::kLevels; level > 1; --level) {
    const Raw raw = load(table + entry_index<F>(level, address.value));
    if (raw == 0) return nullptr;
    table = table_at(frame_address<F>(raw));
  }
  return table + entry_index<F>(1, address.value);
}

template <PageTableFormat F>
Result<void> BasicKernelHalf<F>::map_page(VirtAddr address, Pfn pfn) {
  GONZO_CHECK(vmalloc_area().contains(address));
  if (std::uint64_t{pfn.value} >> F::kFrameBits != 0) return fail(Errno::kNoMem);
  GONZO_ASSIGN(Raw* const slot, ensure_slot(address));
  Raw blank = 0;
  const auto desired = static_cast<Raw>(pfn.address().value | kPageFlags);
  if (!std::atomic_ref(*slot).compare_exchange_strong(blank, desired, std::memory_order_acq_rel)) {
    return fail(Errno::kExist);
  }
  return {};
}

template <PageTableFormat F>
Result<void> BasicKernelHalf<F>::map_entry_page(VirtAddr address, Pfn pfn, EntryUse use) {
  GONZO_CHECK(entry_area().contains(address));
  if (std::uint64_t{pfn.value} >> F::kFrameBits != 0) return fail(Errno::kNoMem);
  GONZO_ASSIGN(Raw* const slot, ensure_slot(address));
  const std::uint64_t flags = use == EntryUse::kCode ? kCodeFlags : kPageFlags;
  std::atomic_ref(*slot).store(static_cast<Raw>(pfn.address().value | flags),
                               std::memory_order_release);
  return {};
}

/// The slot of a page that is mapped by itself, with the tables above it.
template <PageTableFormat F>
Result<typename F::Raw*> BasicKernelHalf<F>::ensure_slot(VirtAddr address) {
  Raw* table = table_at(root_.address());
  for (unsigned level = F::kLevels; level > 1; --level) {
    Raw* const slot = table + entry_index<F>(level, address.value);
    Raw raw = load(slot);
    if (raw == 0) {
      GONZO_ASSIGN(raw, install_table(slot, level));
    }
    table = table_at(frame_address<F>(raw));
  }
  return table + entry_index<F>(1, address.value);
}

template <PageTableFormat F>
Pfn BasicKernelHalf<F>::unmap_page(VirtAddr address) {
  GONZO_CHECK(vmalloc_area().contains(address));
  Raw* const slot = find_slot(address);
  if (slot == nullptr) return Pfn::none();
  return mapped_by(std::atomic_ref(*slot).exchange(0, std::memory_order_acq_rel));
}

template <PageTableFormat F>
Pfn BasicKernelHalf<F>::page_at(VirtAddr address) const {
  if (!vmalloc_area().contains(address)) return Pfn::none();
  Raw* const slot = find_slot(address);
  return slot == nullptr ? Pfn::none() : mapped_by(load(slot));
}

template <PageTableFormat F>
std::string BasicKernelHalf<F>::verify_own_page(std::uint64_t address, Raw raw) const {
  const Pfn pfn = mapped_by(raw);
  if (!frames_.contains(pfn)) return fmt::format("{:#x} maps no memory", address);
  if (entry_area().contains(VirtAddr(address))) return {};
  if (frames_.frame(pfn).state == FrameState::kVmalloc) return {};
  return fmt::format("{:#x} maps a frame of state {}", address,
                     frame_state_name(frames_.frame(pfn).state));
}

/// `base`: the first address that the table covers; `physical`: what the next page of the direct
/// map must map.
template <PageTableFormat F>
template <unsigned Level>
std::string BasicKernelHalf<F>::verify_table(Raw* table, std::uint64_t base,
                                             std::uint64_t& physical) const {
  for (unsigned i = 0; i < entry_count<F>(Level); ++i) {
    const Raw raw = load(table + i);
    const std::uint64_t address = covered_by(Level, base, i);
    if (raw == 0) continue;
    if ((raw & pte::kUser) != 0) return fmt::format("level {} entry {} is a user's", Level, i);
    if constexpr (Level > 1) {
      if (leads_to_table<F>(Level, raw)) {
        std::string wrong =
            verify_table<Level - 1>(table_at(frame_address<F>(raw)), address, physical);
        if (!wrong.empty()) return wrong;
        continue;
      }
    }
    const VirtAddr page_start(address);
    if (Level == 1 && (vmalloc_area().contains(page_start) || entry_area().contains(page_start))) {
      std::string wrong = verify_own_page(address, raw);
      if (!wrong.empty()) return wrong;
      continue;
    }
    const bool large = Level > 1;
    const std::uint64_t page = large ? F::large_page_base(Level, raw) : frame_address<F>(raw).value;
    if (page != physical) return fmt::format("{:#x} is mapped where {:#x} belongs", page, physical);
    physical += entry_span<F>(Level);
  }
  return {};
}

template <PageTableFormat F>
std::string BasicKernelHalf<F>::verify() const {
  std::uint64_t physical = 0;
  std::string wrong = verify_table<F::kLevels>(table_at(root_.address()), 0, physical);
  if (wrong.empty() && physical != mapped_) {
    wrong = fmt::format("{:#x} bytes are mapped of {:#x}", physical, mapped_);
  }
  return wrong;
}

}  // namespace gonzo

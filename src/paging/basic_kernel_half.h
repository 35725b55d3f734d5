// The kernel's half in any format. For kernel_half.cc.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

#include "paging/format.h"
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
  std::uint64_t table_frames() const override { return table_frames_; }
  bool maps(VirtAddr address) const override;
  std::string verify() const override;

 private:
  using Raw = typename F::Raw;
  static constexpr std::uint64_t kPageFlags = pte::kPresent | pte::kWrite | pte::kAccessed |
                                              pte::kDirty | pte::kGlobal |
                                              (F::kHasNoExecute ? pte::kNoExecute : 0);

  explicit BasicKernelHalf(FrameAllocator& frames)
      : frames_(frames), mapped_(std::min(frames.frame_count() * kPageSize, F::kDirectMapBytes)) {}

  static std::uint64_t table_flags(unsigned level) { return F::table_flags(level) & ~pte::kUser; }
  Raw* table_at(PhysAddr physical) const {
    return reinterpret_cast<Raw*>(frames_.address(physical));
  }
  Result<Pfn> allocate_table();
  template <unsigned Level>
  Result<void> map(Raw* table, std::uint64_t from, std::uint64_t to);
  template <unsigned Level>
  void free_below(Raw* table);
  template <unsigned Level>
  std::string verify_table(Raw* table, std::uint64_t& physical) const;

  FrameAllocator& frames_;
  const std::uint64_t mapped_;
  std::uint64_t table_frames_ = 0;
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
  ++table_frames_;
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
  return address.value >= F::kDirectMap && address.value - F::kDirectMap < mapped_;
}

/// `physical`: what the next page must map.
template <PageTableFormat F>
template <unsigned Level>
std::string BasicKernelHalf<F>::verify_table(Raw* table, std::uint64_t& physical) const {
  for (unsigned i = 0; i < entry_count<F>(Level); ++i) {
    const Raw raw = table[i];
    if (raw == 0) continue;
    if ((raw & pte::kUser) != 0) return fmt::format("level {} entry {} is a user's", Level, i);
    if constexpr (Level > 1) {
      if (leads_to_table<F>(Level, raw)) {
        std::string wrong = verify_table<Level - 1>(table_at(frame_address<F>(raw)), physical);
        if (!wrong.empty()) return wrong;
        continue;
      }
    }
    const bool large = Level > 1;
    const std::uint64_t base = large ? F::large_page_base(Level, raw) : frame_address<F>(raw).value;
    if (base != physical) return fmt::format("{:#x} is mapped where {:#x} belongs", base, physical);
    physical += entry_span<F>(Level);
  }
  return {};
}

template <PageTableFormat F>
std::string BasicKernelHalf<F>::verify() const {
  std::uint64_t physical = 0;
  std::string wrong = verify_table<F::kLevels>(table_at(root_.address()), physical);
  if (wrong.empty() && physical != mapped_) {
    wrong = fmt::format("{:#x} bytes are mapped of {:#x}", physical, mapped_);
  }
  return wrong;
}

}  // namespace gonzo

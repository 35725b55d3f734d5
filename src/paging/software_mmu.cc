#include <array>
#include <atomic>
#include <cstdint>

#include "paging/format.h"
#include <gonzo/base/check.h>
#include <gonzo/paging/entry.h>
#include <gonzo/paging/software_mmu.h>

namespace gonzo {
namespace {

using WalkResult = std::expected<Translation, MmuFault>;

/// One walk of one access through the tables of one format.
template <PageTableFormat F>
class Walk {
 public:
  Walk(FrameAllocator& frames, VirtAddr address, Access access, Privilege privilege,
       const WalkControls& controls)
      : frames_(frames),
        address_(address.value),
        access_(access),
        privilege_(privilege),
        controls_(controls) {}

  WalkResult run(Pfn root) {
    if (!is_canonical()) {
      return std::unexpected(MmuFault{MmuFault::Vector::kGeneralProtection, 0});
    }
    do {
      if (const auto fault = begin(root); fault != kNoFault) return page_fault(fault);
      if (!is_allowed()) return page_fault(fault_code::kPresent);
    } while (!mark_used());
    return translation();
  }

 private:
  using Raw = typename F::Raw;
  struct Step {
    Raw* slot;  ///< null: no memory there
    Raw value;
  };
  /// What descend returns besides the P and RSVD bits of an error code.
  static constexpr std::uint32_t kNoFault = ~0U;

  bool is_canonical() const {
    if constexpr (kAddressBits<F> > 32) {
      const auto high = static_cast<std::int64_t>(address_) >> (kAddressBits<F> - 1);
      return high == 0 || high == -1;
    } else {
      GONZO_CHECK(address_ >> kAddressBits<F> == 0);
      return true;
    }
  }

  Step& step(unsigned level) { return steps_[level - 1]; }
  const Step& step(unsigned level) const { return steps_[level - 1]; }

  Step read(PhysAddr table, unsigned level) const {
    if (!frames_.contains(Pfn::of(table)) || table.value >> (kPageShift + 32) != 0) {
      return {nullptr, static_cast<Raw>(~Raw{0})};  // what an open bus reads as
    }
    Raw* const slot =
        reinterpret_cast<Raw*>(frames_.address(table)) + entry_index<F>(level, address_);
    return {slot, std::atomic_ref(*slot).load(std::memory_order_acquire)};
  }

  std::uint64_t reserved_bits(unsigned level, EntryKind kind) const {
    const std::uint64_t bits = F::reserved_bits(level, kind, controls_.physical_bits);
    return F::kHasNoExecute && !controls_.no_execute ? bits | pte::kNoExecute : bits;
  }

  std::uint32_t begin(Pfn root) {
    flags_ = pte::kWrite | pte::kUser;
    return descend<F::kLevels>(root.address());
  }

  /// Down to the leaf, gathering rights. kNoFault, or P and RSVD of the error code.
  template <unsigned Level>
  std::uint32_t descend(PhysAddr table) {
    leaf_ = Level;
    step(Level) = read(table, Level);
    const std::uint64_t raw = step(Level).value;
    if (!(raw & pte::kPresent)) return 0;
    const EntryKind kind = entry_kind<F>(Level, raw);
    if (raw & reserved_bits(Level, kind)) return fault_code::kPresent | fault_code::kReserved;
    if constexpr (F::shape(Level).fields == LevelFields::kAll) {
      flags_ &= raw | ~(pte::kWrite | pte::kUser);
      if constexpr (F::kHasNoExecute) flags_ |= raw & pte::kNoExecute;
    }
    if constexpr (Level > 1) {
      if (kind == EntryKind::kTable) return descend<Level - 1>(frame_address<F>(raw));
    }
    return kNoFault;
  }

  /// SDM 4.6.1.
  bool is_allowed() const {
    const bool user_page = flags_ & pte::kUser;
    const bool by_user = privilege_ == Privilege::kUser;
    if (by_user && !user_page) return false;
    if (access_ == Access::kExecute) {
      if (!by_user && user_page && controls_.smep) return false;
      return !(flags_ & pte::kNoExecute);
    }
    if (!by_user && user_page && controls_.smap) return false;
    if (access_ == Access::kRead || (flags_ & pte::kWrite)) return true;
    return !by_user && !controls_.write_protect;
  }

  /// Sets A on the path and D on a written leaf. False when an entry changed since it was read.
  bool mark_used() {
    for (unsigned level = F::kLevels; level >= leaf_; --level) {
      if (F::shape(level).fields != LevelFields::kAll) continue;
      std::uint64_t used = pte::kAccessed;
      if (level == leaf_ && access_ == Access::kWrite) used |= pte::kDirty;
      Step& at = step(level);
      const auto marked = static_cast<Raw>(at.value | used);
      if (marked == at.value) continue;  // always so where there is no memory: all bits are set
      Raw expected = at.value;
      if (!std::atomic_ref(*at.slot).compare_exchange_strong(expected, marked,
                                                             std::memory_order_acq_rel)) {
        return false;
      }
      at.value = marked;
    }
    return true;
  }

  Translation translation() const {
    const std::uint64_t raw = step(leaf_).value;
    const std::uint64_t base = entry_kind<F>(leaf_, raw) == EntryKind::kLargePage
                                   ? F::large_page_base(leaf_, raw)
                                   : frame_address<F>(raw).value;
    const std::uint64_t offset = address_ & (entry_span<F>(leaf_) - 1);
    return {PhysAddr(base | offset), leaf_, flags_ | (raw & (pte::kDirty | pte::kGlobal))};
  }

  /// SDM 4.7: the entries decide P and RSVD, the access the rest.
  WalkResult page_fault(std::uint32_t code) const {
    if (access_ == Access::kWrite) code |= fault_code::kWrite;
    if (privilege_ == Privilege::kUser) code |= fault_code::kUser;
    const bool has_nx = F::kHasNoExecute && controls_.no_execute;
    if (access_ == Access::kExecute && (has_nx || controls_.smep)) code |= fault_code::kFetch;
    return std::unexpected(MmuFault{MmuFault::Vector::kPageFault, code});
  }

  FrameAllocator& frames_;
  const std::uint64_t address_;
  const Access access_;
  const Privilege privilege_;
  const WalkControls& controls_;

  std::array<Step, F::kLevels> steps_;
  unsigned leaf_ = 0;        ///< level that the walk ended at
  std::uint64_t flags_ = 0;  ///< effective rights
};

}  // namespace

std::expected<Translation, MmuFault> walk(FrameAllocator& frames, PagingFormat format, Pfn root,
                                          VirtAddr address, Access access, Privilege privilege,
                                          const WalkControls& controls) {
  GONZO_ASSERT(controls.physical_bits >= 32 && controls.physical_bits <= 52);
  switch (format) {
    case PagingFormat::kClassic32:
      return Walk<Classic32>(frames, address, access, privilege, controls).run(root);
    case PagingFormat::kPae:
      return Walk<Pae>(frames, address, access, privilege, controls).run(root);
    case PagingFormat::kFourLevel:
      return Walk<FourLevel>(frames, address, access, privilege, controls).run(root);
    case PagingFormat::kFiveLevel:
      return Walk<FiveLevel>(frames, address, access, privilege, controls).run(root);
  }
  check_failed("a known paging format", __FILE__, __LINE__);
}

}  // namespace gonzo

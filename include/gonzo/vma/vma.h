// One virtual memory area. Linux: struct vm_area_struct.
#pragma once

#include <atomic>
#include <boost/intrusive/set_hook.hpp>
#include <cstdint>

#include <gonzo/base/address.h>
#include <gonzo/vma/area_name.h>
#include <gonzo/vma/lineage.h>
#include <gonzo/vma/mapped_object.h>
#include <gonzo/vma/memory_policy.h>
#include <gonzo/vma/vma_links.h>

namespace gonzo {

/// Linux's values (include/linux/mm.h), so that smaps and embedders agree.
namespace vm_flags {
inline constexpr std::uint64_t kRead = 0x1, kWrite = 0x2, kExec = 0x4, kShared = 0x8;
inline constexpr std::uint64_t kMayRead = 0x10, kMayWrite = 0x20, kMayExec = 0x40, kMayShare = 0x80;
inline constexpr std::uint64_t kGrowsDown = 0x100;
/// Its frames are the machine's own, not counted; nobody but the program looks at them. Private
/// copies that the program made of them are anonymous memory as any other.
inline constexpr std::uint64_t kPfnMap = 0x400, kIo = 0x4000;
/// Guard entries were put into it; some may still be there.
inline constexpr std::uint64_t kMaybeGuard = 0x800;
inline constexpr std::uint64_t kLocked = 0x2000, kDontCopy = 0x20000, kDontExpand = 0x40000;
inline constexpr std::uint64_t kLockOnFault = 0x80000, kAccount = 0x100000, kNoReserve = 0x200000;
inline constexpr std::uint64_t kWipeOnFork = 0x2000000, kDontDump = 0x4000000;
inline constexpr std::uint64_t kSoftDirty = 0x8000000, kHugePage = 0x20000000;
inline constexpr std::uint64_t kNoHugePage = 0x40000000, kMergeable = 0x80000000;
inline constexpr std::uint64_t kSequential = 0x8000, kRandom = 0x10000;
inline constexpr std::uint64_t kHugeTlb = 0x400000, kSync = 0x800000;
inline constexpr std::uint64_t kDroppable = 1ULL << 40, kSealed = 1ULL << 42;
inline constexpr std::uint64_t kProtMask = kRead | kWrite | kExec;
inline constexpr std::uint64_t kMayMask = kMayRead | kMayWrite | kMayExec | kMayShare;
/// Areas with any of these never merge (Linux: VM_SPECIAL).
inline constexpr std::uint64_t kSpecialMask = kPfnMap | kIo | kDontExpand;
/// How an area is locked; areas with any of the second never are (Linux: VM_LOCKED_MASK,
/// vma_supports_mlock).
inline constexpr std::uint64_t kLockMask = kLocked | kLockOnFault;
inline constexpr std::uint64_t kUnlockable = kSpecialMask | kDroppable;
/// An area that absorbs one with these has them from then on (Linux: VM_STICKY).
inline constexpr std::uint64_t kSticky = kSoftDirty | kMaybeGuard;
/// Differences in these do not keep two areas apart (Linux: VM_IGNORE_MERGE).
inline constexpr std::uint64_t kIgnoreMerge = kSticky;
}  // namespace vm_flags

/// What two areas must share to be one, besides touching (Linux: is_mergeable_vma).
struct VmaAttributes {
  std::uint64_t flags = 0;
  ObjectRef object;  ///< null: private anonymous memory
  std::uint64_t page_offset =
      0;  ///< of the first page in `object`; for anonymous memory its page number at
          ///< creation (Linux: vm_pgoff), which follows it through moves
  /// Which open of the object; areas of two opens of one file do not merge (Linux: vm_file).
  std::uint64_t open_file = 0;
  /// Anonymous memory by a private mapping of /dev/zero: shows its name (Linux: vm_file is set,
  /// vm_ops is not).
  ObjectRef zero_device;
  /// Static string: "[vdso]", "[vvar]", which are never merged or cut; null otherwise.
  const char* special_name = nullptr;
  AreaNameRef name;        ///< by PR_SET_VMA_ANON_NAME; null: none
  MemoryPolicyRef policy;  ///< by mbind; null: the thread's
};

/// For a set of areas by their object.
using ObjectAreaHook =
    boost::intrusive::set_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>,
                                      boost::intrusive::optimize_size<true>>;

/// Aligned so that the links and the range, all that a search reads, share one cache line.
class alignas(64) Vma : public VmaLinks {
 public:
  Vma(AddressRange range, VmaAttributes attributes)
      : range_(range), attributes_(static_cast<VmaAttributes&&>(attributes)) {}

  AddressRange range() const { return range_; }
  VirtAddr start() const { return range_.start; }
  VirtAddr end() const { return range_.end; }
  std::uint64_t pages() const { return range_.pages(); }
  std::uint64_t flags() const { return attributes_.flags; }
  bool has(std::uint64_t flag) const { return attributes_.flags & flag; }
  bool is_shared() const { return has(vm_flags::kShared); }
  bool is_anonymous() const { return attributes_.object == nullptr; }
  /// The kernel's own: exists as a whole or not at all (Linux: special_mapping_vmops).
  bool is_special() const { return attributes_.special_name != nullptr; }
  MappedObject* object() const { return attributes_.object.get(); }
  /// Whose name it shows (Linux: vm_file); null: none.
  const MappedObject* named_object() const {
    return attributes_.object != nullptr ? attributes_.object.get() : attributes_.zero_device.get();
  }
  const VmaAttributes& attributes() const { return attributes_; }
  /// Page index in the object (or the anonymous page number) that `address` maps (Linux:
  /// linear_page_index).
  std::uint64_t page_index(VirtAddr address) const {
    return attributes_.page_offset + (address.page_floor() - range_.start) / kPageSize;
  }

  /// Whether private pages of its own ever appeared in it: such an area keeps its page offset when
  /// it moves, and its charge when it becomes read-only (Linux: vma->anon_vma is set).
  bool has_own_pages() const { return !lineage().is_none(); }
  Lineage lineage() const { return Lineage::from_raw(lineage_.load(std::memory_order_relaxed)); }
  /// Gives it one if it has none yet. Faults may do so at once: the first one counts.
  void adopt(Lineage lineage) const {
    std::uint64_t none = 0;
    lineage_.compare_exchange_strong(none, lineage.raw(), std::memory_order_relaxed);
  }
  void forget_own_pages() { lineage_.store(0, std::memory_order_relaxed); }

  /// Not kGrowsDown once the area is in an index, which knows where the guards are.
  void set_flags(std::uint64_t flags) { attributes_.flags = flags; }
  void add_flags(std::uint64_t flags) { attributes_.flags |= flags; }
  void set_name(AreaNameRef name) { attributes_.name = static_cast<AreaNameRef&&>(name); }
  void set_policy(MemoryPolicyRef policy) {
    attributes_.policy = static_cast<MemoryPolicyRef&&>(policy);
  }
  void set_page_offset(std::uint64_t pages) { attributes_.page_offset = pages; }
  /// Only through VmaIndex::resize once the area is in an index.
  void set_range(AddressRange range) { range_ = range; }

 private:
  AddressRange range_;
  VmaAttributes attributes_;
  mutable std::atomic<std::uint64_t> lineage_{0};

 public:
  ObjectAreaHook by_object;  ///< among the areas of its address space that map something
};

/// Could `next`, starting where `previous` ends, continue it? Same flags, object and consecutive
/// offsets; nothing special-purpose. (Linux: is_mergeable_vma, can_vma_merge_after.) Thread-safe.
bool can_merge(const VmaAttributes& previous, std::uint64_t previous_pages,
               const VmaAttributes& next);

}  // namespace gonzo

// The areas of one address space, ordered by address. Holds no policy.
// Linux 2.6: sorted list + red-black tree; Linux 6: maple tree; Windows: AVL tree of VADs.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gonzo/base/result.h>
#include <gonzo/vma/vma.h>

namespace gonzo {

/// What Linux calls vm_unmapped_area_info.
struct GapRequest {
  std::uint64_t size;  ///< bytes, a page multiple, not 0
  VirtAddr low, high;  ///< the gap lies within [low, high)
  /// Bytes that must stay free below a grows-down area when it is the next one above the gap
  /// (Linux: stack_guard_gap, vm_start_gap).
  std::uint64_t guard = 0;
};

/// Where a gap below `above` ends for a request with this guard (Linux: vm_start_gap).
inline VirtAddr guarded_start(const Vma& above, std::uint64_t guard) {
  if (!above.has(vm_flags::kGrowsDown)) return above.start();
  return above.start().value > guard ? above.start() - guard : VirtAddr(0);
}

/// Not thread-safe for changes: AddressSpace's lock guards it. Const calls may run at once. No call
/// but reserve() allocates or fails; an area is in one index at most and outlives its stay there.
class VmaIndex {
 public:
  virtual ~VmaIndex() = default;

  /// The first area that ends above `address` (Linux: find_vma); null when none.
  virtual Vma* find(VirtAddr address) const = 0;
  virtual Vma* first() const = 0;
  virtual Vma* last() const = 0;
  virtual Vma* next(const Vma& vma) const = 0;
  virtual Vma* previous(const Vma& vma) const = 0;
  virtual std::size_t size() const = 0;

  /// Memory for the next `inserts` calls of insert, whatever is erased or resized between them, so
  /// that an operation can fail before its first change (Linux: mas_preallocate). Reservations do
  /// not add up: the largest counts. ENOMEM: nothing has changed. Trees whose nodes are the areas
  /// themselves never fail.
  virtual Result<void> reserve(std::size_t inserts) = 0;
  /// `vma` overlaps nothing in the index, which does not own it. Uses up one reserved insert.
  virtual void insert(Vma& vma) = 0;
  virtual void erase(Vma& vma) = 0;
  /// Changes an area's range without passing a neighbour.
  virtual void resize(Vma& vma, AddressRange range) = 0;

  /// Start of the highest gap that fits (Linux: vm_unmapped_area with VM_UNMAPPED_AREA_TOPDOWN).
  virtual std::optional<VirtAddr> find_gap_top_down(const GapRequest& request) const = 0;
  /// Start of the lowest gap that fits.
  virtual std::optional<VirtAddr> find_gap_bottom_up(const GapRequest& request) const = 0;

  /// Bytes that the index takes, outside of the areas and within (of VmaLinks, what it uses).
  virtual std::size_t bytes() const = 0;
  /// Empty, or what is wrong with the structure.
  virtual std::string verify() const = 0;
};

/// All behave alike; docs/architecture.md compares their costs.
enum class VmaIndexKind : unsigned char {
  kRedBlackTree,  ///< with a list: Linux 2.6
  kAvlTree,  ///< with the largest gap below each node: the Windows kernel's VADs, and Linux 3.8
  kBTree,    ///< nodes of a few cache lines, the largest gap of each child: Linux 6's maple tree
};
inline constexpr std::array kVmaIndexKinds = {VmaIndexKind::kRedBlackTree, VmaIndexKind::kAvlTree,
                                              VmaIndexKind::kBTree};
inline constexpr VmaIndexKind kDefaultVmaIndex = VmaIndexKind::kBTree;

/// "rbtree", "avl", "btree".
std::string_view name_of(VmaIndexKind kind);
/// None: no kind has this name.
std::optional<VmaIndexKind> parse_vma_index(std::string_view name);

/// Throws std::bad_alloc.
std::unique_ptr<VmaIndex> make_vma_index(VmaIndexKind kind);

}  // namespace gonzo

// One address space's page tables, in one of the processor's formats. Linux: mm/pgtable-generic.c,
// mm/memory.c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <gonzo/base/address.h>
#include <gonzo/base/function_ref.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/entry.h>
#include <gonzo/paging/entry_ref.h>
#include <gonzo/paging/paging_format.h>

namespace gonzo {

class KernelHalf;
class TlbGather;

/// What a range walk shows its visitor. `level` 1 is a PTE; 2 and 3 are large pages (PS set).
struct LeafSlot {
  VirtAddr address;  ///< the page's first
  EntryRef entry;
  unsigned level = 0;
};

/// The user half of an address space; the rest of the root is the kernel's, which user walks never
/// show and destruction never touches: copies of a KernelHalf's entries, or whatever the owner of
/// the frames puts there.
///
/// Concurrency: find, ensure, the walks and entry changes may run at once with each other (tables
/// are installed by compare-and-exchange). free_tables needs that no other call is inside its
/// [floor, ceiling) meanwhile; destruction and verify need that there is no other call at all.
class PageTable {
 public:
  /// Allocates the root. ENOMEM, also when the frame that could be had lies beyond what the format
  /// can address: the 32-bit formats want a ZoneLayout::kClassic.
  /// `kernel`: of the same format, or EINVAL; it outlives the table, as `frames` does. Null: the
  /// kernel's half is empty, and nobody's concern but the caller's.
  static Result<std::unique_ptr<PageTable>> create(FrameAllocator& frames, PagingFormat format,
                                                   const KernelHalf* kernel = nullptr);
  /// Frees all tables of the user half; the leaf entries must hold no frame that anybody still
  /// counts.
  virtual ~PageTable() = default;
  PageTable(const PageTable&) = delete;
  PageTable& operator=(const PageTable&) = delete;

  virtual PagingFormat format() const = 0;
  virtual Pfn root() const = 0;
  /// First address past the user half: 3 GiB for the 32-bit formats, 2^47 - 4096 or 2^56 - 4096
  /// (Linux: TASK_SIZE_MAX).
  virtual VirtAddr user_end() const = 0;
  virtual bool has_no_execute() const = 0;
  const KernelHalf* kernel_half() const { return kernel_; }
  /// Fetches the root's entry for a kernel address that the KernelHalf has got since the copies
  /// were made. True: it is there now, whoever fetched it. False: the KernelHalf has none either,
  /// or the address is not of its vmalloc area (Linux: vmalloc_fault).
  virtual bool adopt_kernel_entry(VirtAddr address) = 0;
  /// Whether an entry for this frame can be encoded.
  virtual bool can_map(Pfn pfn) const = 0;
  /// Whether this leaf value survives being stored, NX aside: a 4-byte entry has 20 bits for the
  /// frame and 23 for the swap offset.
  virtual bool can_hold(Entry entry) const = 0;
  /// Number of frames used for tables, the root included (Linux: mm_pgtables_bytes / PAGE_SIZE).
  virtual std::uint64_t table_frames() const = 0;

  /// The PTE slot of an address; an empty ref when no table exists there. A large page: its
  /// directory slot. An address outside the user half: an empty ref.
  virtual EntryRef find(VirtAddr address) const = 0;
  /// The same with the level and the page's first address; level 0 when there is no slot.
  virtual LeafSlot find_leaf(VirtAddr address) const = 0;
  /// The PTE slot, making missing tables. ENOMEM: tables made so far stay, empty, for free_tables.
  /// EEXIST when a large page is in the way. The address must be below user_end().
  virtual Result<EntryRef> ensure(VirtAddr address) = 0;

  /// Counts for freeing empty tables, kept in the table frame's descriptor. Whoever changes a leaf
  /// from blank to not blank (or back) calls these, after the change. `count` entries of the table
  /// that holds `entry`.
  void entry_filled(EntryRef entry, unsigned count = 1) {
    table_frame(entry).live_entries.fetch_add(count, std::memory_order_relaxed);
  }
  void entry_blanked(EntryRef entry, unsigned count = 1) {
    table_frame(entry).live_entries.fetch_sub(count, std::memory_order_relaxed);
  }

  /// Calls `visit` for each leaf in [range) that is not blank, in order; absent subtrees are
  /// skipped. A large page that overlaps the range is shown whole. The visitor returns false to
  /// stop; it may change, blank and count entries, but not free tables. Returns false when stopped.
  /// What another thread has filled and not yet counted may be left out.
  virtual bool for_each_entry(AddressRange range,
                              FunctionRef<bool(const LeafSlot&)> visit) const = 0;
  /// The same in pieces: for each last-level table with live entries, its `count` slots that lie in
  /// [range), blank ones among them; `first` is the address of the slot `entry`. Large pages are
  /// left out.
  virtual bool for_each_table(
      AddressRange range,
      FunctionRef<bool(VirtAddr first, EntryRef entry, unsigned count)> visit) const = 0;
  /// Frees tables whose entries are all blank and that lie wholly within [floor, ceiling), as
  /// Linux's free_pgtables does for the room between the neighbouring VMAs; a ceiling of user_end()
  /// includes the table that reaches past it. For tables that no processor may be walking, those of
  /// a dying address space.
  virtual void free_tables(AddressRange range, VirtAddr floor, VirtAddr ceiling) = 0;
  /// The same for a living one: a processor caches directory entries too (SDM vol. 3A, 4.10.3), so
  /// the tables are taken out here and their frames freed by the gather, after its flush.
  virtual void free_tables(AddressRange range, VirtAddr floor, VirtAddr ceiling,
                           TlbGather& gather) = 0;

  /// Sets and counts a large-page leaf at `level` (2 or 3), where there was nothing; PS is set for
  /// the caller. EINVAL: not in this format, not a mapping, unaligned, or beyond the user half;
  /// EEXIST: a table or a page is there; ENOMEM.
  virtual Result<void> map_large(VirtAddr address, unsigned level, Entry entry) = 0;

  /// Walks all tables against their descriptors' counts and states; empty, or the first
  /// disagreement.
  virtual std::string verify() const = 0;

 protected:
  PageTable(FrameAllocator& frames, const KernelHalf* kernel)
      : frames_(frames), direct_map_(frames.address(Pfn(0))), kernel_(kernel) {}

  /// The descriptor of the table that holds a slot.
  Frame& table_frame(EntryRef entry) const {
    const auto offset = static_cast<const std::byte*>(entry.slot()) - direct_map_;
    return frames_.frame(Pfn::of(PhysAddr(static_cast<std::uint64_t>(offset))));
  }

  FrameAllocator& frames_;
  std::byte* const direct_map_;
  const KernelHalf* const kernel_;
};

}  // namespace gonzo

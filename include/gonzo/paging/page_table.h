// One address space's page tables, in one of the processor's formats. Linux: mm/pgtable-generic.c,
// mm/memory.c.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <gonzo/base/address.h>
#include <gonzo/base/function_ref.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/entry.h>

namespace gonzo {

enum class PagingFormat : std::uint8_t {
  kClassic32,  ///< 10+10+12, 4-byte entries, 4 MiB pages, no NX
  kPae,        ///< 2+9+9+12, 2 MiB pages, NX
  kFourLevel,  ///< 9+9+9+9+12, 2 MiB and 1 GiB pages, NX
  kFiveLevel,  ///< 9+9+9+9+9+12
};

/// One entry in a table, to be read and changed atomically: a processor may walk it at the same
/// time.
class EntryRef {
 public:
  constexpr EntryRef() = default;
  EntryRef(void* slot, bool wide) : slot_(slot), wide_(wide) {}

  explicit operator bool() const { return slot_ != nullptr; }
  Entry load() const;
  /// Unconditional; returns what was there.
  Entry exchange(Entry desired) const;
  /// False, and `expected` refreshed, when the entry is no longer `expected`.
  bool compare_exchange(Entry& expected, Entry desired) const;
  void set_bits(std::uint64_t flags) const;  ///< A and D, as a processor would
  /// The next entry of the same table; the caller knows that there is one.
  EntryRef next() const { return {static_cast<char*>(slot_) + (wide_ ? 8 : 4), wide_}; }

  void* slot() const { return slot_; }

 private:
  void* slot_ = nullptr;
  bool wide_ = true;
};

/// What a range walk shows its visitor. `level` 1 is a PTE; 2 and 3 are large pages (PS set).
struct LeafSlot {
  VirtAddr address;
  EntryRef entry;
  unsigned level;
};

/// Concurrency: find, ensure and entry changes may run at once with each other (tables are
/// installed by compare-and-exchange). free_tables and destruction need that no other call runs on
/// the same range.
class PageTable {
 public:
  /// Allocates the root. ENOMEM.
  static Result<std::unique_ptr<PageTable>> create(FrameAllocator& frames, PagingFormat format);
  /// Frees all tables; the leaf entries must hold no frame that anybody still counts.
  virtual ~PageTable() = default;

  virtual PagingFormat format() const = 0;
  virtual Pfn root() const = 0;
  /// First address past the user half: 3 GiB for the 32-bit formats, 2^47 - 4096 or 2^56 - 4096.
  virtual VirtAddr user_end() const = 0;
  virtual bool has_no_execute() const = 0;
  /// Whether an entry for this frame and flags can be encoded.
  virtual bool can_map(Pfn pfn) const = 0;
  /// Number of frames used for tables, the root included (Linux: mm_pgtables_bytes / PAGE_SIZE).
  virtual std::uint64_t table_frames() const = 0;

  /// The PTE slot of an address; an empty ref when no table exists there. A large page: its
  /// directory slot.
  virtual EntryRef find(VirtAddr address) const = 0;
  /// The same, making missing tables. ENOMEM. EEXIST when a large page is in the way.
  virtual Result<EntryRef> ensure(VirtAddr address) = 0;

  /// Counts for freeing empty tables, kept in the table frame's descriptor. Whoever changes a leaf
  /// from blank to not blank (or back) calls these, after the change. `count` entries of the table
  /// that holds `entry`.
  void entry_filled(EntryRef entry, unsigned count = 1);
  void entry_blanked(EntryRef entry, unsigned count = 1);

  /// Calls `visit` for each leaf in [range) that is not blank, in order; absent subtrees are
  /// skipped. The visitor returns false to stop. Returns false when stopped.
  virtual bool for_each_entry(AddressRange range,
                              FunctionRef<bool(const LeafSlot&)> visit) const = 0;
  /// Frees tables whose entries are all blank and that lie wholly within [floor, ceiling), as
  /// Linux's free_pgtables does for the room between the neighbouring VMAs. Call after the
  /// translations were flushed.
  virtual void free_tables(AddressRange range, VirtAddr floor, VirtAddr ceiling) = 0;

  /// Sets a large-page leaf at `level` (2 or 3). EINVAL: not in this format, or unaligned; EEXIST:
  /// a table is there.
  virtual Result<void> map_large(VirtAddr address, unsigned level, Entry entry) = 0;

 protected:
  explicit PageTable(FrameAllocator& frames) : frames_(frames) {}
  FrameAllocator& frames_;
};

}  // namespace gonzo

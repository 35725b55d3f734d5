// The kernel's half of the page tables of one machine: memory mapped where the kernel would reach
// it, for the supervisor only. Linux: init_mm's page tables, the direct map
// (Documentation/arch/x86/x86_64/mm.rst, init_memory_mapping).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <gonzo/base/address.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/paging_format.h>

namespace gonzo {

/// Every PageTable of its format carries copies of its root entries and shares all tables below
/// them. All of memory is mapped there in the largest pages that the format has and that fit,
/// writable and not executable; a 32-bit format has room for the first 896 MiB (Linux: lowmem).
/// That part never changes. Behind it lies an area that is mapped page by page, by Vmalloc; its
/// tables come as they are needed, and stay. So only a root entry can be missing in a copy that was
/// made before, and PageTable::adopt_kernel_entry fetches it when the kernel comes by (Linux:
/// vmalloc_fault, on 32 bits until today, on 64 until 5.8). With PAE there is none to miss: the
/// root's last entry leads to one table for all. Outlives the page tables that carry it.
/// Thread-safe.
class KernelHalf {
 public:
  enum class EntryUse : std::uint8_t { kCode, kData };

  /// ENOMEM.
  static Result<std::unique_ptr<KernelHalf>> create(FrameAllocator& frames, PagingFormat format);
  /// Frees its tables.
  virtual ~KernelHalf() = default;
  KernelHalf(const KernelHalf&) = delete;
  KernelHalf& operator=(const KernelHalf&) = delete;

  virtual PagingFormat format() const = 0;
  /// A root with nothing in the user's half.
  virtual Pfn root() const = 0;
  /// Where frame 0 is mapped: 0xC0000000, or 0xffff888000000000 with 4 levels (Linux: PAGE_OFFSET).
  virtual VirtAddr direct_map() const = 0;
  /// Bytes of memory that are mapped from there on.
  virtual std::uint64_t mapped_bytes() const = 0;
  /// The addresses that are mapped page by page (Linux: VMALLOC_START, VMALLOC_END): on 32 bits
  /// from 8 MiB behind the direct map on.
  virtual AddressRange vmalloc_area() const = 0;
  /// Maps a page there, writable and not executable. ENOMEM: no frame for a table, or the format
  /// cannot address this one; EEXIST.
  virtual Result<void> map_page(VirtAddr address, Pfn pfn) = 0;
  /// What was mapped there; none: nothing. Whoever caches translations has yet to hear of it.
  virtual Pfn unmap_page(VirtAddr address) = 0;
  /// What is mapped there, by a walk of the tables; none: nothing (Linux: vmalloc_to_page).
  virtual Pfn page_at(VirtAddr address) const = 0;
  /// Where the code and tables are by which a processor comes from the user into the kernel (Linux:
  /// CPU_ENTRY_AREA_BASE): 1 MiB.
  virtual AddressRange entry_area() const = 0;
  /// Maps a page there, in place of what was; whoever caches translations has yet to hear of it.
  /// Code is not writable, data not executable, where the format can say so. The first time is
  /// before any page table carries this half: a root entry that comes later is not looked for.
  /// ENOMEM.
  virtual Result<void> map_entry_page(VirtAddr address, Pfn pfn, EntryUse use) = 0;
  /// Frames used for tables, in the state kKernel.
  virtual std::uint64_t table_frames() const = 0;
  /// Whether a kernel could read at `address`, which lies in the kernel's half.
  virtual bool maps(VirtAddr address) const = 0;
  /// Empty, or what is wrong: an entry that a user could use, or a page that is not where its
  /// address says.
  virtual std::string verify() const = 0;

 protected:
  KernelHalf() = default;
};

}  // namespace gonzo

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

/// Built once and never changed, so that every PageTable of its format can carry copies of its root
/// entries and share all tables below them. All of memory is mapped there in the largest pages that
/// the format has and that fit, writable and not executable; a 32-bit format has room for the first
/// 896 MiB (Linux: lowmem). Outlives the page tables that carry it. Thread-safe.
class KernelHalf {
 public:
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

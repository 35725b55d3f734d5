// The memory of a Windows process, for emulators: VirtualAlloc and its kin on the same address
// spaces, page tables and frames that Linux's calls work on.
//
//   AddressSpace::Config config;                       // the core; VADs are AVL trees in Windows
//   config.index = VmaIndexKind::kAvlTree;
//   auto space = AddressSpace::create(manager, translation_cache, config).value();
//   windows::VirtualMemory memory(*space);
//   VirtAddr stack = memory.allocate({}, 1 << 20, mem::kReserve, page::kReadWrite).value();
//   memory.allocate(stack + 0xff000, 0x1000, mem::kCommit, page::kReadWrite);
//   // The guest's instruction at `rip` touches `address`; the software MMU or a processor says no:
//   NtStatus status = memory.fault(address, Access::kWrite);
//   if (status == NtStatus::kSuccess) again(); else raise(status, address, rip);
//
// docs/windows.md compares the two contracts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <gonzo/base/address.h>
#include <gonzo/base/function_ref.h>
#include <gonzo/base/lock.h>
#include <gonzo/frame/commit_ledger.h>
#include <gonzo/mm/address_space.h>
#include <gonzo/vma/vma_index.h>
#include <gonzo/windows/memory_constants.h>
#include <gonzo/windows/nt_status.h>
#include <gonzo/windows/section.h>
#include <gonzo/windows/win32_error.h>

namespace gonzo::windows {

/// Page: "MEMORY_BASIC_INFORMATION structure (winnt.h)".
struct MemoryBasicInformation {
  VirtAddr base_address;     ///< of the page that was asked for
  VirtAddr allocation_base;  ///< of its reservation or view; 0 if free
  std::uint32_t allocation_protect = 0;
  std::uint64_t region_size = 0;  ///< bytes of pages that are alike, from base_address on
  std::uint32_t state = 0;        ///< MEM_COMMIT, MEM_RESERVE or MEM_FREE
  std::uint32_t protect = 0;      ///< of committed pages; PAGE_NOACCESS of free ones, else 0
  std::uint32_t type = 0;         ///< MEM_PRIVATE or MEM_MAPPED; 0 if free
};

struct ViewRequest {
  std::uint32_t access = 0;  ///< FILE_MAP_*
  std::uint64_t offset = 0;  ///< bytes into the section
  std::uint64_t bytes = 0;   ///< 0: to the section's end
  VirtAddr base;             ///< 0: where there is room
};

/// In pages.
struct VirtualMemoryCounts {
  std::uint64_t virtual_size = 0, peak_virtual_size = 0;  ///< reservations and views
  std::uint64_t committed = 0, peak_committed = 0;        ///< private: what is charged for it
  std::uint64_t reservations = 0;                         ///< VADs
};

/// Thread-safe. Each reservation and each view is a VAD, a node of an AVL tree; what is committed
/// of them are areas of the core, which has its protections, entries and frames. What is committed
/// is charged to the manager's CommitLedger: whole reservations' pages and copy-on-write views
/// here, sections' by themselves. Windows refuses what is beyond its limit; so does a ledger with
/// Overcommit::kNever and MemoryManager::Config::commit_ratio 100.
class VirtualMemory {
 public:
  struct Config {
    /// Addresses to give out, whole granules of it but for the lowest 64 KiB; without an end, up to
    /// the user half's.
    AddressRange range{VirtAddr(kAllocationGranularity), VirtAddr()};
  };

  /// `space` is empty, has no other user, and outlives this.
  explicit VirtualMemory(AddressSpace& space) : VirtualMemory(space, Config{}) {}
  VirtualMemory(AddressSpace& space, const Config& config);
  /// Releases and unmaps everything.
  ~VirtualMemory();
  VirtualMemory(const VirtualMemory&) = delete;
  VirtualMemory& operator=(const VirtualMemory&) = delete;

  // Contracts, with their errors at the definitions. Sizes and offsets are bytes; address 0 is
  // NULL.

  /// Reserves, commits, or both (allocate.cc); or gives contents up and takes that back (reset.cc).
  /// Page: "VirtualAlloc function (memoryapi.h)".
  Win32Result<VirtAddr> allocate(VirtAddr address, std::uint64_t size, std::uint32_t type,
                                 std::uint32_t protection) GONZO_EXCLUDES(lock_);
  /// Decommits pages or releases a reservation (release.cc).
  /// Page: "VirtualFree function (memoryapi.h)".
  Win32Result<void> free(VirtAddr address, std::uint64_t size, std::uint32_t type)
      GONZO_EXCLUDES(lock_);
  /// The first page's old protection (protect.cc).
  /// Pages: "VirtualProtect function (memoryapi.h)", "Creating Guard Pages".
  Win32Result<std::uint32_t> protect(VirtAddr address, std::uint64_t size, std::uint32_t protection)
      GONZO_EXCLUDES(lock_);
  /// ERROR_INVALID_PARAMETER: past the addresses that are given out (query.cc).
  /// Page: "VirtualQuery function (memoryapi.h)".
  Win32Result<MemoryBasicInformation> query(VirtAddr address) GONZO_EXCLUDES(lock_);
  /// Where the view begins (view.cc). Pages: "MapViewOfFile function (memoryapi.h)",
  /// "MapViewOfFileEx function (memoryapi.h)".
  Win32Result<VirtAddr> map_view(const SectionRef& section, const ViewRequest& request)
      GONZO_EXCLUDES(lock_);
  /// The view that holds `address`. ERROR_INVALID_ADDRESS: none does. What was written to a file's
  /// pages reaches it later.
  /// Page: "UnmapViewOfFile function (memoryapi.h)".
  Win32Result<void> unmap_view(VirtAddr address) GONZO_EXCLUDES(lock_);
  /// What was written to these bytes of a file's view, 0 for all up to its end, is in the file when
  /// this returns. ERROR_INVALID_ADDRESS: not in one view. ERROR_IO_DEVICE.
  /// Page: "FlushViewOfFile function (memoryapi.h)".
  Win32Result<void> flush_view(VirtAddr address, std::uint64_t bytes) GONZO_EXCLUDES(lock_);

  // Accesses: fault.cc.

  /// The page tables denied this access. STATUS_SUCCESS: mended, try again. STATUS_GUARD_PAGE_
  /// VIOLATION: the page was guarded and is no more. Else what the exception says, whose parameters
  /// the caller has: the kind of access and the address. Takes no lock of this object where it
  /// succeeds. Pages: "EXCEPTION_RECORD structure (winnt.h)", "Creating Guard Pages".
  NtStatus fault(VirtAddr address, Access access) GONZO_EXCLUDES(lock_);
  /// A system service's access to its caller's memory. Bytes before the one that fails may have
  /// been copied; a guard page that fails one is none the next time. Page: "Creating Guard Pages".
  NtStatus copy_in(std::span<std::byte> to, VirtAddr from) GONZO_EXCLUDES(lock_);
  NtStatus copy_out(VirtAddr to, std::span<const std::byte> from) GONZO_EXCLUDES(lock_);

  VirtualMemoryCounts counts() const GONZO_EXCLUDES(lock_);
  AddressSpace& space() { return space_; }
  /// VADs, the core's areas, charges; then AddressSpace::verify(). Empty, or the first
  /// disagreement. Needs no concurrent use.
  std::string verify() GONZO_EXCLUDES(lock_);

 private:
  struct Vad;
  struct Part;
  enum class Search : bool { kBottomUp, kTopDown };

  // vad.cc
  Vad* vad_holding(AddressRange range) const GONZO_REQUIRES(lock_);
  std::optional<AddressRange> room_for(std::uint64_t length, Search search) const
      GONZO_REQUIRES(lock_);
  bool is_free(AddressRange range) const GONZO_REQUIRES(lock_);
  Vad& enter(std::unique_ptr<Vad> vad) GONZO_REQUIRES(lock_);
  void forget(Vad& vad) GONZO_REQUIRES(lock_);
  bool charge(std::uint64_t pages) GONZO_REQUIRES(lock_);
  void uncharge(std::uint64_t pages) GONZO_REQUIRES(lock_);
  bool is_committed(const Vad& vad, AddressRange range) const GONZO_REQUIRES(lock_);
  Win32Result<void> unmap(Vad& vad) GONZO_REQUIRES(lock_);

  // allocate.cc
  Win32Result<VirtAddr> reserve(VirtAddr address, std::uint64_t size, std::uint32_t type,
                                std::uint32_t protection) GONZO_REQUIRES(lock_);
  Win32Result<VirtAddr> commit(VirtAddr address, std::uint64_t size, std::uint32_t protection)
      GONZO_REQUIRES(lock_);
  Win32Result<void> commit_private(Vad& vad, AddressRange range, std::uint32_t protection)
      GONZO_REQUIRES(lock_);
  Win32Result<void> commit_view(Vad& vad, AddressRange range, std::uint32_t protection)
      GONZO_REQUIRES(lock_);
  // reset.cc
  Win32Result<VirtAddr> reset(VirtAddr address, std::uint64_t size, std::uint32_t type)
      GONZO_REQUIRES(lock_);
  void give_up(Vad& vad, AddressRange range) GONZO_REQUIRES(lock_);
  bool take_back(Vad& vad, AddressRange range) GONZO_REQUIRES(lock_);
  // protect.cc
  Win32Result<void> set_protection(Vad& vad, AddressRange range, std::uint32_t protection)
      GONZO_REQUIRES(lock_);
  Win32Result<void> apply(const Vad& vad, AddressRange range) GONZO_REQUIRES(lock_);
  // query.cc
  Part shown_part(const Vad& vad, VirtAddr address) GONZO_REQUIRES(lock_);
  MemoryBasicInformation query_free(VirtAddr page) GONZO_REQUIRES(lock_);
  // release.cc
  Win32Result<void> decommit(Vad& vad, AddressRange range) GONZO_REQUIRES(lock_);
  // view.cc
  Win32Result<AddressRange> place_view(VirtAddr base, std::uint64_t length) const
      GONZO_REQUIRES(lock_);
  Win32Result<void> map_core(const Vad& vad) GONZO_REQUIRES(lock_);
  // fault.cc
  NtStatus resolve(VirtAddr address, Access access) GONZO_REQUIRES(lock_);
  using CopyPart = FunctionRef<bool(VirtAddr at, std::size_t size)>;
  NtStatus copy(VirtAddr at, std::size_t size, Access access, const CopyPart& copy_part)
      GONZO_EXCLUDES(lock_);
  // verify.cc
  struct Census;
  std::string verify_vad(const Vad& vad, Census& census) GONZO_REQUIRES(lock_);

  AddressSpace& space_;
  const AddressRange range_;  ///< whole granules
  mutable Mutex lock_;        ///< before the address space's and the sections'
  const std::unique_ptr<VmaIndex> vads_ GONZO_PT_GUARDED_BY(lock_);
  CommitCharge charge_ GONZO_GUARDED_BY(lock_);
  VirtualMemoryCounts counts_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo::windows

// A process's address space: its areas, page tables, bounds and counts. Linux: struct mm_struct.
#pragma once

#include <array>
#include <atomic>
#include <boost/intrusive/set.hpp>
#include <boost/range/iterator_range.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>

#include <gonzo/base/address.h>
#include <gonzo/base/function_ref.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/mm/area_report.h>
#include <gonzo/mm/area_usage.h>
#include <gonzo/mm/memory_manager.h>
#include <gonzo/mm/page_mapping.h>
#include <gonzo/mm/page_report.h>
#include <gonzo/paging/page_table.h>
#include <gonzo/paging/software_mmu.h>
#include <gonzo/paging/tlb_gather.h>
#include <gonzo/paging/translation_cache.h>
#include <gonzo/vma/vma_index.h>

namespace gonzo {

/// Who answers to the machine's CommitLedger for a mapping.
enum class Charging : std::uint8_t {
  kByProtection,  ///< the address space, for what could be written (Linux: accountable_mapping)
  kCallers,       ///< who maps, by rules of his own
};

/// PROT_* and MAP_* as in mman(2): the values are Linux's, unknown bits included, so that errors
/// are too.
struct MapRequest {
  VirtAddr hint;
  std::uint64_t length = 0;  ///< bytes, as the caller gave it
  int protection = 0;        ///< PROT_*
  int flags = 0;             ///< MAP_*
  ObjectRef object;          ///< null for MAP_ANONYMOUS
  std::uint64_t offset = 0;  ///< bytes into `object`, page aligned
  /// Any number that tells two opens of `object` apart: what they map does not merge.
  std::uint64_t open_file = 0;
  bool object_writable =
      true;  ///< the file was opened for writing (else a shared PROT_WRITE is EACCES)
  bool object_readable = true;    ///< the file was opened for reading (else EACCES)
  bool object_executable = true;  ///< else PROT_EXEC is EPERM (noexec mount)
  /// Against writes (F_SEAL_WRITE, F_SEAL_FUTURE_WRITE): a shared PROT_WRITE is EPERM.
  bool object_sealed = false;
  Charging charging = Charging::kByProtection;
};

/// An area that the kernel makes unasked, with a name of its own: [vdso], [vvar].
struct SpecialArea {
  std::uint64_t pages;
  std::uint64_t flags;  ///< vm_flags; kDontExpand is added
  ObjectRef object;     ///< gives its pages, from its first one on
  const char* name;     ///< static
};

/// What a fault came to. signal_for() in kernel/ says which signal that is.
enum class FaultOutcome : std::uint8_t {
  kMinor,         ///< mended without I/O; run the instruction again
  kMajor,         ///< mended with I/O
  kNoMapping,     ///< SIGSEGV, SEGV_MAPERR
  kNoAccess,      ///< SIGSEGV, SEGV_ACCERR
  kBeyondObject,  ///< SIGBUS, BUS_ADRERR: past the end of a file, or a failed read
  kOutOfMemory,   ///< no frame, and nothing to reclaim
};
constexpr bool mended(FaultOutcome o) { return o <= FaultOutcome::kMajor; }

/// Where program parts lie (Linux: the start_code ... env_end fields of mm_struct).
struct SegmentBounds {
  VirtAddr start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
  VirtAddr arg_start, arg_end, env_start, env_end;
};

/// Limits that the kernel half sets from rlimits; bytes. ~0 is RLIM_INFINITY.
struct AddressSpaceLimits {
  std::uint64_t address_space = ~0ULL;
  std::uint64_t data = ~0ULL;
  std::uint64_t stack = 8ULL << 20;
  std::uint64_t locked = 8ULL << 20;
  /// The hard limit of data, which counts when `data` is 0 (Linux: may_expand_vm, for old
  /// Valgrinds).
  std::uint64_t hard_data = ~0ULL;
  bool locks_freely = false;  ///< CAP_IPC_LOCK: `locked` does not hold for it
  bool is_admin = false;      ///< CAP_SYS_ADMIN: see CommitLedger
};

/// In pages (Linux: total_vm, data_vm, exec_vm, stack_vm, locked_vm, rss_stat, pgtables_bytes).
struct AddressSpaceCounts {
  std::uint64_t total = 0, data = 0, exec = 0, stack = 0, locked = 0, peak_total = 0;
  std::uint64_t committed = 0;  ///< of areas with kAccount; in the machine's CommitLedger too
  std::uint64_t rss_anon = 0, rss_file = 0, rss_shmem = 0, peak_rss = 0, swap = 0;
  std::uint64_t table_frames = 0, areas = 0;
  std::uint64_t minor_faults = 0, major_faults = 0;
  std::uint64_t rss() const { return rss_anon + rss_file + rss_shmem; }
};

class AreaStock;

class AddressSpace {
 public:
  struct Config {
    PagingFormat format = PagingFormat::kFourLevel;
    /// What the kernel's half of the page tables shows; of the same format, and outlives the
    /// address space. Null: see PageTable::create.
    const KernelHalf* kernel_half = nullptr;
    VmaIndexKind index = kDefaultVmaIndex;
    /// Top of the mmap area; zero: computed from the stack limit as Linux's mmap_base() does,
    /// without randomisation.
    VirtAddr mmap_base;
    /// Never given out and refused to MAP_FIXED with ENOMEM: where a machine keeps its stub. May be
    /// empty.
    AddressRange reserved{};
    AddressSpaceLimits limits{};
    /// Whose it is: told to the objects that are mapped.
    int owner = 0;
    /// For fork: the id() of the one that it is a copy of.
    std::uint64_t parent = 0;
  };

  /// `cache` is told of every entry that becomes stricter; it outlives the address space. ENOMEM.
  static Result<std::unique_ptr<AddressSpace>> create(MemoryManager& manager,
                                                      TranslationCache& cache,
                                                      const Config& config);
  ~AddressSpace();
  /// To where create() had it from.
  static void operator delete(AddressSpace* space, std::destroying_delete_t);
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  // Contracts: mm/map.cc, unmap.cc, protect.cc, brk.cc, remap.cc, advise.cc. All are thread-safe,
  // check errors in Linux's order, and document their errors at the definition.
  Result<VirtAddr> map(MapRequest request) GONZO_EXCLUDES(lock_);
  Result<void> unmap(VirtAddr start, std::uint64_t length) GONZO_EXCLUDES(lock_);
  Result<void> protect(VirtAddr start, std::uint64_t length, int protection) GONZO_EXCLUDES(lock_);
  /// The new break, or the old one when the request cannot be met (brk(2) has no error return).
  VirtAddr brk(VirtAddr request) GONZO_EXCLUDES(lock_);
  Result<VirtAddr> remap(VirtAddr old_start, std::uint64_t old_length, std::uint64_t new_length,
                         int flags, VirtAddr new_start) GONZO_EXCLUDES(lock_);
  Result<void> advise(VirtAddr start, std::uint64_t length, int advice) GONZO_EXCLUDES(lock_);
  Result<void> sync(VirtAddr start, std::uint64_t length, int flags) GONZO_EXCLUDES(lock_);
  /// Takes MADV_FREE back for the pages of the range that are still here (mm/age.cc). Linux has no
  /// such call but a write to each page.
  void keep(VirtAddr start, std::uint64_t length) GONZO_EXCLUDES(lock_);
  // mm/lock.cc. Lengths are bytes.
  /// mlock2(2); without MLOCK_ONFAULT in `flags`, mlock(2).
  Result<void> lock_memory(VirtAddr start, std::uint64_t length, int flags) GONZO_EXCLUDES(lock_);
  Result<void> unlock_memory(VirtAddr start, std::uint64_t length) GONZO_EXCLUDES(lock_);
  /// mlockall(2): MCL_*.
  Result<void> lock_all(int flags) GONZO_EXCLUDES(lock_);
  void unlock_all() GONZO_EXCLUDES(lock_);
  // mm/seal.cc, name_area.cc, policy.cc, remap_pages.cc; errors at the definitions.
  Result<void> seal(VirtAddr start, std::uint64_t length, std::uint64_t flags)
      GONZO_EXCLUDES(lock_);
  /// `name`: null takes the name away.
  Result<void> name_area(VirtAddr start, std::uint64_t length, const AreaNameRef& name)
      GONZO_EXCLUDES(lock_);
  enum class Holes : bool { kRefuse, kSkip };
  Result<void> set_policy(VirtAddr start, std::uint64_t length, const MemoryPolicyRef& policy,
                          Holes holes) GONZO_EXCLUDES(lock_);
  Result<void> set_home_node(VirtAddr start, std::uint64_t length, int node) GONZO_EXCLUDES(lock_);
  /// remap_file_pages(2); `first_page` is the object's.
  Result<void> remap_pages(VirtAddr start, std::uint64_t length, int protection,
                           std::uint64_t first_page, int flags) GONZO_EXCLUDES(lock_);
  /// What a page slot holds, for move_pages. EFAULT: no area, or the zero page; ENOENT: nothing.
  Result<Pfn> frame_at(VirtAddr address) GONZO_EXCLUDES(lock_);
  /// Takes the pages of `object` from `first_page` on out of the page tables, private copies
  /// included: it was truncated (mm/unmap_object.cc).
  void unmap_object(const MappedObject& object, std::uint64_t first_page) GONZO_EXCLUDES(lock_);
  /// The same for pages [first, end) that became a hole: private copies stay.
  void unmap_hole(const MappedObject& object, std::uint64_t first, std::uint64_t end)
      GONZO_EXCLUDES(lock_);
  /// One byte a page, bit 0: resident.
  Result<void> incore(VirtAddr start, std::uint64_t length, std::span<std::uint8_t> out)
      GONZO_EXCLUDES(lock_);
  /// shmdt(2): unmaps the pieces of the attachment that would start at `start`. `bytes_of`: the
  /// size of what a segment is; none for other objects. EINVAL: nothing is attached there.
  Result<void> detach(VirtAddr start,
                      FunctionRef<std::optional<std::uint64_t>(const MappedObject&)> bytes_of)
      GONZO_EXCLUDES(lock_);
  /// The kernel's own areas, one right after the other, from `start` on; 0: where there is room.
  Result<VirtAddr> map_special(VirtAddr start, std::span<const SpecialArea> areas)
      GONZO_EXCLUDES(lock_);
  /// The stack's area at exec: grows down, ends at `top`, has `bytes` to begin with (Linux:
  /// setup_arg_pages, whose 128 KiB of room the caller adds).
  Result<void> map_stack(VirtAddr top, std::uint64_t bytes, bool executable) GONZO_EXCLUDES(lock_);

  /// A copy for a child: areas copied, frames shared, both sides write-protected (Linux: dup_mmap).
  /// `owner`: as in Config, the child's.
  Result<std::unique_ptr<AddressSpace>> fork(TranslationCache& cache, int owner = 0)
      GONZO_EXCLUDES(lock_);

  /// mm/fault.cc, Linux: handle_mm_fault behind do_user_addr_fault.
  FaultOutcome fault(VirtAddr address, Access access) GONZO_EXCLUDES(lock_);

  // The kernel's access to user memory (mm/user_copy.cc, Linux: copy_from_user): faults pages in,
  // honours protections, sets A and D. EFAULT when any byte cannot be had; bytes before it may have
  // been copied.
  Result<void> copy_in(std::span<std::byte> to, VirtAddr from) GONZO_EXCLUDES(lock_);
  Result<void> copy_out(VirtAddr to, std::span<const std::byte> from) GONZO_EXCLUDES(lock_);
  Result<void> clear(VirtAddr start, std::uint64_t length) GONZO_EXCLUDES(lock_);
  /// A string up to its NUL, at most `limit` bytes with it. EFAULT; ENAMETOOLONG when no NUL came
  /// in time.
  Result<std::string> copy_in_string(VirtAddr from, std::size_t limit) GONZO_EXCLUDES(lock_);
  template <typename T>
  Result<T> load(VirtAddr from) {
    T value;
    GONZO_TRY(copy_in(std::as_writable_bytes(std::span(&value, 1)), from));
    return value;
  }
  template <typename T>
  Result<void> store(VirtAddr to, const T& value) {
    return copy_out(to, std::as_bytes(std::span(&value, 1)));
  }
  /// One pinned piece of guest memory in the direct map; the frame stays until unpin.
  struct Piece {
    std::byte* data;
    std::size_t size;
    Pfn pfn;
  };
  /// Faults in and pins [start, start + length) for host I/O, as much as fits into `out`
  /// (physically contiguous pages become one piece only if in one page). Returns the number of
  /// pieces; EFAULT when not even the first byte can be had. (Linux: get_user_pages.) Pair with
  /// unpin.
  Result<std::size_t> pin(VirtAddr start, std::uint64_t length, Access access, std::span<Piece> out)
      GONZO_EXCLUDES(lock_);
  void unpin(std::span<const Piece> pieces);

  // What others see.
  /// /proc/PID/maps, byte for byte as Linux writes it. `device_bits`: as in fs/proc/task_mmu.c.
  std::string maps_text() GONZO_EXCLUDES(lock_);
  /// /proc/PID/smaps and smaps_rollup, likewise (mm/smaps_text.cc).
  std::string smaps_text() GONZO_EXCLUDES(lock_);
  std::string smaps_rollup_text() GONZO_EXCLUDES(lock_);
  /// /proc/PID/numa_maps of a machine with one node (mm/numa_maps_text.cc).
  std::string numa_maps_text() GONZO_EXCLUDES(lock_);
  /// One word a page from `start` on, as in /proc/PID/pagemap (mm/pagemap.cc). Nothing is faulted
  /// in; pages past the user half have none.
  void pagemap(VirtAddr start, std::span<std::uint64_t> out) GONZO_EXCLUDES(lock_);
  /// Forgets which pages were used: the accessed bits go, until the next access of each page
  /// (Linux: clear_refs_write; mm/clear_references.cc).
  void clear_references(ReferenceScope scope) GONZO_EXCLUDES(lock_);
  /// The peak of the resident set is that of now (Linux: reset_mm_hiwater_rss).
  void reset_peak_rss();
  /// A debugger's access: what no protection of the area's forbids to the program's owner, who
  /// could change it. Reads also where reading is not allowed; writes into read-only private areas,
  /// whose page becomes the area's own and stays read-only. The bytes done, which end at the first
  /// page that cannot be had: no area, a shared area that may not be written, no page behind it, no
  /// frame (Linux: access_remote_vm with FOLL_FORCE; mm/forced_access.cc).
  std::size_t read_forced(VirtAddr from, std::span<std::byte> to) GONZO_EXCLUDES(lock_);
  std::size_t write_forced(VirtAddr to, std::span<const std::byte> from) GONZO_EXCLUDES(lock_);
  AddressSpaceCounts counts() GONZO_EXCLUDES(lock_);
  SegmentBounds bounds() GONZO_EXCLUDES(lock_);
  void set_bounds(const SegmentBounds& bounds) GONZO_EXCLUDES(lock_);
  AddressSpaceLimits limits() GONZO_EXCLUDES(lock_);
  void set_limits(const AddressSpaceLimits& limits) GONZO_EXCLUDES(lock_);
  /// Attributes of the area at `address`, for tests and tools. EFAULT: none is there.
  struct AreaInfo {
    AddressRange range;
    VmaAttributes attributes;
  };
  Result<AreaInfo> area_at(VirtAddr address) GONZO_EXCLUDES(lock_);
  /// All areas, by address, for tools; `visit` must not call back.
  void visit_areas(FunctionRef<void(const Vma&)> visit) GONZO_EXCLUDES(lock_);
  VmaIndexKind index_kind() const { return config_.index; }
  /// All that is known of one address, at one moment: the area, each level of the tables, the frame
  /// (mm/report.cc). Any address, of the kernel's half too; changes nothing.
  PageReport report_page(VirtAddr address) GONZO_EXCLUDES(lock_);
  /// All areas in order, each with what it has in memory; cut at `cuts`, page-aligned and sorted.
  std::vector<AreaReport> report_areas(std::span<const VirtAddr> cuts = {}) GONZO_EXCLUDES(lock_);
  /// For MemoryManager::mappings_of: entries that map the page here. `object`: null if it is
  /// anonymous.
  void list_mappings(const MappedObject* object, TracedPage& page, std::vector<PageMapping>& out)
      GONZO_EXCLUDES(lock_);

  /// Never used again; what the machine's frames know their address space by.
  std::uint64_t id() const { return id_; }

  // For MemoryManager: mm/swap_out.cc, mm/object_pages.cc. The pages are all anonymous, or all of
  // `object`.
  /// Counts the entries that map these pages, and those that were used since the last time.
  void harvest_references(std::span<TracedPage* const> pages) GONZO_EXCLUDES(lock_);
  void harvest_references(const MappedObject& object, std::span<TracedPage* const> pages)
      GONZO_EXCLUDES(lock_);
  void unmap_to_swap(std::span<TracedPage* const> pages) GONZO_EXCLUDES(lock_);
  /// Blanks the entries of pages that are still kLazyFree.
  void unmap_lazily_freed(std::span<TracedPage* const> pages) GONZO_EXCLUDES(lock_);
  /// Blanks the entries, but for those in locked areas; what they say of writes goes to `object`.
  void unmap_pages(MappedObject& object, std::span<TracedPage* const> pages) GONZO_EXCLUDES(lock_);
  /// Here: see MemoryManager.
  void clean_pages(MappedObject& object, std::uint64_t first, std::uint64_t end)
      GONZO_EXCLUDES(lock_);

  PageTable& page_table() { return *table_; }
  MemoryManager& manager() { return manager_; }
  /// Areas, entries, frame counts and counters against each other; empty, or the first
  /// disagreement.
  std::string verify() GONZO_EXCLUDES(lock_);

 private:
  /// Made by fault() once for each fault, passed down to the file of its kind.
  struct FaultContext;
  struct CopySlot;     ///< mm/fault_cow.cc
  struct RssChange;    ///< mm/rss_change.h
  struct Census;       ///< mm/verify.cc
  struct PagePlace;    ///< mm/swap_out.cc
  struct SwappedPage;  ///< mm/swapped_page.h

  AddressSpace(MemoryManager& manager, TranslationCache& cache, const Config& config,
               std::unique_ptr<PageTable> table);

  Result<std::unique_ptr<AddressSpace>> try_fork(TranslationCache& cache, int owner)
      GONZO_EXCLUDES(lock_);

  // Faults: mm/fault*.cc.
  FaultOutcome try_fault(VirtAddr address, Access access) GONZO_EXCLUDES(lock_);
  FaultOutcome fault_locked(VirtAddr address, Access access) GONZO_REQUIRES_SHARED(lock_);
  FaultOutcome fault_anonymous(FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  void map_zero_pages(const FaultContext& context, std::uint64_t flags)
      GONZO_REQUIRES_SHARED(lock_);
  FaultOutcome fill_around(FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  AddressRange anonymous_window(const FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  FaultOutcome fault_file(FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  FaultOutcome fault_shared_write(FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  FaultOutcome fault_private_write(FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  FaultOutcome fault_uncounted(FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  void map_object_page(FaultContext& context, Pfn pfn, std::uint64_t flags)
      GONZO_REQUIRES_SHARED(lock_);
  AddressRange file_window(const FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  bool map_resident(FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  FaultOutcome fault_present(FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  bool is_beside_own(const FaultContext& context) const GONZO_REQUIRES_SHARED(lock_);
  unsigned copy_block_pages() const;
  FaultOutcome fault_cow(FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  FaultOutcome fault_swap(FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  SwappedPage bring_back(const FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  bool is_copy_welcome(SwapSlot slot, const FaultContext& context) const
      GONZO_REQUIRES_SHARED(lock_);
  bool map_swapped(FaultContext& context, const SwappedPage& page) GONZO_REQUIRES_SHARED(lock_);
  // Pages of swap that are about to be asked for: mm/swap_in_order.cc.
  void bring_following(const FaultContext& context) GONZO_REQUIRES_SHARED(lock_);
  unsigned pages_in_order(const FaultContext& context) const GONZO_REQUIRES_SHARED(lock_);
  bool claim_like(Entry target, CopySlot& page) GONZO_REQUIRES_SHARED(lock_);
  void reopen(CopySlot& page) GONZO_REQUIRES_SHARED(lock_);
  // mm/own_frame.cc
  bool take_from_swap(Pfn pfn);
  void begin_write(Pfn pfn);
  void forget_page(Pfn pfn);
  FaultOutcome copy_claimed(const FaultContext& context, std::span<CopySlot> pages, unsigned target)
      GONZO_REQUIRES_SHARED(lock_);
  bool grow_stack(VirtAddr address) GONZO_REQUIRES(lock_);

  // Entries of a range inside one area: mm/zap.cc, change_protection.cc, move_entries.cc,
  // copy_entries.cc. None can fail but for the two that need tables (ENOMEM, with nothing changed).
  enum class Zap : std::uint8_t {
    kEverything,   ///< the area goes
    kContents,     ///< guards stay (Linux: without ZAP_FLAG_DROP_MARKER)
    kObjectPages,  ///< private copies stay as well (Linux: even_cows is false)
  };
  void zap_range(TlbGather& gather, Vma& vma, AddressRange range, Zap what) GONZO_REQUIRES(lock_);
  void zap_object(const MappedObject& object, std::uint64_t first, std::uint64_t end, Zap what)
      GONZO_REQUIRES(lock_);
  /// Clears A, so that the next use shows.
  void age_entries(TlbGather& gather, AddressRange range) GONZO_REQUIRES(lock_);
  /// Pages that nobody shares hold nothing worth keeping, until they are written to.
  void free_lazily(TlbGather& gather, AddressRange range) GONZO_REQUIRES(lock_);
  // mm/retire.cc
  std::size_t collect_own(VirtAddr& at, VirtAddr end, std::span<Pfn> out) GONZO_EXCLUDES(lock_);
  void retire(AddressRange range, int advice) GONZO_EXCLUDES(lock_);
  Result<void> install_guards(TlbGather& gather, Vma& vma, AddressRange range)
      GONZO_REQUIRES(lock_);
  Result<void> remove_guards(const Vma& vma, AddressRange range) GONZO_REQUIRES(lock_);
  void change_protection(TlbGather& gather, Vma& vma, AddressRange range) GONZO_REQUIRES(lock_);
  Result<void> move_entries(TlbGather& gather, Vma& vma, AddressRange from, VirtAddr to)
      GONZO_REQUIRES(lock_);
  Result<void> copy_entries(AddressSpace& child, const Vma& vma, AddressRange& tightened)
      GONZO_REQUIRES(lock_);
  Entry copy_entry(AddressSpace& child, EntryRef slot, Entry entry);
  /// A frame fresh from the allocator gets its first entry, here. Nobody else knows it yet.
  void map_fresh(Pfn pfn, std::uint64_t page_index);
  // Swap entries: mm/fault_swap.cc.
  void forget_swap(Entry entry);
  void share_swap(Entry entry);
  std::optional<PagePlace> place_in(const Vma& vma, const TracedPage& page) const;
  std::optional<PagePlace> find_page(const TracedPage& page) const GONZO_REQUIRES_SHARED(lock_);
  void note_reference(TlbGather& gather, TracedPage& page, PagePlace place);
  using UnmapPage = void (AddressSpace::*)(TlbGather&, TracedPage&, const PagePlace&);
  void unmap_each(std::span<TracedPage* const> pages, UnmapPage each) GONZO_EXCLUDES(lock_);
  void unmap_page_to_swap(TlbGather& gather, TracedPage& page, const PagePlace& place)
      GONZO_REQUIRES(lock_);
  void unmap_lazily_freed_page(TlbGather& gather, TracedPage& page, const PagePlace& place)
      GONZO_REQUIRES(lock_);
  void end_entry(TlbGather& gather, TracedPage& page, const PagePlace& place, Entry next)
      GONZO_REQUIRES(lock_);
  void for_each_place(const MappedObject& object, std::span<TracedPage* const> pages,
                      FunctionRef<void(TracedPage&, const PagePlace&)> visit) const
      GONZO_REQUIRES_SHARED(lock_);
  Result<void> copy_areas(AddressSpace& child, AddressRange& tightened)
      GONZO_REQUIRES(lock_, child.lock_);
  /// The entry flags of a present page of `vma` (Linux: vm_page_prot); without W when writes must
  /// trap.
  std::uint64_t entry_flags(const Vma& vma) const;

  // User memory: mm/user_copy.cc, pin.cc.
  using UserVisitor = FunctionRef<bool(std::byte* data, VirtAddr at, std::size_t size)>;
  Result<void> visit_user(VirtAddr start, std::uint64_t length, Access access,
                          const UserVisitor& visit) GONZO_EXCLUDES(lock_);
  bool visit_mapped(VirtAddr& at, VirtAddr end, Access access, const UserVisitor& visit)
      GONZO_EXCLUDES(lock_);
  Pfn pin_page(VirtAddr page, Access access) GONZO_EXCLUDES(lock_);

  /// What /proc shows of an area (mm/area_usage.cc). Alone in the address space: the descriptors of
  /// frames are looked at that a fault might give back.
  AreaUsage measure(const Vma& vma, AddressRange part) GONZO_REQUIRES(lock_);
  AreaUsage measure(const Vma& vma) GONZO_REQUIRES(lock_) { return measure(vma, vma.range()); }
  // mm/report.cc
  AreaReport report_area(const Vma& vma) const GONZO_REQUIRES_SHARED(lock_);
  std::optional<ObjectPlace> report_object(const Vma& vma, VirtAddr address) const
      GONZO_REQUIRES_SHARED(lock_);
  // mm/forced_access.cc
  bool reach_area(VirtAddr address) GONZO_EXCLUDES(lock_);
  bool read_page_forced(VirtAddr from, std::span<std::byte> to) GONZO_EXCLUDES(lock_);
  bool write_page_forced(VirtAddr to, std::span<const std::byte> from) GONZO_EXCLUDES(lock_);
  Result<Pfn> own_page(const Vma& vma, VirtAddr page) GONZO_REQUIRES(lock_);

  // mm/rss.cc. The peak is noted before the counts fall, and read as the larger of note and
  // present.
  void count_rss(const Vma& vma, const RssChange& change);
  void note_peak_rss();

  // mm/verify.cc.
  std::string verify_areas() GONZO_REQUIRES(lock_);
  /// `sums` are those of the areas as they are.
  std::string verify_counts(const AddressSpaceCounts& sums) GONZO_REQUIRES(lock_);
  std::string verify_entry(const Vma* vma, const LeafSlot& leaf, Census& census);
  std::string verify_mapped_frame(const Vma& vma, VirtAddr address, Entry entry, Census& census);
  std::string verify_census(const Census& census);

  // Areas: mm/areas.cc. The index does not own; these do. None counts pages but modify_area's
  // callers' account(). An area more needs reserve_areas() before, where ENOMEM can still be
  // returned.
  /// For so many more: their memory, and what the index needs. What is not used stays for the next
  /// time (Linux: vm_area_alloc, vma_iter_prealloc).
  Result<void> reserve_areas(unsigned count) GONZO_REQUIRES(lock_);
  /// The tables down to `page`'s entry. ENOMEM, which with_areas() mends, like reserve_areas()'.
  Result<EntryRef> reserve_entry(VirtAddr page) GONZO_REQUIRES(lock_);
  Vma& insert_area(AddressRange range, VmaAttributes attributes) GONZO_REQUIRES(lock_);
  void erase_area(Vma& vma) GONZO_REQUIRES(lock_);
  void erase_all_areas() GONZO_REQUIRES(lock_);
  /// Cuts in two at `at`, strictly inside; the upper half is returned (Linux: __split_vma).
  Vma& cut_area(Vma& vma, VirtAddr at) GONZO_REQUIRES(lock_);
  /// The same; ENOMEM at max_map_count (Linux: split_vma).
  Result<Vma*> split_area(Vma& vma, VirtAddr at) GONZO_REQUIRES(lock_);
  /// Inserts, or extends the neighbours that merge with it (Linux: vma_merge_new_range). `lineage`:
  /// of the pages that move in.
  Vma& insert_or_merge(AddressRange range, VmaAttributes attributes, Lineage lineage = {})
      GONZO_REQUIRES(lock_);
  /// What goes into a merged area: its first page's number and its pages' lineage.
  struct Absorbed {
    std::uint64_t page_offset = 0;
    Lineage lineage;
    std::uint64_t sticky_flags = 0;
  };
  Vma& absorb(Vma* below, Vma* above, AddressRange range, Absorbed absorbed) GONZO_REQUIRES(lock_);
  /// Gives [range) of `vma` other flags: merged with a neighbour where it can be, else split off.
  /// The area that holds the range now. ENOMEM at max_map_count (Linux: vma_modify_flags).
  Result<Vma*> modify_area(Vma& vma, AddressRange range, std::uint64_t flags) GONZO_REQUIRES(lock_);
  /// The same with another name or policy too; the page offset is computed.
  Result<Vma*> modify_area(Vma& vma, AddressRange range, VmaAttributes attributes)
      GONZO_REQUIRES(lock_);
  /// Extends upwards into free room and merges with what is there (Linux: vma_merge_extend).
  Vma& extend_area(Vma& vma, std::uint64_t bytes) GONZO_REQUIRES(lock_);
  bool is_free(AddressRange range) const GONZO_REQUIRES(lock_);
  bool is_covered(AddressRange range) const GONZO_REQUIRES(lock_);
  /// Call before the first page of its own goes into `vma` (Linux: anon_vma_prepare).
  void note_own_pages(const Vma& vma) GONZO_REQUIRES_SHARED(lock_) {
    if (!vma.has_own_pages()) vma.adopt(find_lineage(vma));
  }
  Lineage find_lineage(const Vma& vma) GONZO_REQUIRES_SHARED(lock_);
  Lineage new_lineage(Lineage::Origin origin) {
    return {next_lineage_.fetch_add(1, std::memory_order_relaxed), origin};
  }

  // Contracts with the lock held.
  Result<VirtAddr> map_locked(const MapRequest& request) GONZO_REQUIRES(lock_);
  Result<VmaAttributes> map_attributes(const MapRequest& request, std::uint64_t length) const
      GONZO_REQUIRES(lock_);
  Result<VirtAddr> map_region(AddressRange range, VmaAttributes attributes) GONZO_REQUIRES(lock_);
  /// mm/map_frames.cc. ENOMEM: no frame for a table, and a part is entered.
  Result<void> map_frames(const Vma& vma, Pfn first) GONZO_REQUIRES(lock_);
  Result<void> add_shared_memory(VmaAttributes& attributes, std::uint64_t bytes)
      GONZO_REQUIRES(lock_);
  /// What becomes of what was charged for areas that go.
  enum class Charges : std::uint8_t { kRelease, kKeep };
  /// ENOMEM, with nothing changed, when the middle of an area is to go at max_map_count.
  Result<void> unmap_locked(AddressRange range, Charges charges = Charges::kRelease)
      GONZO_REQUIRES(lock_);
  /// EPERM: something in it is sealed.
  Result<void> check_unmap(AddressRange range) GONZO_REQUIRES(lock_);
  /// The same for a range that has not been checked: EINVAL past the user half.
  Result<void> unmap_tail(VirtAddr start, VirtAddr end) GONZO_REQUIRES(lock_);
  Result<void> protect_range(AddressRange range, int grows, int protection) GONZO_REQUIRES(lock_);
  Result<Vma*> protect_area(TlbGather& gather, Vma& vma, AddressRange range, std::uint64_t flags)
      GONZO_REQUIRES(lock_);
  VirtAddr brk_locked(VirtAddr request) GONZO_REQUIRES(lock_);
  bool can_grow_break(VirtAddr from, VirtAddr to) const GONZO_REQUIRES(lock_);
  Result<void> advise_area(TlbGather& gather, Vma& vma, AddressRange range, int advice)
      GONZO_REQUIRES(lock_);
  /// Calls `change(vma, part)` for each area's part of the range. ENOMEM: there were holes, and all
  /// parts have been visited (Linux: madvise_walk_vmas); or the first error.
  Result<void> for_each_part(AddressRange range,
                             FunctionRef<Result<void>(Vma& vma, AddressRange part)> change)
      GONZO_REQUIRES(lock_);
  struct SyncStep;
  Result<SyncStep> next_sync_step(AddressRange range, int flags) GONZO_REQUIRES(lock_);

  // mremap: mm/remap.cc.
  struct RemapRequest;
  Result<void> check_remap(const RemapRequest& request) const GONZO_REQUIRES(lock_);
  Result<void> check_remap_area(const RemapRequest& request, const Vma* vma) const
      GONZO_REQUIRES(lock_);
  Result<VirtAddr> remap_locked(RemapRequest& request) GONZO_REQUIRES(lock_);
  Result<VirtAddr> remap_many(RemapRequest& request) GONZO_REQUIRES(lock_);
  Result<VirtAddr> remap_to(RemapRequest& request) GONZO_REQUIRES(lock_);
  Result<VirtAddr> remap_here(const RemapRequest& request, Vma& vma) GONZO_REQUIRES(lock_);
  bool can_extend(const RemapRequest& request, const Vma& vma) const GONZO_REQUIRES(lock_);
  Result<VirtAddr> move_area(const RemapRequest& request, Vma& vma, VirtAddr to)
      GONZO_REQUIRES(lock_);
  void leave_empty(AddressRange source) GONZO_REQUIRES(lock_);
  Vma* area_holding(VirtAddr address) const GONZO_REQUIRES_SHARED(lock_);

  // Placement: mm/place.cc. `flags` are MAP_*.
  Result<VirtAddr> place(VirtAddr hint, std::uint64_t length, int flags) const
      GONZO_REQUIRES(lock_);
  std::optional<VirtAddr> find_room(std::uint64_t length, VirtAddr hint, int flags) const
      GONZO_REQUIRES(lock_);
  std::optional<VirtAddr> find_gap_down(GapRequest request) const GONZO_REQUIRES(lock_);
  std::optional<VirtAddr> find_gap_up(GapRequest request) const GONZO_REQUIRES(lock_);
  bool hint_is_free(VirtAddr hint, std::uint64_t length) const GONZO_REQUIRES(lock_);
  std::uint64_t guard_bytes() const { return manager_.config().stack_guard_gap * kPageSize; }

  // Accounts: mm/account.cc.
  /// Adds `pages` (negative: takes away) to total, data, exec, stack as `flags` say (Linux:
  /// vm_stat_account), and to locked.
  void account(std::uint64_t flags, std::int64_t pages) GONZO_REQUIRES(lock_);
  /// RLIMIT_AS and RLIMIT_DATA (Linux: may_expand_vm).
  bool may_expand(std::uint64_t flags, std::int64_t pages) const GONZO_REQUIRES(lock_);
  /// RLIMIT_MEMLOCK (Linux: mlock_future_ok).
  bool may_lock(std::uint64_t flags, std::uint64_t bytes) const GONZO_REQUIRES(lock_);
  /// ENOMEM: the overcommit policy refuses (Linux: security_vm_enough_memory_mm). For areas with
  /// kAccount.
  Result<void> charge(std::uint64_t pages) GONZO_REQUIRES(lock_);
  void uncharge(std::uint64_t pages) GONZO_REQUIRES(lock_);
  CommitClaimant claimant() const GONZO_REQUIRES(lock_) {
    return {.total_pages = counts_.total, .is_admin = limits_.is_admin};
  }

  // mlock: mm/lock.cc.
  bool may_lock_at_all() const GONZO_REQUIRES(lock_) {
    return limits_.locked != 0 || limits_.locks_freely;
  }
  std::uint64_t locked_pages(AddressRange range) const GONZO_REQUIRES(lock_);
  Result<void> apply_lock(AddressRange range, std::uint64_t flags) GONZO_REQUIRES(lock_);
  Result<Vma*> lock_area(Vma& vma, AddressRange range, std::uint64_t flags) GONZO_REQUIRES(lock_);
  void lock_all_areas(int flags) GONZO_REQUIRES(lock_);
  Result<void> populate_locked(AddressRange range) GONZO_EXCLUDES(lock_);
  // mm/populate.cc. `at`: the page that an error is about.
  /// EFAULT: not accessible, or past the object. ENOMEM: no frame. (Linux:
  /// populate_vma_page_range.)
  Result<void> populate_area(const Vma& vma, AddressRange range, VirtAddr& at)
      GONZO_REQUIRES_SHARED(lock_);
  Result<void> populate_areas(AddressRange range, VirtAddr& at) GONZO_REQUIRES_SHARED(lock_);
  Result<void> populate_areas_strictly(AddressRange range, Access access, VirtAddr& at)
      GONZO_REQUIRES_SHARED(lock_);
  Result<void> populate_pages(AddressRange range, Access access, VirtAddr& at)
      GONZO_REQUIRES_SHARED(lock_);
  template <typename Change>
  auto with_areas(Change change) GONZO_EXCLUDES(lock_);
  Result<void> with_room(VirtAddr& at, FunctionRef<Result<void>(VirtAddr&)> fill)
      GONZO_EXCLUDES(lock_);

  /// Faults in what is accessible in `range`; errors are left to the program's own touch (Linux:
  /// mm_populate).
  void populate(AddressRange range) GONZO_EXCLUDES(lock_);
  /// ENOMEM at a hole and without frames; EINVAL where the area forbids it; EFAULT past the object.
  Result<void> populate_strictly(AddressRange range, Access access) GONZO_EXCLUDES(lock_);
  bool is_populated(VirtAddr page, Access access) const GONZO_REQUIRES_SHARED(lock_);
  // mm/policy.cc.
  Result<void> set_policy_locked(AddressRange range, const MemoryPolicyRef& policy, Holes holes)
      GONZO_REQUIRES(lock_);
  Result<void> set_home_node_locked(AddressRange range, int node) GONZO_REQUIRES(lock_);
  Result<void> prefetch(AddressRange range) GONZO_EXCLUDES(lock_);
  /// MADV_REMOVE: mm/remove.cc.
  Result<void> remove(AddressRange range) GONZO_EXCLUDES(lock_);
  /// Write-protects and cleans entries of a shared file area, telling the object what was dirty, so
  /// that a write after the writeback is seen (Linux: folio_mkclean).
  void clean_entries(TlbGather& gather, Vma& vma, AddressRange range) GONZO_REQUIRES(lock_);

  /// Changed by faults that run at once (Linux: rss_stat).
  struct AtomicCounts {
    std::atomic<std::int64_t> rss_anon{0}, rss_file{0}, rss_shmem{0}, peak_rss{0}, swap{0};
    std::atomic<std::uint64_t> minor_faults{0}, major_faults{0};
  };

  MemoryManager& manager_;
  std::uint64_t id_ = 0, root_ = 0;  ///< MemoryManager::enlist's
  FrameAllocator& frames_;
  TranslationCache& cache_;
  Config config_;
  mutable SharedMutex lock_;  ///< Linux: mmap_lock
  std::unique_ptr<PageTable> table_;
  std::unique_ptr<VmaIndex> areas_ GONZO_GUARDED_BY(lock_);
  const std::unique_ptr<AreaStock> area_stock_ GONZO_GUARDED_BY(lock_);
  bool lacks_frames_ GONZO_GUARDED_BY(lock_) = false;  ///< the last that reserved found none
  struct ObjectOf {
    using type = const MappedObject*;
    type operator()(const Vma& vma) const { return vma.object(); }
  };
  using ObjectAreas = boost::intrusive::multiset<
      Vma, boost::intrusive::member_hook<Vma, ObjectAreaHook, &Vma::by_object>,
      boost::intrusive::key_of_value<ObjectOf>, boost::intrusive::constant_time_size<false>>;
  /// There was an anonymous area whose pages are not numbered by their addresses: by mremap, once.
  bool has_moved_areas_ GONZO_GUARDED_BY(lock_) = false;
  /// Those that map something, by what.
  ObjectAreas object_areas_ GONZO_GUARDED_BY(lock_);
  auto areas_of(const MappedObject& object) const GONZO_REQUIRES_SHARED(lock_) {
    return boost::make_iterator_range(object_areas_.equal_range(&object));
  }
  auto areas_of(const MappedObject& object) GONZO_REQUIRES(lock_) {
    return boost::make_iterator_range(object_areas_.equal_range(&object));
  }
  SegmentBounds bounds_ GONZO_GUARDED_BY(lock_);
  AddressSpaceLimits limits_ GONZO_GUARDED_BY(lock_);
  AddressSpaceCounts counts_
      GONZO_GUARDED_BY(lock_);  ///< those in pages of areas; the rest is in atomic_
  /// Added to the flags of new areas: mlockall(MCL_FUTURE) (Linux: def_flags).
  std::uint64_t default_flags_ GONZO_GUARDED_BY(lock_) = 0;
  /// In counts_.locked, of no area: see leave_empty().
  std::uint64_t stray_locked_ GONZO_GUARDED_BY(lock_) = 0;
  AtomicCounts atomic_;
  /// Where the last fault-around ended, and in the page offset's place the order of its block.
  std::atomic<std::uint64_t> sequential_hint_{0};
  std::atomic<std::uint64_t> file_hint_{0};  ///< the same for reads of objects
  std::atomic<std::uint64_t> next_lineage_{1};
};

}  // namespace gonzo

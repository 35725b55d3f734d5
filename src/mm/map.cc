// mmap(2). Linux: ksys_mmap_pgoff, do_mmap (mm/mmap.c), mmap_region (mm/vma.c).
#include <linux/mman.h>

#include <algorithm>

#include "mm/mmap_flags.h"
#include "mm/protection.h"
#include "mm/with_areas.h"
#include <gonzo/cache/shared_memory.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

using namespace vm_flags;

/// What mmap knew before MAP_SHARED_VALIDATE; plain MAP_SHARED ignores the rest (Linux:
/// LEGACY_MAP_MASK).
constexpr int kLegacyFlags = MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE |
                             MAP_EXECUTABLE | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE |
                             MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT |
                             kMapAbove4G | (MAP_HUGE_MASK << MAP_HUGE_SHIFT);

/// Linux: MAX_LFS_FILESIZE.
constexpr std::uint64_t kMaxObjectBytes = 0x7fffffffffffffff;

constexpr std::uint32_t kSharedMemoryMinor = 1;

std::uint64_t map_flags(int flags) {
  std::uint64_t result = 0;
  if ((flags & MAP_GROWSDOWN) != 0) result |= kGrowsDown;
  if ((flags & MAP_LOCKED) != 0) result |= kLocked;
  if ((flags & MAP_SYNC) != 0) result |= kSync;
  // Since Linux 6.7: a thread's stack in a huge page would be resident as a whole.
  if ((flags & MAP_STACK) != 0) result |= kNoHugePage;
  return result;
}

/// EACCES: the object was not opened for what is asked. EPERM: PROT_EXEC on a noexec mount.
/// EOPNOTSUPP: a flag that MAP_SHARED_VALIDATE does not know. EINVAL: no or an unknown type, or
/// MAP_GROWSDOWN. EPERM: sealed against writes.
Result<std::uint64_t> object_flags(const MapRequest& request, std::uint64_t flags) {
  const int type = request.flags & MAP_TYPE;
  if (type != MAP_SHARED && type != MAP_SHARED_VALIDATE && type != MAP_PRIVATE) {
    return fail(Errno::kInval);
  }
  if (type != MAP_PRIVATE) {
    // Disks may promise MAP_SYNC, and find out later that they cannot (Linux: FOP_MMAP_SYNC).
    const bool on_disk = request.object != nullptr && !request.object->is_shmem();
    const int known = kLegacyFlags | MAP_TYPE | (on_disk ? MAP_SYNC : 0);
    if (type == MAP_SHARED_VALIDATE && (request.flags & ~known) != 0) {
      return fail(Errno::kOpNotSupp);
    }
    if ((flags & kWrite) != 0 && !request.object_writable) return fail(Errno::kAcces);
    flags |= kMayShare;
    // What can never be written need not be treated as shared.
    flags = request.object_writable ? flags | kShared : flags & ~kMayWrite;
  }
  if (!request.object_readable) return fail(Errno::kAcces);
  if (!request.object_executable) {
    if ((flags & kExec) != 0) return fail(Errno::kPerm);
    flags &= ~kMayExec;
  }
  if ((flags & kGrowsDown) != 0) return fail(Errno::kInval);
  // Linux: memfd_check_seals_mmap.
  if (request.object_sealed && (flags & kShared) != 0) {
    if ((flags & kWrite) != 0) return fail(Errno::kPerm);
    flags &= ~kMayWrite;
  }
  return flags;
}

/// EINVAL: no type or one for files only, or a shared mapping that grows down.
Result<std::uint64_t> anonymous_flags(const MapRequest& request, std::uint64_t flags) {
  switch (request.flags & MAP_TYPE) {
    case MAP_PRIVATE:
      return flags;
    case MAP_SHARED:
      if ((flags & kGrowsDown) != 0) return fail(Errno::kInval);
      return flags | kShared | kMayShare;
    case kMapDroppable:
      if ((request.flags & MAP_LOCKED) != 0 || (flags & kGrowsDown) != 0) {
        return fail(Errno::kInval);
      }
      return flags | kDroppable | kNoReserve | kWipeOnFork | kDontDump;
    default:
      return fail(Errno::kInval);
  }
}

/// The size of MAP_HUGETLB's pages on a kernel with 2 MiB and 1 GiB ones; EINVAL: another size, or
/// a file that is not hugetlbfs's (Linux: ksys_mmap_pgoff).
Result<std::uint64_t> huge_page_bytes(int flags) {
  if ((flags & MAP_ANONYMOUS) == 0) return fail(Errno::kInval);
  constexpr int kDefaultSize = 0, k2MiB = 21, k1GiB = 30;
  switch ((flags >> MAP_HUGE_SHIFT) & MAP_HUGE_MASK) {
    case kDefaultSize:
    case k2MiB:
      return 2ULL << 20;
    case k1GiB:
      return 1ULL << 30;
    default:
      return fail(Errno::kInval);
  }
}

/// Linux maps a nameless file of huge pages, which may do all that a file may.
Result<std::uint64_t> type_flags(const MapRequest& request, std::uint64_t flags) {
  if ((request.flags & MAP_HUGETLB) != 0) {
    GONZO_ASSIGN(flags, object_flags(request, flags));
    return flags | kHugeTlb;
  }
  const bool anonymous = (request.flags & MAP_ANONYMOUS) != 0;
  return anonymous ? anonymous_flags(request, flags) : object_flags(request, flags);
}

/// Who writes to it makes copies (Linux: is_cow_mapping).
bool makes_copies(std::uint64_t flags) { return (flags & (kShared | kMayWrite)) == kMayWrite; }

/// What the file system or the driver says when the old areas are gone already, and the frames that
/// the area is to show at once. ENOMEM: no huge page is there to be reserved. EOPNOTSUPP: no page
/// of ours is the storage itself (Linux: daxdev_mapping_supported). Others: the object's.
Result<Pfn> set_up_object(VmaAttributes& attributes, std::uint64_t pages) {
  if ((attributes.flags & kHugeTlb) != 0) return fail(Errno::kNoMem);
  MappedObject* const object = attributes.object.get();
  if (object == nullptr) return Pfn::none();
  if ((attributes.flags & kSync) != 0 && !object->is_shmem()) return fail(Errno::kOpNotSupp);
  GONZO_ASSIGN(const AreaSetup setup,
               object->set_up_area(
                   {.first = attributes.page_offset, .pages = pages, .flags = attributes.flags}));
  attributes.flags |= setup.flags;
  if (setup.frames.is_none()) return Pfn::none();
  attributes.flags |= kPfnMap | kIo | kDontExpand | kDontDump;
  // So the number of a copy tells what it is one of, and maps shows it (Linux: remap_pfn_range).
  if (makes_copies(attributes.flags)) attributes.page_offset = setup.frames.value;
  return setup.frames;
}

}  // namespace

/// In this order:
/// EINVAL: the offset is unaligned.
/// EBADF: neither anonymous nor an object.
/// EINVAL: MAP_HUGETLB, see huge_page_bytes().
/// EINVAL: length 0.
/// ENOMEM: the length overflows.
/// EOVERFLOW: the offset's end does.
/// ENOMEM: more than max_map_count areas. EINVAL: MAP_FIXED where no huge page begins. Then
/// place(). EEXIST: MAP_FIXED_NOREPLACE where something is. EPERM: MAP_LOCKED with no
/// RLIMIT_MEMLOCK at all. EAGAIN: beyond it. EOVERFLOW: past the largest file. EACCES, EPERM,
/// EOPNOTSUPP, EINVAL: see object_flags(), anonymous_flags(). ENOMEM: the replaced range cuts an
/// area at max_map_count; no memory for the index; RLIMIT_AS, RLIMIT_DATA, more than could ever be
/// had. Then set_up_object(). ENOMEM: no frame for a table, of an area that is mapped at once.
Result<VirtAddr> AddressSpace::map(MapRequest request) {
  if ((request.offset & ~kPageMask) != 0) return fail(Errno::kInval);
  const bool anonymous = (request.flags & MAP_ANONYMOUS) != 0;
  if (!anonymous && request.object == nullptr) return fail(Errno::kBadF);
  if ((request.flags & MAP_HUGETLB) != 0) {
    GONZO_ASSIGN(const std::uint64_t huge_page, huge_page_bytes(request.flags));
    request.length = (request.length + huge_page - 1) & ~(huge_page - 1);
  }

  bool wanted = (request.flags & MAP_LOCKED) != 0 ||
                (request.flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
  const auto start = with_areas([&]() GONZO_REQUIRES(lock_) {
    wanted = wanted || (default_flags_ & kLocked) != 0;
    return map_locked(request);
  });
  if (start && wanted) populate({*start, *start + page_ceil(request.length)});
  return start;
}

Result<VirtAddr> AddressSpace::map_locked(const MapRequest& request) {
  if (request.length == 0) return fail(Errno::kInval);
  const std::uint64_t length = page_ceil(request.length);
  if (length == 0) return fail(Errno::kNoMem);
  // Linux counts in pages, so a sum of pages cannot wrap unless this does.
  const std::uint64_t last_page = (request.offset >> kPageShift) + (length >> kPageShift);
  if (last_page < request.offset >> kPageShift) return fail(Errno::kOverflow);
  if (areas_->size() > manager_.config().max_map_count) return fail(Errno::kNoMem);

  int flags = request.flags;
  if ((flags & MAP_FIXED_NOREPLACE) != 0) flags |= MAP_FIXED;
  if ((flags & MAP_HUGETLB) != 0 && (flags & MAP_FIXED) != 0) {
    GONZO_ASSIGN(const std::uint64_t huge_page, huge_page_bytes(flags));
    if ((request.hint.value & (huge_page - 1)) != 0) return fail(Errno::kInval);
  }
  GONZO_ASSIGN(const VirtAddr start, place(request.hint, length, flags));
  const AddressRange range{start, start + length};
  if ((flags & MAP_FIXED_NOREPLACE) != 0 && !is_free(range)) return fail(Errno::kExist);

  GONZO_ASSIGN(VmaAttributes attributes, map_attributes(request, length));
  const bool has_offset = attributes.object != nullptr || attributes.zero_device != nullptr;
  if (!has_offset) attributes.page_offset = start.page_number();
  return map_region(range, std::move(attributes));
}

Result<VmaAttributes> AddressSpace::map_attributes(const MapRequest& request,
                                                   std::uint64_t length) const {
  std::uint64_t flags = protection_flags(request.protection) | map_flags(request.flags) |
                        default_flags_ | kMayRead | kMayWrite | kMayExec;
  if ((request.flags & MAP_LOCKED) != 0 && !may_lock_at_all()) return fail(Errno::kPerm);
  if (!may_lock(flags, length)) return fail(Errno::kAgain);

  VmaAttributes attributes;
  if ((request.flags & MAP_ANONYMOUS) == 0) {
    if (length > kMaxObjectBytes || request.offset > kMaxObjectBytes - length) {
      return fail(Errno::kOverflow);
    }
    attributes.object = request.object;
    if (request.object->is_zero_device()) attributes.zero_device.swap(attributes.object);
    attributes.open_file = request.open_file;
    attributes.page_offset = request.offset >> kPageShift;
  }
  GONZO_ASSIGN(flags, type_flags(request, flags));
  const bool reserves_nothing =
      (request.flags & MAP_NORESERVE) != 0 && manager_.commitments().policy() != Overcommit::kNever;
  if (reserves_nothing || request.charging == Charging::kCallers) flags |= kNoReserve;
  attributes.flags = flags;
  return attributes;
}

/// Takes the place of whatever is in `range`. A shared area without an object gets one.
Result<VirtAddr> AddressSpace::map_region(AddressRange range, VmaAttributes attributes) {
  const auto pages = static_cast<std::int64_t>(range.pages());
  std::int64_t replaced = 0;
  std::uint64_t replaced_charged = 0;
  for (const Vma* vma = areas_->find(range.start); vma != nullptr && vma->start() < range.end;
       vma = areas_->next(*vma)) {
    const std::uint64_t overlap = vma->range().intersect(range).pages();
    replaced += static_cast<std::int64_t>(overlap);
    if (vma->has(kAccount)) replaced_charged += overlap;
  }
  GONZO_TRY(check_unmap(range));
  GONZO_TRY(reserve_areas(5));  // two cuts, two that unmapping asks for, one for itself
  // Linux cuts before it looks at the limits, and leaves the cuts when they refuse.
  for (const VirtAddr edge : {range.start, range.end}) {
    Vma* vma = area_holding(edge);
    if (vma != nullptr && vma->start() < edge) cut_area(*vma, edge);
  }
  if (!may_expand(attributes.flags, pages - replaced)) return fail(Errno::kNoMem);

  Charges replaced_charges = Charges::kRelease;
  if (is_accountable(attributes.flags)) {
    // The new area takes over what the old ones were charged.
    GONZO_TRY(charge(range.pages() - replaced_charged));
    replaced_charges = Charges::kKeep;
    attributes.flags |= kAccount;
  } else if ((attributes.flags & (kShared | kHugeTlb)) == kShared && attributes.object == nullptr) {
    GONZO_TRY(add_shared_memory(attributes, range.size()));
  }

  const ObjectRef object = attributes.object;
  const AreaNotice notice{attributes.flags, config_.owner};
  if (object != nullptr) {
    if (const auto admitted = object->admit_area(notice); !admitted) {
      if ((attributes.flags & kAccount) != 0) uncharge(range.pages() - replaced_charged);
      return fail(admitted.error());
    }
  }
  if (replaced > 0) GONZO_TRY(unmap_locked(range, replaced_charges));
  const Result<Pfn> frames = set_up_object(attributes, range.pages());
  if (!frames) {
    if ((attributes.flags & kAccount) != 0) uncharge(range.pages());
    if (object != nullptr) object->area_closed(notice);
    return fail(frames.error());
  }
  // Such areas are never locked, though their pages come in (Linux: vma_supports_mlock).
  if ((attributes.flags & kUnlockable) != 0) attributes.flags &= ~kLockMask;
  account(attributes.flags, pages);
  const Vma& area = insert_or_merge(range, std::move(attributes));
  if (object != nullptr) object->area_closed(notice);  // the area itself is counted now
  if (frames->is_none()) return range.start;
  if (const auto mapped = map_frames(area, *frames); !mapped) {
    GONZO_TRY(unmap_locked(range));
    lacks_frames_ = true;  // for a table; taking away what there was lacked none
    return fail(mapped.error());
  }
  return range.start;
}

/// ENOMEM: the overcommit policy refuses. Linux: shmem_zero_setup.
Result<void> AddressSpace::add_shared_memory(VmaAttributes& attributes, std::uint64_t bytes) {
  CommitCharge charge(manager_.commitments());
  const bool reserved = (attributes.flags & kNoReserve) == 0;
  if (reserved && !charge.grow(bytes >> kPageShift, claimant())) return fail(Errno::kNoMem);
  attributes.object = make_shared_memory(frames_, bytes,
                                         {.device_minor = kSharedMemoryMinor,
                                          .inode = manager_.next_shared_inode(),
                                          .path = "/dev/zero (deleted)"},
                                         std::move(charge),
                                         reserved ? ShmemCommit::kWhole : ShmemCommit::kByTouched,
                                         &manager_.objects());
  // One of /dev/zero keeps the offset that was asked for, though the memory begins at 0.
  if (attributes.zero_device == nullptr) attributes.page_offset = 0;
  attributes.zero_device = nullptr;
  return {};
}

}  // namespace gonzo

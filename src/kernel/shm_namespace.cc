#include "kernel/shm_namespace.h"

#include <sys/mman.h>
#include <sys/shm.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <utility>

#include <gonzo/frame/frame_allocator.h>

namespace gonzo {
namespace {

/// Linux: ipcmni. An id is the index and, above it, a number that tells its users apart.
constexpr int kIndexes = 1 << 15;
constexpr std::uint16_t kMostSequence = std::numeric_limits<int>::max() / kIndexes;

constexpr std::uint16_t kPermissionBits = 0777;
constexpr std::uint64_t kWhole = ~std::uint64_t{0};
constexpr std::uint64_t kMostFileBytes = std::numeric_limits<std::int64_t>::max();

/// Linux: hstates of x86-64; 0 asks for the default, 2 MiB.
bool is_huge_page_size(int flags) {
  const int log = flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
  return log == 0 || log == 21 || log == 30;
}

std::uint64_t pages_for(std::uint64_t bytes) {
  return (bytes >> kPageShift) + ((bytes & ~kPageMask) != 0 ? 1 : 0);
}

}  // namespace

ShmNamespace::Slot* ShmNamespace::find(int id) {
  if (id < 0) return nullptr;
  const auto index = static_cast<std::size_t>(id % kIndexes);
  if (index >= slots_.size() || slots_[index].segment == nullptr) return nullptr;
  return slots_[index].status.id == id ? &slots_[index] : nullptr;
}

const ShmNamespace::Slot* ShmNamespace::find(int id) const {
  return const_cast<ShmNamespace*>(this)->find(id);
}

ShmNamespace::Slot* ShmNamespace::find_key(key_t key) {
  const auto found = std::ranges::find_if(slots_, [key](const Slot& slot) {
    return slot.segment != nullptr && slot.status.permissions.key == key;
  });
  return found == slots_.end() ? nullptr : &*found;
}

Result<int> ShmNamespace::get(key_t key, std::uint64_t bytes, int flags, const IpcCaller& caller) {
  const LockGuard guard(lock_);
  if (key == IPC_PRIVATE) return create(key, bytes, flags, caller);
  const Slot* found = find_key(key);
  if (found == nullptr) {
    if ((flags & IPC_CREAT) == 0) return fail(Errno::kNoEnt);
    return create(key, bytes, flags, caller);
  }
  if ((flags & IPC_CREAT) != 0 && (flags & IPC_EXCL) != 0) return fail(Errno::kExist);
  if (found->status.bytes < bytes) return fail(Errno::kInval);
  GONZO_TRY(found->status.permissions.check_access(static_cast<unsigned>(flags), caller));
  return found->status.id;
}

/// Linux: newseg, ipc_addid.
Result<int> ShmNamespace::create(key_t key, std::uint64_t bytes, int flags,
                                 const IpcCaller& caller) {
  if (bytes == 0 || bytes > limits_.segment_bytes) return fail(Errno::kInval);
  const std::uint64_t pages = pages_for(bytes);
  if (pages_ + pages < pages_ || pages_ + pages > limits_.pages) return fail(Errno::kNoSpc);
  if ((flags & SHM_HUGETLB) != 0) {
    return fail(is_huge_page_size(flags) ? Errno::kNoMem : Errno::kInval);
  }
  if (bytes > kMostFileBytes) return fail(Errno::kInval);
  CommitCharge charge(memory_.commitments());
  const bool reserved =
      (flags & SHM_NORESERVE) == 0 || memory_.commitments().policy() == Overcommit::kNever;
  if (reserved && !charge.grow(pages, caller.claimant)) return fail(Errno::kNoMem);
  if (used_ >= limits_.segments) return fail(Errno::kNoSpc);

  const std::size_t index = free_index();
  if (static_cast<int>(index) <= last_index_ && ++sequence_ >= kMostSequence) sequence_ = 0;
  last_index_ = static_cast<int>(index);
  Slot& slot = slots_[index];
  slot.status = {.id = static_cast<int>(index) + sequence_ * kIndexes,
                 .permissions = {.key = key,
                                 .user = caller.user,
                                 .creator_user = caller.user,
                                 .group = caller.group,
                                 .creator_group = caller.group,
                                 .mode = static_cast<std::uint16_t>(flags & kPermissionBits),
                                 .sequence = sequence_},
                 .bytes = bytes,
                 .changed_at = std::time(nullptr),
                 .creator_pid = caller.pid};
  slot.segment =
      ShmSegmentRef(new ShmSegment(*this, memory_, slot.status, std::move(charge),
                                   reserved ? ShmemCommit::kWhole : ShmemCommit::kByTouched));
  ++used_;
  pages_ += pages;
  return slot.status.id;
}

/// The lowest one, as an idr gives them out.
std::size_t ShmNamespace::free_index() {
  const auto found = std::ranges::find(slots_, nullptr, &Slot::segment);
  const auto index = static_cast<std::size_t>(found - slots_.begin());
  if (found == slots_.end()) slots_.emplace_back();
  return index;
}

ShmSegmentRef ShmNamespace::drop(Slot& slot) {
  unlock_memory(slot);
  --used_;
  pages_ -= pages_for(slot.status.bytes);
  return std::move(slot.segment);
}

ShmSegmentRef ShmNamespace::drop_if_doomed(Slot& slot) {
  const bool doomed = (slot.status.permissions.mode & SHM_DEST) != 0;
  return doomed && slot.status.attachments == 0 ? drop(slot) : nullptr;
}

Result<ShmSegmentRef> ShmNamespace::begin_attach(int id, unsigned wanted, const IpcCaller& caller) {
  const LockGuard guard(lock_);
  Slot* slot = find(id);
  if (slot == nullptr) return fail(Errno::kInval);
  GONZO_TRY(slot->status.permissions.check_access(wanted, caller));
  ++slot->status.attachments;
  return slot->segment;
}

void ShmNamespace::end_attach(ShmSegment& segment) {
  ShmSegmentRef gone;  // after the lock
  const LockGuard guard(lock_);
  Slot& slot = *find(segment.id());
  --slot.status.attachments;
  gone = drop_if_doomed(slot);
}

void ShmNamespace::area_opened(const ShmSegment& segment, int pid) {
  const LockGuard guard(lock_);
  ShmStatus& status = find(segment.id())->status;
  ++status.attachments;
  status.attached_at = std::time(nullptr);
  status.last_pid = pid;
}

void ShmNamespace::area_closed(const ShmSegment& segment, int pid) {
  ShmSegmentRef gone;  // after the lock
  const LockGuard guard(lock_);
  Slot& slot = *find(segment.id());
  --slot.status.attachments;
  slot.status.detached_at = std::time(nullptr);
  slot.status.last_pid = pid;
  gone = drop_if_doomed(slot);
}

Result<ShmStatus> ShmNamespace::status(int id, const IpcCaller& caller) const {
  const LockGuard guard(lock_);
  const Slot* slot = find(id);
  if (slot == nullptr) return fail(Errno::kInval);
  GONZO_TRY(slot->status.permissions.check_access(0444, caller));
  return slot->status;
}

Result<ShmStatus> ShmNamespace::status_at(int index, Access access, const IpcCaller& caller) const {
  const LockGuard guard(lock_);
  const auto at = static_cast<std::size_t>(index) % kIndexes;
  if (index < 0 || at >= slots_.size() || slots_[at].segment == nullptr) {
    return fail(Errno::kInval);
  }
  const ShmStatus& status = slots_[at].status;
  if (access == Access::kChecked) GONZO_TRY(status.permissions.check_access(0444, caller));
  return status;
}

Result<void> ShmNamespace::change(int id, const IpcPermissions& to, const IpcCaller& caller) {
  const LockGuard guard(lock_);
  Slot* slot = find(id);
  if (slot == nullptr) return fail(Errno::kInval);
  IpcPermissions& permissions = slot->status.permissions;
  GONZO_TRY(permissions.check_owner(caller));
  if (to.user == static_cast<uid_t>(-1) || to.group == static_cast<gid_t>(-1)) {
    return fail(Errno::kInval);
  }
  permissions.user = to.user;
  permissions.group = to.group;
  permissions.mode = static_cast<std::uint16_t>((permissions.mode & ~kPermissionBits) |
                                                (to.mode & kPermissionBits));
  slot->status.changed_at = std::time(nullptr);
  return {};
}

/// Linux: do_shm_rmid.
Result<void> ShmNamespace::remove(int id, const IpcCaller& caller) {
  ShmSegmentRef gone;  // after the lock
  const LockGuard guard(lock_);
  Slot* slot = find(id);
  if (slot == nullptr) return fail(Errno::kInval);
  GONZO_TRY(slot->status.permissions.check_owner(caller));
  slot->status.permissions.mode |= SHM_DEST;
  slot->status.permissions.key = IPC_PRIVATE;
  gone = drop_if_doomed(*slot);
  return {};
}

Result<void> ShmNamespace::set_locked(int id, Locking locking, const IpcCaller& caller) {
  const LockGuard guard(lock_);
  Slot* slot = find(id);
  if (slot == nullptr) return fail(Errno::kInval);
  ShmStatus& status = slot->status;
  if (!caller.may_use.any_lock) {
    GONZO_TRY(status.permissions.check_owner(caller));
    if (locking == Locking::kLock && caller.locked_bytes_limit == 0) return fail(Errno::kPerm);
  }
  if (locking == Locking::kUnlock) {
    unlock_memory(*slot);
    return {};
  }
  if ((status.permissions.mode & SHM_LOCKED) != 0) return {};
  const std::uint64_t pages = pages_for(status.bytes);
  const std::uint64_t most = caller.locked_bytes_limit >> kPageShift;
  if (!caller.may_use.any_lock && locked_pages_ + pages > most) return fail(Errno::kNoMem);
  slot->charged_lock = pages;
  locked_pages_ += pages;
  status.permissions.mode |= SHM_LOCKED;
  slot->segment->set_locked(true);
  return {};
}

void ShmNamespace::unlock_memory(Slot& slot) {
  locked_pages_ -= std::exchange(slot.charged_lock, 0);
  slot.status.permissions.mode &= static_cast<std::uint16_t>(~SHM_LOCKED);
  slot.segment->set_locked(false);
}

ShmNamespace::Totals ShmNamespace::totals() const {
  const LockGuard guard(lock_);
  Totals totals{.segments = used_, .pages = pages_};
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].segment == nullptr) continue;
    totals.resident_pages += slots_[i].segment->resident_pages();
    totals.swapped_pages += slots_[i].segment->swapped_pages(0, kWhole);
    totals.highest_index = static_cast<int>(i);
  }
  return totals;
}

std::vector<ShmStatus> ShmNamespace::list() const {
  const LockGuard guard(lock_);
  std::vector<ShmStatus> all;
  for (const Slot& slot : slots_) {
    if (slot.segment == nullptr) continue;
    all.push_back(slot.status);
    all.back().resident_pages = slot.segment->resident_pages();
    all.back().swapped_pages = slot.segment->swapped_pages(0, kWhole);
  }
  return all;
}

}  // namespace gonzo

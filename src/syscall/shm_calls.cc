// System V shared memory. Linux: ipc/shm.c.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>

#include <climits>
#include <cstring>
#include <optional>

#include "kernel/shm_namespace.h"
#include "syscall/handlers.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

constexpr unsigned kReadBits = 0444, kWriteBits = 0222, kExecBits = 0111;

ShmNamespace& segments(Call& call) { return call.process().system().shared_memory(); }

IpcCaller caller_of(Call& call) {
  Process& process = call.process();
  return IpcCaller::current(process.pid(), process.limits()[RLIMIT_MEMLOCK].soft,
                            call.memory().counts().total);
}

/// i386 says in the command that it means the present structures (IPC_64).
int command_of(const Call& call) {
  constexpr int kPresentStructures = 0x100;
  return call.is_i386() ? call.integer(1) & ~kPresentStructures : call.integer(1);
}

shmid_ds to_guest(const ShmStatus& status) {
  shmid_ds out;
  std::memset(&out, 0, sizeof out);
  const IpcPermissions& permissions = status.permissions;
  out.shm_perm.__key = permissions.key;
  out.shm_perm.uid = permissions.user;
  out.shm_perm.gid = permissions.group;
  out.shm_perm.cuid = permissions.creator_user;
  out.shm_perm.cgid = permissions.creator_group;
  out.shm_perm.mode = permissions.mode;
  out.shm_perm.__seq = permissions.sequence;
  out.shm_segsz = status.bytes;
  out.shm_atime = status.attached_at;
  out.shm_dtime = status.detached_at;
  out.shm_ctime = status.changed_at;
  out.shm_cpid = status.creator_pid;
  out.shm_lpid = status.last_pid;
  out.shm_nattch = status.attachments;
  return out;
}

/// struct compat_shmid64_ds.
struct I386Segment {
  std::int32_t key;
  std::uint32_t user, group, creator_user, creator_group;
  std::uint16_t mode, padding1, sequence, padding2;
  std::array<std::uint32_t, 2> unused1;
  std::uint32_t bytes, attached, attached_high, detached, detached_high, changed, changed_high;
  std::int32_t creator_pid, last_pid;
  std::uint32_t attachments;
  std::array<std::uint32_t, 2> unused2;

  static I386Segment of(const shmid_ds& from) {
    const auto low = [](auto value) { return static_cast<std::uint32_t>(value); };
    const auto high = [](auto value) { return static_cast<std::uint32_t>(value >> 32); };
    return {.key = from.shm_perm.__key,
            .user = from.shm_perm.uid,
            .group = from.shm_perm.gid,
            .creator_user = from.shm_perm.cuid,
            .creator_group = from.shm_perm.cgid,
            .mode = static_cast<std::uint16_t>(from.shm_perm.mode),
            .padding1 = 0,
            .sequence = from.shm_perm.__seq,
            .padding2 = 0,
            .unused1 = {},
            .bytes = low(from.shm_segsz),
            .attached = low(from.shm_atime),
            .attached_high = high(from.shm_atime),
            .detached = low(from.shm_dtime),
            .detached_high = high(from.shm_dtime),
            .changed = low(from.shm_ctime),
            .changed_high = high(from.shm_ctime),
            .creator_pid = from.shm_cpid,
            .last_pid = from.shm_lpid,
            .attachments = low(from.shm_nattch),
            .unused2 = {}};
  }
};
static_assert(sizeof(I386Segment) == 84);

/// SHM_STAT and its kin return the id, IPC_STAT 0.
std::int64_t store_status(Call& call, const Result<ShmStatus>& status) {
  if (!status) return raw(status.error());
  const shmid_ds told = to_guest(*status);
  const auto stored = call.is_i386() ? call.memory().store(call.address(2), I386Segment::of(told))
                                     : call.memory().store(call.address(2), told);
  if (!stored) return raw(stored.error());
  return command_of(call) == IPC_STAT ? 0 : status->id;
}

std::int64_t store_limits(Call& call) {
  const ShmNamespace::Limits& limits = segments(call).limits();
  shminfo info;
  std::memset(&info, 0, sizeof info);
  info.shmmax = limits.segment_bytes;
  info.shmmin = 1;
  info.shmmni = info.shmseg = limits.segments;
  info.shmall = limits.pages;
  const auto stored = store_longs(call, call.address(2), info);
  return stored ? segments(call).totals().highest_index : raw(stored.error());
}

std::int64_t store_totals(Call& call) {
  const ShmNamespace::Totals totals = segments(call).totals();
  shm_info info;
  std::memset(&info, 0, sizeof info);
  info.used_ids = static_cast<int>(totals.segments);
  info.shm_tot = totals.pages;
  info.shm_rss = totals.resident_pages;
  info.shm_swp = totals.swapped_pages;
  const auto stored = store_longs(call, call.address(2), info);
  return stored ? totals.highest_index : raw(stored.error());
}

std::int64_t change(Call& call) {
  if (call.is_i386()) {
    const auto narrow = call.memory().load<I386Segment>(call.address(2));
    if (!narrow) return raw(narrow.error());
    const IpcPermissions to{.user = narrow->user, .group = narrow->group, .mode = narrow->mode};
    return raw(segments(call).change(call.integer(0), to, caller_of(call)));
  }
  const auto wanted = call.memory().load<shmid_ds>(call.address(2));
  if (!wanted) return raw(wanted.error());
  const IpcPermissions to{.user = wanted->shm_perm.uid,
                          .group = wanted->shm_perm.gid,
                          .mode = static_cast<std::uint16_t>(wanted->shm_perm.mode)};
  return raw(segments(call).change(call.integer(0), to, caller_of(call)));
}

/// Where and how shmat maps.
struct AttachPlan {
  MapRequest request;
  unsigned wanted = kReadBits;  ///< permission bits
};

/// Linux: the first half of do_shmat. EINVAL: an odd address without SHM_RND; SHM_REMAP nowhere.
Result<AttachPlan> plan_attach(VirtAddr address, int flags) {
  AttachPlan plan{.request = {.protection = PROT_READ, .flags = MAP_SHARED}};
  const bool replaces = (flags & SHM_REMAP) != 0;
  if (address != VirtAddr()) {
    if (!address.is_page_aligned()) {
      if ((flags & SHM_RND) == 0) return fail(Errno::kInval);
      address = address.page_floor();
      if (address == VirtAddr() && replaces) return fail(Errno::kInval);
    }
    plan.request.flags |= replaces ? MAP_FIXED : MAP_FIXED_NOREPLACE;
  } else if (replaces) {
    return fail(Errno::kInval);
  }
  plan.request.hint = address;
  if ((flags & SHM_RDONLY) != 0) {
    plan.request.object_writable = false;
  } else {
    plan.request.protection |= PROT_WRITE;
    plan.wanted |= kWriteBits;
  }
  if ((flags & SHM_EXEC) != 0) {
    plan.request.protection |= PROT_EXEC;
    plan.wanted |= kExecBits;
  }
  return plan;
}

}  // namespace

std::int64_t sys_shmget(Call& call) {
  return raw(segments(call).get(call.integer(0), call[1], call.integer(2), caller_of(call)));
}

/// EINVAL: see plan_attach(); no such id; something is mapped there; the end overflows. EACCES.
/// Then the errors of mmap.
std::int64_t sys_shmat(Call& call) {
  const int id = call.integer(0);
  if (id < 0) return -EINVAL;
  auto plan = plan_attach(call.address(1), call.integer(2));
  if (!plan) return raw(plan.error());
  const auto segment = segments(call).begin_attach(id, plan->wanted, caller_of(call));
  if (!segment) return raw(segment.error());

  MapRequest& request = plan->request;
  request.length = (*segment)->size();
  request.object = *segment;
  request.open_file = segments(call).next_attachment();
  Result<VirtAddr> start = fail(Errno::kInval);
  const bool keeps = (request.flags & MAP_FIXED_NOREPLACE) != 0;
  if (!keeps || request.hint.value + request.length >= request.hint.value) {
    start = call.memory().map(request);
  }
  segments(call).end_attach(**segment);
  if (!start && keeps && start.error() == Errno::kExist) return -EINVAL;
  return raw(start);
}

std::int64_t sys_shmdt(Call& call) {
  if (!call.address(0).is_page_aligned()) return -EINVAL;
  const auto bytes_of = [](const MappedObject& object) -> std::optional<std::uint64_t> {
    const auto* segment = dynamic_cast<const ShmSegment*>(&object);
    if (segment == nullptr) return std::nullopt;
    return segment->size();
  };
  return raw(call.memory().detach(call.address(0), bytes_of));
}

std::int64_t sys_shmctl(Call& call) {
  const int id = call.integer(0), command = command_of(call);
  if (command < 0 || id < 0) return -EINVAL;
  ShmNamespace& all = segments(call);
  switch (command) {
    case IPC_INFO:
      return store_limits(call);
    case SHM_INFO:
      return store_totals(call);
    case IPC_STAT:
      return store_status(call, all.status(id, caller_of(call)));
    case SHM_STAT:
      return store_status(call, all.status_at(id, ShmNamespace::Access::kChecked, caller_of(call)));
    case SHM_STAT_ANY:
      return store_status(call, all.status_at(id, ShmNamespace::Access::kAny, caller_of(call)));
    case IPC_SET:
      return change(call);
    case IPC_RMID:
      return raw(all.remove(id, caller_of(call)));
    case SHM_LOCK:
      return raw(all.set_locked(id, ShmNamespace::Locking::kLock, caller_of(call)));
    case SHM_UNLOCK:
      return raw(all.set_locked(id, ShmNamespace::Locking::kUnlock, caller_of(call)));
    default:
      return -EINVAL;
  }
}

}  // namespace gonzo

// A process's memory by its id or descriptor.
// Linux: mm/process_vm_access.c, process_madvise (mm/madvise.c).
#include <linux/capability.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>

#include "kernel/process_table.h"
#include "syscall/handlers.h"
#include "syscall/process_descriptor.h"
#include "syscall/transfer.h"

namespace gonzo {

namespace {

enum class Bounds : bool { kOurs, kAnyones };

/// Linux: import_iovec, iovec_from_user. EINVAL: too many, or one too long; EFAULT: unreadable, or
/// (Bounds::kOurs) one leaves the user half.
Result<std::vector<GuestSpan>> load_vectors(Call& call, unsigned index, Bounds bounds) {
  GONZO_ASSIGN(std::vector<GuestSpan> spans,
               load_iovecs(call, call.address(index), call[index + 1]));
  if (bounds == Bounds::kAnyones) return spans;
  std::uint64_t total = 0;
  for (GuestSpan& span : spans) {
    if (call.leaves_user_half(span.start, span.length)) return fail(Errno::kFault);
    span.length = std::min(span.length, kMostTransferred - total);
    total += span.length;
  }
  return spans;
}

std::uint64_t total_of(const std::vector<GuestSpan>& spans) {
  std::uint64_t total = 0;
  for (const GuestSpan& span : spans) total += std::min(span.length, ~total);
  return total;
}

/// Moves along an array of spans, never over the end of a page.
class Walker {
 public:
  explicit Walker(const std::vector<GuestSpan>& spans) : spans_(spans) { skip_empty(); }
  bool at_end() const { return next_ == spans_.size(); }
  VirtAddr address() const { return spans_[next_].start + done_; }
  std::uint64_t room() const {
    return std::min(spans_[next_].length - done_, kPageSize - address().page_offset());
  }
  void advance(std::uint64_t bytes) {
    done_ += bytes;
    skip_empty();
  }

 private:
  void skip_empty() {
    while (!at_end() && done_ == spans_[next_].length) {
      ++next_;
      done_ = 0;
    }
  }

  const std::vector<GuestSpan>& spans_;
  std::size_t next_ = 0;
  std::uint64_t done_ = 0;
};

/// The other side is reached as by get_user_pages: its areas must say that they can be read or
/// written, which a processor does not ask where it can write.
Result<void> check_remote(AddressSpace& memory, VirtAddr address, std::uint64_t needed) {
  GONZO_ASSIGN(const auto area, memory.area_at(address));
  const std::uint64_t flags = area.attributes.flags;
  if ((flags & needed) == 0 || (flags & (vm_flags::kPfnMap | vm_flags::kIo)) != 0) {
    return fail(Errno::kFault);
  }
  return {};
}

enum class Way : bool { kFromRemote, kToRemote };

Result<void> copy_piece(AddressSpace& here, VirtAddr local, AddressSpace& there, VirtAddr remote,
                        std::span<std::byte> piece, Way way) {
  const bool reads = way == Way::kFromRemote;
  GONZO_TRY(check_remote(there, remote, reads ? vm_flags::kRead : vm_flags::kWrite));
  if (reads) {
    GONZO_TRY(there.copy_in(piece, remote));
    return here.copy_out(local, piece);
  }
  GONZO_TRY(here.copy_in(piece, local));
  return there.copy_out(remote, piece);
}

/// The memory of the process that a process's or thread's number means. ESRCH: there is none, or it
/// has ended. EPERM: another user's, or one that says it is not to be looked at (Linux:
/// ptrace_may_access).
Result<std::shared_ptr<ProcessMemory>> memory_of(Call& call, int id) {
  ProcessTable& processes = call.processes();
  const auto task = processes.find_task(id);
  auto memory = task != nullptr ? task->process().memory_ref() : nullptr;
  if (memory == nullptr) return fail(Errno::kSrch);
  GONZO_TRY(may_inspect(call.task, *task, CallerIds::kReal));
  return memory;
}

/// In this order. EINVAL: flags. The local array's errors; no bytes in it: 0. The remote array's;
/// no bytes in it: 0. memory_of's. EFAULT: not even the first byte; what was copied counts.
std::int64_t process_vm(Call& call, Way way) {
  if (call[5] != 0) return -EINVAL;
  const auto local = load_vectors(call, 1, Bounds::kOurs);
  if (!local) return raw(local.error());
  if (total_of(*local) == 0) return 0;
  const auto remote = load_vectors(call, 3, Bounds::kAnyones);
  if (!remote) return raw(remote.error());
  if (total_of(*remote) == 0) return 0;
  const auto other = memory_of(call, call.integer(0));
  if (!other) return raw(other.error());

  std::array<std::byte, kPageSize> buffer;
  std::int64_t copied = 0;
  Walker here(*local), there(*remote);
  while (!here.at_end() && !there.at_end()) {
    const std::uint64_t size = std::min(here.room(), there.room());
    const auto piece = std::span(buffer).first(size);
    if (const auto done = copy_piece(call.memory(), here.address(), (*other)->space(),
                                     there.address(), piece, way);
        !done) {
      return copied != 0 ? copied : raw(done.error());
    }
    copied += static_cast<std::int64_t>(size);
    here.advance(size);
    there.advance(size);
  }
  return copied;
}

}  // namespace

std::int64_t sys_process_vm_readv(Call& call) { return process_vm(call, Way::kFromRemote); }
std::int64_t sys_process_vm_writev(Call& call) { return process_vm(call, Way::kToRemote); }

/// Of others only what changes nothing but where their pages are (Linux:
/// process_madvise_remote_valid). In this order. EINVAL: flags; the array's errors; EBADF: no
/// pidfd; ESRCH: it has ended; EACCES: it may not be looked into; EINVAL, EPERM. The bytes advised,
/// up to the first range that fails; its error if that is the first.
std::int64_t sys_process_madvise(Call& call) {
  if (call.word(4) != 0) return -EINVAL;
  const auto ranges = load_vectors(call, 1, Bounds::kOurs);
  if (!ranges) return raw(ranges.error());
  const auto descriptor = process_descriptor(call, call.integer(0));
  if (!descriptor) return raw(descriptor.error());
  const auto task = descriptor->task();
  if (!task) return raw(task.error());
  if (!may_inspect(call.task, **task, CallerIds::kFile)) return -EACCES;
  const auto held = (*task)->process().memory_ref();
  if (held == nullptr) return -ESRCH;
  const int advice = call.integer(3);
  if (&held->space() != &call.memory()) {
    constexpr int kCollapse = 25;  // MADV_COLLAPSE, since Linux 6.1
    const bool is_harmless = advice == MADV_COLD || advice == MADV_PAGEOUT ||
                             advice == MADV_WILLNEED || advice == kCollapse;
    if (!is_harmless) return -EINVAL;
    if (!call.task.credentials().has(CAP_SYS_NICE)) return -EPERM;
  }
  std::int64_t advised = 0;
  for (const GuestSpan& range : *ranges) {
    const auto done = held->space().advise(range.start, range.length, advice);
    if (!done) return advised != 0 ? advised : raw(done.error());
    advised += static_cast<std::int64_t>(range.length);
  }
  return advised;
}

}  // namespace gonzo

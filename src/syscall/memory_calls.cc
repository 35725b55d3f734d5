// Memory calls: the address space does them; here is what concerns files.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "kernel/kernel_file.h"
#include "syscall/handlers.h"
#include "syscall/zero_device.h"
#include <gonzo/cache/host_file.h>
#include <gonzo/cache/page_cache.h>

namespace gonzo {

namespace {

/// Linux: READ_IMPLIES_EXEC in do_mmap and do_mprotect_pkey.
int granted(const Call& call, int protection) {
  const bool adds = call.process().image().read_implies_exec && (protection & PROT_READ) != 0;
  return adds ? protection | PROT_EXEC : protection;
}

bool is_zero_device(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 5);
}

/// Linux: hugetlbfs with no page reserved. The file can be had, but not its memory.
/// EINVAL: an offset inside a huge page.
Errno huge_page_error(const MapRequest& request, const struct statfs& mount) {
  const auto page = static_cast<std::uint64_t>(mount.f_bsize);
  return page != 0 && request.offset % page != 0 ? Errno::kInval : Errno::kNoMem;
}

bool is_sealed_against_writes(int host_fd) {
  const int seals = fcntl(host_fd, F_GET_SEALS);
  return seals > 0 && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0;
}

/// Fills in the object and what the descriptor allows. Linux: do_mmap's checks of the file.
Result<void> set_object(Call& call, MapRequest& request) {
  GONZO_ASSIGN(const OpenFileRef file, call.file(4));
  const int flags = fcntl(file->host_fd(), F_GETFL);
  if (flags < 0) return fail_from_host();
  if ((flags & O_PATH) != 0) return fail(Errno::kBadF);
  if (request.length == 0) return fail(Errno::kInval);
  const int mode = flags & O_ACCMODE;
  if (mode == O_WRONLY) return fail(Errno::kAcces);
  request.open_file = reinterpret_cast<std::uintptr_t>(file.get());
  request.object_writable = mode == O_RDWR;
  if (const KernelFile* const ours = file->kernel_file()) {
    request.object = ours->mapped_object();
    if (request.object == nullptr) return fail(Errno::kNoDev);
    return {};
  }
  struct stat status;
  if (fstat(file->host_fd(), &status) != 0) return fail_from_host();
  struct statfs mount;
  if (fstatfs(file->host_fd(), &mount) != 0) return fail_from_host();
  request.object_executable = (mount.f_flags & ST_NOEXEC) == 0;
  if (is_zero_device(status)) {
    request.object = make_zero_device(file->host_fd(), status);
    return {};
  }
  if (mount.f_type == HUGETLBFS_MAGIC) return fail(huge_page_error(request, mount));
  GONZO_ASSIGN(auto backing, HostFile::open(file->host_fd()));
  if (backing->is_memory()) request.object_sealed = is_sealed_against_writes(file->host_fd());
  GONZO_ASSIGN(request.object, call.process().system().page_cache().open(std::move(backing)));
  return {};
}

}  // namespace

std::int64_t sys_mmap(Call& call) {
  MapRequest request{.hint = call.address(0),
                     .length = call[1],
                     .protection = call.integer(2),
                     .flags = call.integer(3),
                     .offset = call[5]};
  if (request.offset % kPageSize != 0) return -EINVAL;
  if ((request.flags & MAP_ANONYMOUS) == 0) {
    if (auto set = set_object(call, request); !set) return raw(set.error());
  }
  if (request.object_executable) request.protection = granted(call, request.protection);
  return raw(call.memory().map(request));
}

std::int64_t sys_munmap(Call& call) { return raw(call.memory().unmap(call.address(0), call[1])); }

std::int64_t sys_mprotect(Call& call) {
  return raw(call.memory().protect(call.address(0), call[1], granted(call, call.integer(2))));
}

std::int64_t sys_brk(Call& call) {
  return static_cast<std::int64_t>(call.memory().brk(call.address(0)).value);
}

std::int64_t sys_mremap(Call& call) {
  return raw(
      call.memory().remap(call.address(0), call[1], call[2], call.integer(3), call.address(4)));
}

std::int64_t sys_madvise(Call& call) {
  return raw(call.memory().advise(call.address(0), call[1], call.integer(2)));
}

std::int64_t sys_msync(Call& call) {
  return raw(call.memory().sync(call.address(0), call[1], call.integer(2)));
}

std::int64_t sys_mincore(Call& call) {
  VirtAddr start = call.address(0);
  VirtAddr out = call.address(2);
  if (!start.is_page_aligned()) return -EINVAL;
  const VirtAddr user_end = call.memory().page_table().user_end();
  if (start > user_end || call[1] > user_end - start) return -ENOMEM;
  std::uint64_t pages = page_ceil(call[1]) >> kPageShift;
  std::array<std::uint8_t, 1024> residency;
  while (pages != 0) {
    const auto now = std::min<std::uint64_t>(pages, residency.size());
    const auto part = std::span(residency).first(now);
    if (auto looked = call.memory().incore(start, now * kPageSize, part); !looked) {
      return raw(looked.error());
    }
    if (auto copied = call.memory().copy_out(out, std::as_bytes(part)); !copied) {
      return raw(copied.error());
    }
    start += now * kPageSize;
    out += now;
    pages -= now;
  }
  return 0;
}

}  // namespace gonzo

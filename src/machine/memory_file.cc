#include "machine/memory_file.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace gonzo {
namespace {

// linux/memfd.h since 6.3; older kernels refuse the flags with EINVAL and need none.
constexpr unsigned kNoExecSeal = 0x0008;
constexpr unsigned kExec = 0x0010;

}  // namespace

Result<FileDescriptor> create_memory_file(const char* name, std::size_t bytes) {
  int fd = memfd_create(name, MFD_CLOEXEC | kExec);
  if (fd < 0 && errno == EINVAL) fd = memfd_create(name, MFD_CLOEXEC);
  // vm.memfd_noexec=2 refuses executable files; mapping one with PROT_EXEC is allowed all the same.
  if (fd < 0 && errno == EACCES) fd = memfd_create(name, MFD_CLOEXEC | kNoExecSeal);
  if (fd < 0) return fail_from_host();
  FileDescriptor file(fd);
  // The limit holds for memory too, and past it SIGXFSZ would end the process.
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes) return fail(Errno::kFBig);
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) return fail_from_host();
  return file;
}

}  // namespace gonzo

// Seals of files in memory. Linux: mm/memfd.c.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "syscall/file_facts.h"
#include "syscall/handlers.h"

namespace gonzo {

namespace {

constexpr unsigned kSealExec = 0x20;  // F_SEAL_EXEC
constexpr unsigned kKnownSeals =
    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | kSealExec;

/// What is to be added beyond the seals that are there; none where the host will refuse before it
/// looks for writers.
unsigned new_seals(unsigned asked, const OpenFile& file) {
  const int present = fcntl(file.host_fd(), F_GET_SEALS);
  const int flags = fcntl(file.host_fd(), F_GETFL);
  struct stat status;
  if (present < 0 || flags < 0 || fstat(file.host_fd(), &status) != 0) return 0;
  if ((flags & O_ACCMODE) == O_RDONLY || (present & F_SEAL_SEAL) != 0) return 0;
  if ((asked & ~kKnownSeals) != 0) return 0;
  // Executable and writable at once it must not be.
  if ((asked & kSealExec) != 0 && (status.st_mode & 0111) != 0) asked |= F_SEAL_WRITE;
  return asked & ~static_cast<unsigned>(present);
}

}  // namespace

/// The host knows its own mappings; ours are ours to look for. EPERM: not open for writing, or
/// sealed against seals. EINVAL: unknown seals, or a file that has none. EBUSY: F_SEAL_WRITE while
/// a shared mapping can be written through.
std::int64_t add_seals(Call& call, const OpenFile& file) {
  const auto on_host = [&]() -> Result<void> {
    GONZO_TRY(from_raw(call.host(
        SYS_fcntl, {static_cast<std::uint64_t>(file.host_fd()), F_ADD_SEALS, call.word(2)})));
    return {};
  };
  const unsigned added = new_seals(call.word(2), file);
  const CachedFileRef cached = cached_file(call, FileFacts::of(file));
  if (cached != nullptr && (added & F_SEAL_WRITE) != 0) {
    return raw(cached->seal(CachedFile::Seal::kWrite, on_host));
  }
  if (cached != nullptr && (added & F_SEAL_FUTURE_WRITE) != 0) {
    return raw(cached->seal(CachedFile::Seal::kFutureWrite, on_host));
  }
  return raw(on_host());
}

}  // namespace gonzo

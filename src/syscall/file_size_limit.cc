#include "syscall/file_size_limit.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "kernel/process.h"
#include "syscall/file_facts.h"

namespace gonzo {

bool has_file_size_limit(const Call& call) {
  return call.process().limits()[RLIMIT_FSIZE].soft != kUnlimited;
}

std::optional<std::uint64_t> file_size_limit(const Call& call, const OpenFile& file) {
  const std::uint64_t limit = call.process().limits()[RLIMIT_FSIZE].soft;
  if (limit == kUnlimited || FileFacts::of(file).kind != FileKind::kRegular) return {};
  const int flags = fcntl(file.host_fd(), F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) return {};
  return limit;
}

std::optional<std::int64_t> cut_write(const Call& call, std::uint64_t limit, std::uint64_t at,
                                      std::uint64_t& length) {
  if (at >= limit) return exceed_file_size(call);
  length = std::min(length, limit - at);
  return {};
}

std::int64_t exceed_file_size(const Call& call) {
  call.raise(SIGXFSZ);
  return -EFBIG;
}

}  // namespace gonzo

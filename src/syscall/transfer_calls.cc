// read, write and their like.
#include <sys/syscall.h>
#include <unistd.h>

#include "syscall/bad_pointer.h"
#include "syscall/handlers.h"
#include "syscall/table.h"
#include "syscall/transfer.h"

namespace gonzo {

namespace {

std::int64_t after_write(Call& call, std::int64_t result) {
  if (result == -EPIPE) call.raise(SIGPIPE);
  return result;
}

std::int64_t one_buffer(Call& call, TransferKind kind, std::optional<std::int64_t> offset) {
  const auto file = call.file(0);
  if (!file) return raw(file.error());
  const GuestSpan span{call.address(1), call[2]};
  const std::int64_t result =
      transfer(call, **file, {.kind = kind, .spans = {&span, 1}, .offset = offset});
  return kind == TransferKind::kWrite ? after_write(call, result) : result;
}

std::int64_t many_buffers(Call& call, TransferKind kind, std::optional<std::int64_t> offset,
                          int flags) {
  const auto file = call.file(0);
  if (!file) return raw(file.error());
  const auto spans = load_iovecs(call, call.address(1), call[2]);
  if (!spans) return raw(spans.error());
  const std::int64_t result =
      transfer(call, **file, {.kind = kind, .spans = *spans, .offset = offset, .flags = flags});
  return kind == TransferKind::kWrite ? after_write(call, result) : result;
}

std::int64_t offset_argument(const Call& call) { return static_cast<std::int64_t>(call[3]); }

std::optional<std::int64_t> offset_or_own(const Call& call) {
  if (offset_argument(call) == -1) return std::nullopt;
  return offset_argument(call);
}

}  // namespace

std::int64_t sys_read(Call& call) { return one_buffer(call, TransferKind::kRead, {}); }
std::int64_t sys_write(Call& call) { return one_buffer(call, TransferKind::kWrite, {}); }

std::int64_t sys_pread64(Call& call) {
  if (offset_argument(call) < 0) return -EINVAL;
  return one_buffer(call, TransferKind::kRead, offset_argument(call));
}
std::int64_t sys_pwrite64(Call& call) {
  if (offset_argument(call) < 0) return -EINVAL;
  return one_buffer(call, TransferKind::kWrite, offset_argument(call));
}

std::int64_t sys_readv(Call& call) { return many_buffers(call, TransferKind::kRead, {}, 0); }
std::int64_t sys_writev(Call& call) { return many_buffers(call, TransferKind::kWrite, {}, 0); }
std::int64_t sys_preadv(Call& call) {
  if (offset_argument(call) < 0) return -EINVAL;
  return many_buffers(call, TransferKind::kRead, offset_argument(call), 0);
}
std::int64_t sys_pwritev(Call& call) {
  if (offset_argument(call) < 0) return -EINVAL;
  return many_buffers(call, TransferKind::kWrite, offset_argument(call), 0);
}
std::int64_t sys_preadv2(Call& call) {
  return many_buffers(call, TransferKind::kRead, offset_or_own(call), call.integer(5));
}
std::int64_t sys_pwritev2(Call& call) {
  return many_buffers(call, TransferKind::kWrite, offset_or_own(call), call.integer(5));
}

std::int64_t sys_getrandom(Call& call) {
  const GuestSpan span{call.address(0), std::min(call[1], kMostTransferred)};
  std::uint64_t done = 0;
  do {
    PinnedMemory pinned(call.memory(), Access::kWrite, {&span, 1}, done, span.length - done);
    iovec bad{call.bad_pointer.user_pointer(), span.length - done};
    const iovec& into = pinned.bytes() != 0 ? pinned.iovecs().front() : bad;
    const std::int64_t result = call.host(
        SYS_getrandom, {reinterpret_cast<std::uint64_t>(into.iov_base), into.iov_len, call[2]});
    if (result < 0) return done != 0 ? static_cast<std::int64_t>(done) : result;
    done += static_cast<std::uint64_t>(result);
    if (static_cast<std::uint64_t>(result) < into.iov_len) break;
  } while (done < span.length);
  return static_cast<std::int64_t>(done);
}

}  // namespace gonzo

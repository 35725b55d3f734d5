// signalfd(2), and reading from it. Linux: fs/signalfd.c.
#include <fcntl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <vector>

#include "kernel/signal_file.h"
#include "syscall/await_signal.h"
#include "syscall/handlers.h"
#include "syscall/table.h"
#include "syscall/transfer.h"

namespace gonzo {

namespace {

constexpr SignalSet kUnblockable = signal_bit(SIGKILL) | signal_bit(SIGSTOP);

/// What a signal's union holds. Linux: siginfo_layout.
enum class InfoLayout : std::uint8_t { kSender, kTimer, kPoll, kFault, kChild, kQueued };

InfoLayout layout_of(const SignalInfo& info) {
  if (info.code == SI_TIMER) return InfoLayout::kTimer;
  if (info.code == SI_SIGIO) return InfoLayout::kPoll;
  if (info.code < 0) return InfoLayout::kQueued;
  if (info.code == SI_USER || info.code >= SI_KERNEL) return InfoLayout::kSender;
  switch (info.signal) {
    case SIGILL:
    case SIGFPE:
    case SIGSEGV:
    case SIGBUS:
    case SIGTRAP:
      return InfoLayout::kFault;
    case SIGCHLD:
      return InfoLayout::kChild;
    case SIGPOLL:
      return InfoLayout::kPoll;
    default:
      return InfoLayout::kSender;
  }
}

/// Linux: signalfd_copyinfo.
signalfd_siginfo encode(const SignalInfo& info) {
  constexpr unsigned kHalf = 32;
  const auto low = static_cast<std::uint32_t>(info.fields[0]);
  const auto high = static_cast<std::uint32_t>(info.fields[0] >> kHalf);
  signalfd_siginfo result{};
  result.ssi_signo = static_cast<std::uint32_t>(info.signal);
  result.ssi_errno = info.error;
  result.ssi_code = info.code;
  const auto set_value = [&] {
    result.ssi_ptr = info.fields[1];
    result.ssi_int = static_cast<std::int32_t>(info.fields[1]);
  };
  switch (layout_of(info)) {
    case InfoLayout::kQueued:
      set_value();
      [[fallthrough]];
    case InfoLayout::kSender:
      result.ssi_pid = low;
      result.ssi_uid = high;
      break;
    case InfoLayout::kTimer:
      result.ssi_tid = low;
      result.ssi_overrun = high;
      set_value();
      break;
    case InfoLayout::kPoll:
      result.ssi_band = low;
      result.ssi_fd = static_cast<std::int32_t>(info.fields[1]);
      break;
    case InfoLayout::kFault:
      result.ssi_addr = info.fields[0];
      break;
    case InfoLayout::kChild:
      result.ssi_pid = low;
      result.ssi_uid = high;
      result.ssi_status = static_cast<std::int32_t>(info.fields[1]);
      result.ssi_utime = info.fields[2];
      result.ssi_stime = info.fields[3];
      break;
  }
  return result;
}

Result<void> store(Call& call, std::span<const GuestSpan> spans, std::span<const std::byte> bytes) {
  for (const GuestSpan& span : spans) {
    const auto piece = bytes.first(std::min<std::size_t>(bytes.size(), span.length));
    GONZO_TRY(call.memory().copy_out(span.start, piece));
    bytes = bytes.subspan(piece.size());
  }
  return {};
}

/// The first that is there, for which a blocking descriptor waits.
Result<SignalInfo> first_signal(Call& call, const SignalFile& file) {
  if (const auto info = take_pending(call, file.mask())) return *info;
  if ((::fcntl(file.host_fd(), F_GETFL) & O_NONBLOCK) != 0) return fail(Errno::kAgain);
  return await_signal(call, file.mask(), std::nullopt);
}

std::int64_t make(Call& call, int flags) {
  if (call[2] != sizeof(SignalSet)) return -EINVAL;
  const auto given = call.memory().load<SignalSet>(call.address(1));
  if (!given) return raw(given.error());
  if ((flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) != 0) return -EINVAL;
  const SignalSet mask = *given & ~kUnblockable;
  if (call.integer(0) != -1) {
    const auto file = call.file(0);
    if (!file) return raw(file.error());
    SignalFile* const signals = (*file)->signal_file();
    if (signals == nullptr) return -EINVAL;
    signals->set_mask(mask);
    call.process().signals_changed();
    return call.integer(0);
  }
  auto file = SignalFile::create(mask, flags & SFD_NONBLOCK);
  if (!file) return raw(file.error());
  call.process().signal_files().add(*file);
  call.process().signals_changed();
  return raw(call.files().insert(
      *file, (flags & SFD_CLOEXEC) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo));
}

}  // namespace

std::int64_t sys_signalfd(Call& call) { return make(call, 0); }
std::int64_t sys_signalfd4(Call& call) { return make(call, call.integer(3)); }

std::int64_t read_signals(Call& call, const SignalFile& file, const TransferRequest& request) {
  if (request.offset) return -ESPIPE;
  if (request.kind == TransferKind::kWrite) return -EINVAL;
  std::uint64_t room = 0;
  for (const GuestSpan& span : request.spans) room += std::min(span.length, kMostTransferred);
  room /= sizeof(signalfd_siginfo);
  if (room == 0) return -EINVAL;
  const auto first = first_signal(call, file);
  if (!first) return first.error() == Errno::kIntr ? call.interrupted() : raw(first.error());
  std::vector<signalfd_siginfo> taken{encode(*first)};
  while (taken.size() < room) {
    const auto more = take_pending(call, file.mask());
    if (!more) break;
    taken.push_back(encode(*more));
  }
  const auto bytes = std::as_bytes(std::span(taken));
  const auto stored = store(call, request.spans, bytes);
  return stored ? static_cast<std::int64_t>(bytes.size()) : raw(stored.error());
}

}  // namespace gonzo

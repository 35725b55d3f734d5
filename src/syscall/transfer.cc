#include "syscall/transfer.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "kernel/kernel_file.h"
#include "kernel/terminal.h"
#include "syscall/bad_pointer.h"
#include "syscall/changed_code.h"
#include "syscall/file_size_limit.h"
#include "syscall/table.h"
#include "syscall/terminal_calls.h"

namespace gonzo {

namespace {

constexpr std::uint64_t kPipeBytes = 65536;     // what a pipe holds at first
constexpr std::uint64_t kLookFrom = kPageSize;  // shorter transfers are not worth a look
constexpr std::uint64_t kMessageBytes = 65536;

class Transfer {
 public:
  Transfer(Call& call, const OpenFile& file, const TransferRequest& request)
      : call_(call), file_(file), request_(request) {
    for (const GuestSpan& span : request.spans) wanted_ += span.length;
    wanted_ = std::min(wanted_, kMostTransferred);
  }

  std::int64_t run() {
    if (wanted_ == 0 || leaves_user_half()) return host_with_bad_pointer();
    const FileFacts facts = FileFacts::of(file_);
    if (facts.terminal != 0) {
      if (const auto refused = refused_by_terminal(facts.terminal)) return *refused;
    }
    if (const auto refused = refused_by_limit(facts)) return *refused;
    if (facts.kind == FileKind::kMessages && request_.spans.size() == 1) return through_a_copy();
    cached_ = cached_file(call_, facts);
    return in_rounds(facts);
  }

 private:
  bool reads() const { return request_.kind == TransferKind::kRead; }

  bool leaves_user_half() const {
    return std::ranges::any_of(request_.spans, [&](const GuestSpan& span) {
      return call_.leaves_user_half(span.start, span.length);
    });
  }

  /// The host makes its checks, finds nothing to do, the end of the file, or the bad pointer.
  std::int64_t host_with_bad_pointer() {
    const GuestSpan first = request_.spans.empty() ? GuestSpan{} : request_.spans.front();
    iovec bad{call_.bad_pointer.user_pointer(), wanted_};
    if (leaves_user_half()) {
      bad = {BadPointer::kernel_pointer(), std::max<std::size_t>(wanted_, 1)};
    }
    if (first.length == 0 && wanted_ == 0) bad.iov_len = 0;
    return host({&bad, 1}, 0);
  }

  /// Who is in the background there, and may not.
  std::optional<std::int64_t> refused_by_terminal(TerminalId terminal) {
    if (is_terminal_master(file_.host_fd())) return std::nullopt;
    if (reads()) return in_background(call_, terminal, SIGTTIN);
    termios settings{};
    const bool stops_output =
        tcgetattr(file_.host_fd(), &settings) == 0 && (settings.c_lflag & TOSTOP) != 0;
    return stops_output ? in_background(call_, terminal, SIGTTOU) : std::nullopt;
  }

  /// RLIMIT_FSIZE: up to it, less is written.
  std::optional<std::int64_t> refused_by_limit(const FileFacts& facts) {
    if (reads() || request_.offset.value_or(0) < 0) return std::nullopt;
    const auto limit = file_size_limit(call_, file_);
    if (!limit) return std::nullopt;
    return cut_write(call_, *limit, appends() ? facts.size : position(0), wanted_);
  }

  std::int64_t in_rounds(const FileFacts& facts) {
    std::uint64_t done = 0;
    for (;;) {
      const std::uint64_t room = std::min(wanted_ - done, useful(facts, done));
      PinnedMemory pinned(call_.memory(), reads() ? Access::kWrite : Access::kRead, request_.spans,
                          done, room);
      const std::uint64_t good = pinned.bytes();
      if (pinned.hit_fault()) {
        // How much of it counts before the bad page is the host's to say: a pipe takes whole pages.
        pinned.append_bad(call_.bad_pointer.user_pointer(), wanted_ - done - good);
      }
      const std::int64_t moved = round(pinned, facts, done);
      if (moved < 0) return done != 0 ? static_cast<std::int64_t>(done) : moved;
      done += static_cast<std::uint64_t>(moved);
      const bool short_round = static_cast<std::uint64_t>(moved) < good;
      const bool over = reads() && facts.kind == FileKind::kStream;
      if (short_round || over || pinned.hit_fault() || done == wanted_) break;
    }
    return static_cast<std::int64_t>(done);
  }

  /// Bytes that the file can give now: pages of the buffer past them stay untouched, as under a
  /// kernel that copies only what there is.
  std::uint64_t useful(const FileFacts& facts, std::uint64_t done) const {
    if (!reads() || wanted_ - done <= kLookFrom) return wanted_;
    if (facts.kind == FileKind::kStream) {
      int available = 0;
      if (ioctl(file_.host_fd(), FIONREAD, &available) != 0) available = 0;
      return std::max(kPipeBytes, static_cast<std::uint64_t>(std::max(available, 0)));
    }
    if (facts.kind != FileKind::kRegular) return wanted_;
    if (facts.size == 0) return kPipeBytes;  // a kernel's file: /proc, /sys
    const std::uint64_t at = position(done);
    return at < facts.size ? facts.size - at : 1;
  }

  /// Of the next byte in a regular file.
  std::uint64_t position(std::uint64_t done) const {
    const std::int64_t at = request_.offset ? *request_.offset + static_cast<std::int64_t>(done)
                                            : lseek(file_.host_fd(), 0, SEEK_CUR);
    return static_cast<std::uint64_t>(std::max<std::int64_t>(at, 0));
  }

  bool appends() const {
    if ((request_.flags & RWF_APPEND) != 0) return true;
    return (fcntl(file_.host_fd(), F_GETFL) & O_APPEND) != 0 &&
           (request_.flags & RWF_NOAPPEND) == 0;
  }

  /// Where the host put the last `length` bytes: with O_APPEND that is known only afterwards, and
  /// not where the call's own offset says (pwrite(2), "BUGS").
  std::uint64_t written_at(std::uint64_t length, std::uint64_t done) const {
    if (!request_.offset) return position(done) - length;
    struct stat status;
    if (!appends() || fstat(file_.host_fd(), &status) != 0) return position(done);
    return static_cast<std::uint64_t>(status.st_size) - length;
  }

  std::int64_t round(PinnedMemory& pinned, const FileFacts& facts, std::uint64_t done) {
    if (cached_ == nullptr) return host(pinned.iovecs(), done, facts.kind);
    if (reads()) {
      // Stores through shared mappings come first.
      const ByteRange range{position(done), pinned.bytes()};
      const std::uint64_t end = page_ceil(range.offset + range.length) >> kPageShift;
      if (auto written = cached_->write_back(range.offset >> kPageShift, end); !written) {
        return raw(written.error());
      }
      return host(pinned.iovecs(), done, facts.kind);
    }
    const auto written = cached_->write_through([&]() -> Result<ByteRange> {
      GONZO_ASSIGN(const std::int64_t bytes, from_raw(host(pinned.iovecs(), done, facts.kind)));
      const auto length = static_cast<std::uint64_t>(bytes);
      return ByteRange{written_at(length, done), length};
    });
    if (!written) return raw(written.error());
    follow_code(call_.memory().manager(), *cached_, *written);
    return static_cast<std::int64_t>(written->length);
  }

  std::int64_t host(std::span<iovec> iovecs, std::uint64_t done,
                    FileKind kind = FileKind::kStream) {
    const auto fd = static_cast<std::uint64_t>(file_.host_fd());
    const auto vector = reinterpret_cast<std::uint64_t>(iovecs.data());
    Arguments arguments{fd, vector, iovecs.size()};
    long number = reads() ? SYS_readv : SYS_writev;
    if (request_.offset || request_.flags != 0) {
      number = reads() ? SYS_preadv2 : SYS_pwritev2;
      arguments[3] = static_cast<std::uint64_t>(
          request_.offset ? *request_.offset + static_cast<std::int64_t>(done) : -1);
      arguments[5] = static_cast<std::uint64_t>(request_.flags);
      if (request_.flags == 0) number = reads() ? SYS_preadv : SYS_pwritev;
    } else if (iovecs.size() == 1) {
      number = reads() ? SYS_read : SYS_write;
      arguments[1] = reinterpret_cast<std::uint64_t>(iovecs[0].iov_base);
      arguments[2] = iovecs[0].iov_len;
    }
    // A file on a disk is not interrupted by signals.
    return kind == FileKind::kRegular ? call_.host_uninterrupted(number, arguments)
                                      : call_.host(number, arguments);
  }

  /// Where several iovecs would be taken for several reads.
  std::int64_t through_a_copy() {
    std::vector<std::byte> bytes(std::min(wanted_, kMessageBytes));
    const VirtAddr start = request_.spans.front().start;
    if (!reads() && !call_.memory().copy_in(bytes, start)) return host_with_bad_pointer();
    iovec one{bytes.data(), bytes.size()};
    const std::int64_t result = host({&one, 1}, 0);
    if (!reads() || result <= 0) return result;
    const auto copied =
        call_.memory().copy_out(start, std::span(bytes).first(static_cast<std::size_t>(result)));
    return copied ? result : raw(copied.error());
  }

  Call& call_;
  const OpenFile& file_;
  const TransferRequest& request_;
  CachedFileRef cached_;
  std::uint64_t wanted_ = 0;
};

}  // namespace

namespace {

/// Buffer by buffer, as Linux does for files without a call for many (do_loop_readv_writev).
std::int64_t transfer_here(Call& call, KernelFile& file, const TransferRequest& request) {
  const bool outside = std::ranges::any_of(request.spans, [&](const GuestSpan& span) {
    return call.leaves_user_half(span.start, span.length);
  });
  if (outside) return -EFAULT;
  std::uint64_t done = 0;
  for (const GuestSpan& span : request.spans) {
    std::optional<std::uint64_t> offset;
    if (request.offset) offset = static_cast<std::uint64_t>(*request.offset) + done;
    const std::uint64_t length = std::min(span.length, kMostTransferred - done);
    const auto moved = request.kind == TransferKind::kRead
                           ? file.read(call.memory(), span.start, length, offset)
                           : file.write(call.memory(), span.start, length, offset);
    if (!moved) return done != 0 ? static_cast<std::int64_t>(done) : raw(moved.error());
    done += *moved;
    if (*moved < length) break;
  }
  return static_cast<std::int64_t>(done);
}

}  // namespace

namespace {

/// The first `length` bytes, as far as they can still be read.
std::vector<std::byte> bytes_of(Call& call, std::span<const GuestSpan> spans, std::size_t length) {
  std::vector<std::byte> bytes;
  for (const GuestSpan& span : spans) {
    const std::size_t at = bytes.size(), part = std::min(span.length, length - at);
    bytes.resize(at + part);
    if (!call.memory().copy_in(std::span(bytes).subspan(at), span.start)) bytes.resize(at);
    if (bytes.size() == length) break;
  }
  return bytes;
}

/// What is written here are keys that the terminal's user presses.
std::int64_t write_keys(Call& call, TerminalMaster& master, const TransferRequest& request) {
  termios settings{};
  const bool known = tcgetattr(master.host_fd(), &settings) == 0;
  const std::int64_t written = Transfer(call, master, request).run();
  if (known && written > 0) {
    master.keys_pressed(settings, bytes_of(call, request.spans, static_cast<std::size_t>(written)));
  }
  return written;
}

}  // namespace

std::int64_t transfer(Call& call, OpenFile& file, const TransferRequest& request) {
  if (TerminalMaster* const master = file.terminal_master();
      master != nullptr && request.kind == TransferKind::kWrite) {
    return write_keys(call, *master, request);
  }
  if (KernelFile* const here = file.kernel_file()) return transfer_here(call, *here, request);
  if (SignalFile* const signals = file.signal_file()) return read_signals(call, *signals, request);
  return Transfer(call, file, request).run();
}

Result<std::vector<GuestSpan>> load_iovecs(Call& call, VirtAddr address, std::uint64_t count) {
  if (count > PinnedMemory::kMostPieces) return fail(Errno::kInval);
  if (count == 0) return std::vector<GuestSpan>{};
  // A base and a length each: pairs of longs, whatever a long is to the caller.
  std::vector<std::uint64_t> words(2 * count);
  if (call.is_i386()) {
    std::vector<std::uint32_t> narrow(words.size());
    GONZO_TRY(call.memory().copy_in(std::as_writable_bytes(std::span(narrow)), address));
    std::ranges::copy(narrow, words.begin());
  } else {
    GONZO_TRY(call.memory().copy_in(std::as_writable_bytes(std::span(words)), address));
  }
  const std::uint64_t longest = call.is_i386() ? INT32_MAX : INT64_MAX;
  std::vector<GuestSpan> spans;
  spans.reserve(count);
  for (std::size_t i = 0; i < words.size(); i += 2) {
    if (words[i + 1] > longest) return fail(Errno::kInval);
    spans.push_back({VirtAddr(words[i]), words[i + 1]});
  }
  return spans;
}

}  // namespace gonzo

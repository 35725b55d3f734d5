// Bytes between a host file and guest memory, with no copy in between. Linux: fs/read_write.c.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "syscall/call.h"
#include "syscall/file_facts.h"
#include "syscall/pinned_memory.h"

namespace gonzo {

/// Linux: MAX_RW_COUNT, what one read or write moves at most.
inline constexpr std::uint64_t kMostTransferred = 0x7ffff000;

enum class TransferKind : std::uint8_t { kRead, kWrite };

struct TransferRequest {
  TransferKind kind = TransferKind::kRead;
  std::span<const GuestSpan> spans;
  std::optional<std::int64_t> offset;  ///< none: the file's own
  int flags = 0;                       ///< RWF_*
};

/// One read or write of the guest; the result, or -errno. In rounds of as many pieces as one host
/// call takes; a stream or a short round ends it. A bad page ends it with what was moved before.
std::int64_t transfer(Call& call, OpenFile& file, const TransferRequest& request);

/// The same from or to signalfd's file. signal_file_calls.cc.
std::int64_t read_signals(Call& call, const SignalFile& file, const TransferRequest& request);

/// A guest's array of iovecs (Linux: import_iovec). EINVAL: too many or too long; EFAULT.
Result<std::vector<GuestSpan>> load_iovecs(Call& call, VirtAddr address, std::uint64_t count);

}  // namespace gonzo

// The x86-64 system calls: one row each. Linux: arch/x86/entry/syscalls/syscall_64.tbl.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "syscall/argument.h"
#include "syscall/call.h"

namespace gonzo {

/// What a successful call returns.
enum class Returns : std::uint8_t {
  kInteger,
  kHex,
  kOctal,  ///< umask
  kAddress,
  kDescriptor,  ///< a pass-through call's new host descriptor becomes the guest's
  kNothing,     ///< it does not return (exit) or puts other registers in place (rt_sigreturn)
};

/// What becomes of an interrupted call (signal(7), "Interruption of system calls").
enum class Interruption : std::uint8_t {
  kNone,       ///< it does not block: signals wait until it has ended
  kRestarts,   ///< goes on after a handler with SA_RESTART: read, wait4, connect
  kNoHandler,  ///< goes on only when no handler ran: poll, select, sigsuspend
  kNever,      ///< EINTR always: epoll_wait
};

/// Where a call that makes a descriptor is told about close-on-exec.
struct CloseOnExecFlag {
  std::int8_t argument = -1;  ///< index; -1: no such flag
  std::uint32_t bit = 0;
};

struct Signature {
  std::array<Argument, 6> arguments{};
  SyscallHandlerFunction handler = nullptr;  ///< null: pass-through
  Returns result = Returns::kInteger;
  Interruption interruption = Interruption::kNone;
  CloseOnExecFlag close_on_exec{};
  Errno absent{};  ///< not 0: the call is not there, and this is what it returns

  constexpr Signature returns(Returns kind) const {
    Signature copy = *this;
    copy.result = kind;
    return copy;
  }
  /// A new descriptor, with the flag that asks for close-on-exec.
  constexpr Signature returns_fd(std::int8_t argument = -1, std::uint32_t bit = 0) const {
    Signature copy = returns(Returns::kDescriptor);
    copy.close_on_exec = {argument, bit};
    return copy;
  }
  constexpr Signature when_interrupted(Interruption kind) const {
    Signature copy = *this;
    copy.interruption = kind;
    return copy;
  }
};

/// The host does it; the arguments are translated as they say.
template <typename... Argument_>
constexpr Signature pass(Argument_... arguments) {
  return {.arguments = {arguments...}};
}
/// We do it; the arguments say how a trace shows them.
template <typename... Argument_>
constexpr Signature call(SyscallHandlerFunction handler, Argument_... arguments) {
  return {.arguments = {arguments...}, .handler = handler};
}
/// It returns `error`, as on a kernel that was built without it.
constexpr Signature absent(Errno error = Errno::kNoSys) { return {.absent = error}; }

struct SyscallRow {
  unsigned number = 0;
  const char* name = nullptr;
  Signature signature{};

  unsigned argument_count() const;
  bool is_pass_through() const {
    return signature.handler == nullptr && signature.absent == Errno{};
  }
};

// By subject: rows_*.cc.
std::span<const SyscallRow> file_rows();
std::span<const SyscallRow> io_rows();
std::span<const SyscallRow> descriptor_rows();
std::span<const SyscallRow> memory_rows();
std::span<const SyscallRow> area_rows();
std::span<const SyscallRow> ipc_rows();
std::span<const SyscallRow> process_rows();
std::span<const SyscallRow> signal_rows();
std::span<const SyscallRow> socket_rows();
std::span<const SyscallRow> time_rows();
std::span<const SyscallRow> absent_rows();

class SyscallTable {
 public:
  /// Each number has one row, or GONZO_CHECK says so.
  SyscallTable();
  /// Null when the number has no row.
  const SyscallRow* find(std::uint64_t number) const {
    return number < rows_.size() ? rows_[number] : nullptr;
  }
  std::span<const SyscallRow* const> rows() const { return rows_; }

 private:
  std::array<const SyscallRow*, 512> rows_{};
};

}  // namespace gonzo

// One system call being answered.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/procfs.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include <gonzo/base/result.h>

namespace gonzo {

class BadPointer;
struct SyscallRow;

using Arguments = std::array<std::uint64_t, 6>;

/// How the structures that the arguments point to are laid out.
enum class Layout : std::uint8_t {
  kNative,      ///< by the x86-64 kernel
  kI386,        ///< by i386's oldest calls: a long is 32 bits, a file's size as well
  kI386Large,   ///< with sizes of 64 bits: stat64, flock64, statfs64
  kI386Time64,  ///< with times of 64 bits: clock_gettime64
};

struct Call {
  Task& task;
  const SyscallRow& row;
  const BadPointer& bad_pointer;
  Arguments arguments;
  Layout layout = Layout::kNative;

  bool is_i386() const { return layout != Layout::kNative; }
  std::uint64_t operator[](unsigned index) const { return arguments[index]; }
  /// The argument's low half, as the kernel's `int` parameters take it.
  int integer(unsigned index) const { return static_cast<int>(arguments[index]); }
  unsigned word(unsigned index) const { return static_cast<unsigned>(arguments[index]); }
  VirtAddr address(unsigned index) const { return VirtAddr(arguments[index]); }
  bool is_null(unsigned index) const { return arguments[index] == 0; }

  AddressSpace& memory() const { return task.memory(); }
  FileTable& files() const { return task.files(); }
  Process& process() const { return task.process(); }
  ProcessTable& processes() const { return process().system().processes(); }

  /// The file behind the descriptor in an argument. EBADF.
  Result<OpenFileRef> file(unsigned index) const { return files().get(integer(index)); }
  /// A host call. Where the row says that it may block, a signal to the guest breaks it off, and
  /// what is returned is the row's kind of restart.
  std::int64_t host(long number, const Arguments& host_arguments) const;
  /// One that is over soon whatever the row says.
  std::int64_t host_uninterrupted(long number, const Arguments& host_arguments) const;
  /// To the caller, for what this call has done: SIGPIPE (the runner ignores the host's), SIGXFSZ
  /// (Linux: send_sig(signal, current, 0)).
  void raise(int signal) const;
  /// [start, start + length) is not all in the user half (Linux: !access_ok).
  bool leaves_user_half(VirtAddr start, std::uint64_t length) const;
  /// What the row returns when a signal comes.
  std::int64_t interrupted() const;
};

/// Result or -errno, as the guest gets it in rax.
using SyscallHandlerFunction = std::int64_t (*)(Call&);

constexpr std::int64_t raw(Errno error) { return -static_cast<std::int64_t>(error); }
constexpr std::int64_t raw(const Result<void>& result) { return result ? 0 : raw(result.error()); }
template <typename Integer>
  requires std::is_integral_v<Integer>
constexpr std::int64_t raw(const Result<Integer>& result) {
  return result ? static_cast<std::int64_t>(*result) : raw(result.error());
}
constexpr std::int64_t raw(const Result<VirtAddr>& result) {
  return result ? static_cast<std::int64_t>(result->value) : raw(result.error());
}

/// The other way: a host call's raw result.
constexpr Result<std::int64_t> from_raw(std::int64_t value) {
  if (value < 0 && value >= -4095) return fail(static_cast<Errno>(-value));
  return value;
}
constexpr bool is_error(std::int64_t value) { return value < 0 && value >= -4095; }

}  // namespace gonzo

// The kernel's signal frame in a context slot: the guest's registers while it is stopped.
#pragma once

#include <sys/ucontext.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <gonzo/machine/machine.h>

namespace gonzo {

/// A checked view. Everything in it may have been written by the guest: the values are the guest's
/// own registers, the pointers are checked or written anew. Linux: struct rt_sigframe
/// (arch/x86/include/asm/sigframe.h), struct _fpstate_64 (uapi/asm/sigcontext.h).
class HostSignalFrame {
 public:
  /// `slot`: the runner's view; `guest_slot`, `guest_frame`: the same and the frame in the guest's
  /// process. Nothing when the frame or its extended state does not lie within the signal stack.
  static std::optional<HostSignalFrame> at(std::span<std::byte> slot, std::uint64_t guest_slot,
                                           std::uint64_t guest_frame);

  void load(CpuRegisters& registers) const;
  void store(const CpuRegisters& registers);
  /// Writes what sigreturn takes besides registers (signal mask, stack) as the stub set it up.
  void seal();

  std::uint64_t trap_number() const { return gregs()[REG_TRAPNO]; }
  std::uint64_t error_code() const { return gregs()[REG_ERR]; }
  std::uint64_t fault_address() const { return gregs()[REG_CR2]; }

  std::span<std::byte> extended_state() const { return extended_; }
  /// As after execve.
  void clear_extended_state();

 private:
  HostSignalFrame(ucontext_t* context, std::span<std::byte> extended, std::uint64_t guest_slot)
      : context_(context), extended_(extended), guest_slot_(guest_slot) {}
  // greg_t is signed; the same bits.
  std::uint64_t* gregs() const {
    return reinterpret_cast<std::uint64_t*>(context_->uc_mcontext.gregs);
  }

  ucontext_t* context_;
  std::span<std::byte> extended_;
  std::uint64_t guest_slot_;
};

}  // namespace gonzo

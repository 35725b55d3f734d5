// x87, SSE and AVX state in the form that the processor's XSAVE writes and signal frames carry.
// Intel SDM vol. 1, 13.4; Linux: arch/x86/kernel/fpu/signal.c, struct _fpx_sw_bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <gonzo/base/address.h>
#include <gonzo/base/result.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// A view of a machine thread's state. The 48 bytes that software may use (464-511) belong to the
/// machine and are never changed here.
class ExtendedState {
 public:
  /// `bytes`: as MachineThread::extended_state() gives it. Anything shorter than XSAVE's smallest
  /// area counts as no state.
  explicit ExtendedState(std::span<std::byte> bytes);

  bool exists() const { return !bytes_.empty(); }
  /// What a signal frame needs for it, the closing magic word included (Linux:
  /// xstate_sigframe_size); 0 without state.
  std::uint64_t frame_bytes() const;
  /// Writes it to the guest at `to`, a multiple of 64. EFAULT.
  Result<void> save(AddressSpace& memory, VirtAddr to) const;
  /// Takes it over from a frame; a part that the frame does not hold becomes initial. EFAULT;
  /// EINVAL for a state that the processor would refuse to load.
  Result<void> restore(AddressSpace& memory, VirtAddr from);
  /// As a new program finds it (Linux: fpu__clear_user_states).
  void reset();

  /// The components that fit in, by XCR0's bits.
  std::uint64_t features() const { return features_; }

 private:
  std::span<std::byte> bytes_;
  std::uint64_t features_ = 0;
};

/// FPE_* of an unmasked floating-point exception, 0 when none is found. `simd`: from MXCSR (#XM),
/// else from the x87 words (#MF). (Linux: fpu__exception_code.)
enum class FloatUnit : std::uint8_t { kX87, kSse };
int float_exception_code(std::span<const std::byte> state, FloatUnit unit);

}  // namespace gonzo

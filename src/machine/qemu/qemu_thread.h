// A guest thread: registers and floating-point state that take turns on the processor.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>

#include "machine/qemu/qemu_space.h"
#include "machine/qemu/trap_frame.h"
#include <gonzo/machine/machine.h>

namespace gonzo {

class QemuThread final : public MachineThread {
 public:
  /// x87, SSE, AVX in the standard layout (SDM vol. 1, 13.4): what the stub saves.
  static constexpr std::size_t kStateBytes = 512 + 64 + 256;

  QemuThread(QemuSpace& space, const CpuRegisters& registers);
  ~QemuThread() override { space_.processor().forget_state(*this); }
  QemuThread(const QemuThread&) = delete;
  QemuThread& operator=(const QemuThread&) = delete;

  CpuRegisters& registers() override { return registers_; }
  Trap run() override;
  void interrupt() override;
  std::span<std::byte> extended_state() override {
    space_.processor().fetch_state(*this);
    return state_;
  }
  MachineThreadTimes times() override;

  // For the processor:
  QemuSpace& space() const { return space_; }
  std::span<std::byte, kStateBytes> state() { return state_; }
  /// Before the turn is given: from here on an interruption kicks the processor. False: there has
  /// been one already.
  bool begin_run();
  void end_run(std::uint64_t ticks, std::uint64_t spinning);

 private:
  std::optional<Trap> decode(const RawTrap& raw);
  std::optional<Trap> decode_page_fault(const RawTrap& raw);
  bool is_stale(VirtAddr address, std::uint64_t error_code) const;

  QemuSpace& space_;
  CpuRegisters registers_;
  alignas(64) std::array<std::byte, kStateBytes> state_{};
  /// The last fault that the entries did not deny: a second time it is reported.
  std::uint64_t stale_address_ = 0, stale_rip_ = 0;
  std::atomic<bool> interrupted_{false};
  std::atomic<bool> in_guest_{false};
  std::atomic<std::uint64_t> entered_at_{0};  ///< 0: not in the guest
  std::atomic<std::uint64_t> guest_ticks_{0}, spun_ticks_{0};
};

}  // namespace gonzo

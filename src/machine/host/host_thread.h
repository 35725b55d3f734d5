// A guest thread: a thread of its space's host process.
#pragma once

#include <atomic>
#include <optional>

#include "machine/host/host_signal_frame.h"
#include "machine/host/host_space.h"
#include <gonzo/machine/machine.h>

namespace gonzo {

class HostThread final : public MachineThread {
 public:
  /// The errors of HostSpace::acquire_thread.
  static Result<std::unique_ptr<HostThread>> create(HostSpace& space,
                                                    const CpuRegisters& registers);
  ~HostThread() override;
  HostThread(const HostThread&) = delete;
  HostThread& operator=(const HostThread&) = delete;

  CpuRegisters& registers() override { return registers_; }
  Trap run() override;
  void interrupt() override;
  std::span<std::byte> extended_state() override;
  MachineThreadTimes times() override { return space_.times(stub_); }

 private:
  HostThread(HostSpace& space, StubThread& stub, const CpuRegisters& registers)
      : space_(space), stub_(stub), registers_(registers) {}

  bool locate_frame();
  /// Before the first run.
  void foresee_fault();
  void load_segments();
  void store_segments();
  StubLink::Wake run_guest();
  void take_trap();
  /// Nothing: it was no business of the caller's.
  std::optional<Trap> decode();
  std::optional<Trap> decode_exception(int signal, int code);
  std::optional<Trap> decode_page_fault(std::uint64_t hardware_code);
  Trap decode_syscall();
  Trap gone(const char* reason);

  HostSpace& space_;
  StubThread& stub_;
  CpuRegisters registers_;
  std::optional<HostSignalFrame> frame_;
  std::optional<ShadowFault> fault_;
  bool has_run_ = false;
  const char* gone_reason_ = nullptr;
  std::atomic<bool> interrupted_{false};
  std::atomic<bool> in_guest_{false};
};

}  // namespace gonzo

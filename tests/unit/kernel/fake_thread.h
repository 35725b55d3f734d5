// A machine thread that runs nothing: registers and extended state to look at.
#pragma once

#include <cpuid.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gonzo/machine/machine.h>

namespace gonzo {

class FakeThread final : public MachineThread {
 public:
  explicit FakeThread(std::size_t state_bytes = 0) : state_(state_bytes) {}

  CpuRegisters& registers() override { return registers_; }
  Trap run() override { return {}; }
  void interrupt() override { ++interrupts; }
  std::span<std::byte> extended_state() override { return state_; }

  int interrupts = 0;

 private:
  CpuRegisters registers_;
  std::vector<std::byte> state_;
};

/// The size of XSAVE's area for what the host has enabled.
inline std::size_t host_state_bytes() {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(0xd, 0, &a, &b, &c, &d) != 0 ? b : 0;
}

}  // namespace gonzo

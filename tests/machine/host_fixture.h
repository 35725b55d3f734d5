// A host machine with one space, for tests of what only a real processor does.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "machine/expect_syscall.h"
#include "machine/guest_code.h"
#include "machine/guest_memory.h"
#include "machine/host/host_space.h"
#include <gonzo/machine/host_machine.h>

namespace gonzo {

inline constexpr std::uint64_t kHostCode = 0x10000000;
inline constexpr std::uint64_t kHostData = 0x20000000;

class HostFixture : public testing::Test {
 protected:
  explicit HostFixture(const HostMachineOptions& options = {})
      : memory_(PagingFormat::kFourLevel),
        machine_(create_host_machine(memory_.arena(), options).value()),
        space_(machine_->create_space(memory_.table()).value()) {}

  HostSpace& host_space() { return static_cast<HostSpace&>(*space_); }

  std::unique_ptr<MachineThread> start(std::span<const std::byte> code, std::uint64_t rdi = 0,
                                       std::uint64_t rsi = 0, std::uint64_t address = kHostCode) {
    if (memory_.get(address).is_blank()) memory_.map_code(address, code);
    CpuRegisters registers;
    registers.rip = address;
    registers.rdi = rdi;
    registers.rsi = rsi;
    return machine_->create_thread(*space_, registers).value();
  }
  GuestMemory memory_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<MachineSpace> space_;
};

}  // namespace gonzo

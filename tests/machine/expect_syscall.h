// What a machine's thread traps for.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <ios>

#include <gonzo/machine/machine.h>

namespace gonzo {

inline void expect_syscall(MachineThread& thread, std::uint64_t number) {
  const Trap trap = thread.run();
  ASSERT_EQ(trap.kind, TrapKind::kSyscall)
      << trap.reason << " vector " << int{trap.vector} << " address " << std::hex
      << trap.address.value << " rip " << thread.registers().rip;
  EXPECT_EQ(thread.registers().rax, number);
}

}  // namespace gonzo

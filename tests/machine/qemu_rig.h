// A QEMU machine, which takes a while to start: one for all tests of a format.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "machine/guest_memory.h"
#include <gonzo/machine/qemu_machine.h>

namespace gonzo {

struct QemuRig {
  explicit QemuRig(PagingFormat format)
      : memory(format, std::size_t{32} << 20, kQemuFirstFrame),
        machine(create_qemu_machine(memory.arena(), memory.frames())) {
    if (machine) {
      EXPECT_TRUE((*machine)->prepare(memory.half()));
    }
  }
  bool is_missing() const { return !machine && machine.error() == Errno::kNoEnt; }

  GuestMemory memory;
  Result<std::unique_ptr<Machine>> machine;
};

inline constexpr const char* kNoQemu =
    "there is no qemu-system-x86_64 (Debian's package: qemu-system-x86)";

}  // namespace gonzo

// The machine whose processor is one of qemu-system-x86's: it walks our page tables itself, in our
// frames. docs/machine-qemu.md tells how it works.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/machine/arena.h>
#include <gonzo/machine/machine.h>

namespace gonzo {

struct QemuMachineOptions {
  enum class Accelerator : std::uint8_t {
    kTcg,  ///< QEMU's translator: on any host
    kKvm,  ///< the host's processor, through /dev/kvm
  };
  Accelerator accelerator = Accelerator::kTcg;
  std::string program = "qemu-system-x86_64";  ///< looked for in PATH
};

/// The first megabyte is the firmware's: FrameAllocator::Config::first.
inline constexpr Pfn kQemuFirstFrame{0x100};
/// Above lie the devices' addresses.
inline constexpr std::uint64_t kQemuMostMemory = 3ULL << 30;

/// One QEMU with one processor for each page-table format, started when the first space of that
/// format is made; guest threads take turns on it. `frames` lie in `arena`, from kQemuFirstFrame
/// on; both outlive the machine. Page tables must carry a KernelHalf that prepare() has seen.
/// 5-level tables cannot run (EINVAL).
///
/// ENOENT: the program is not installed. EINVAL: more memory than kQemuMostMemory, or the first
/// megabyte is not reserved. EACCES: /dev/kvm may not be used. EAGAIN, ENOMEM, EMFILE: the host
/// refused. create_space: the same, and EIO: QEMU did not start; Machine::failure() says why.
Result<std::unique_ptr<Machine>> create_qemu_machine(const Arena& arena, FrameAllocator& frames,
                                                     const QemuMachineOptions& options = {});

}  // namespace gonzo

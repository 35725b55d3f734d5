// Ring 0 of QEMU's processor in a test's hands: accesses by the supervisor.
#pragma once

#include <cstdint>
#include <optional>

#include "machine/guest_memory.h"
#include <gonzo/machine/machine.h>
#include <gonzo/paging/software_mmu.h>

namespace gonzo {

/// A gate of its own in the machine's descriptor tables leads a guest to a probe, which makes one
/// access in ring 0 and comes back; its page faults come to the probe and not to the stub.
class Ring0 {
 public:
  struct Controls {
    bool write_protect = true;  ///< CR0.WP
    bool smep = false, smap = false;
    bool alignment_check = false;  ///< EFLAGS.AC: lifts SMAP
  };
  /// In the kernel half of `memory`, which a machine has prepared.
  explicit Ring0(GuestMemory& memory);
  /// Gives the gate of page faults back to the stub. Nothing runs.
  ~Ring0();
  Ring0(const Ring0&) = delete;
  Ring0& operator=(const Ring0&) = delete;

  /// What a guest executes to make the access: INT.
  static constexpr unsigned char kVector = 0x30;
  /// The registers with which it does. A write stores 0xff, a fetch finds a `jmp *%rbx`.
  void aim(CpuRegisters& registers, VirtAddr address, Access access, const Controls& controls);
  /// After it: the page fault's error code, or none.
  static std::optional<std::uint32_t> fault(const CpuRegisters& registers);

  /// Whose page faults are: the probe's or the stub's.
  void take_faults();
  void give_faults_back();

 private:
  struct Gate {
    std::uint64_t low = 0, high = 0;
  };
  std::byte* gate_at(unsigned vector) const;
  Gate read_gate(unsigned vector) const;
  void write_gate(unsigned vector, Gate gate) const;
  /// The same gate to another place.
  Gate aimed_at(Gate gate, std::uint64_t target) const;

  FrameAllocator& frames_;
  const bool is_long_;
  std::uint64_t code_;  ///< where the probe is
  Pfn frame_;
  std::byte* tables_;
  Gate stubs_, own_;
};

}  // namespace gonzo

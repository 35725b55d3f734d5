// A thread that runs guest code in a host process.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "machine/host/stub_link.h"
#include <gonzo/machine/machine.h>

namespace gonzo {

/// A thread of the guest's process. A host thread that drives it calls HostSpace::enter, gives the
/// turn, waits, and calls HostSpace::leave; between leave and enter whoever holds the space's lock
/// may use it to execute commands.
struct StubThread {
  enum class State : std::uint8_t {
    kIdle,     ///< belongs to no guest thread
    kStopped,  ///< waits in the stub
    kRunning,
  };

  StubThread(std::uint32_t slot_index, gonzo_mailbox& mailbox, pid_t process, SpinPolicy spin,
             CallerBinding binding, std::chrono::nanoseconds patience)
      : slot(slot_index), link(mailbox, process, spin, binding, patience) {}

  const std::uint32_t slot;
  StubLink link;
  State state = State::kIdle;  ///< guarded by the space's lock
  /// What its entries of the GDT are; used by whoever drives the thread.
  std::array<std::uint64_t, segment::kTlsEntries> tls{};
  /// The host's CPU time of it as last seen, and what the two sides had used before it came to its
  /// present guest thread; guarded by the space's lock.
  std::chrono::nanoseconds cpu_time{0};
  MachineThreadTimes before;
};

}  // namespace gonzo

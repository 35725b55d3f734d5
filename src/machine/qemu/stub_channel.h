// The runner's end of the hand-off with the stub on an emulated processor.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "machine/host/spin_budget.h"
#include "machine/qemu/emulator.h"
#include "machine/qemu/stub/mailbox.h"

namespace gonzo {

/// Both sides wait awake for a while, where that pays, then sleep and are woken over the serial
/// line: by a byte in the socket, or by the interrupt that a byte is. Used by who has the turn on
/// the processor, but for kick() and the counters.
class StubChannel {
 public:
  enum class Wake : std::uint8_t {
    kTurn,
    kDead,  ///< QEMU is gone, or does not answer
  };

  StubChannel(gonzo_qemu_mailbox& mailbox, Emulator& emulator, SpinPolicy policy)
      : mailbox_(mailbox), emulator_(emulator), wait_(policy), stub_wait_(policy) {}

  /// The first time: until the processor has come up.
  Wake wait_for_start();
  /// Publishes what was written to the mailbox, and waits until the turn is back.
  Wake exchange(std::uint32_t action);
  /// Stops the guest. Async-signal-safe, from any thread.
  void kick();

  gonzo_qemu_mailbox& mailbox() { return mailbox_; }
  /// Ticks of the host's counter between giving the turn and its return.
  std::uint64_t ticks_away() const { return returned_at_ - given_at_; }
  /// Ticks that wait() has spent awake, so far.
  std::uint64_t own_spinning() const { return own_spinning_; }

 private:
  bool is_ours() const {
    return __atomic_load_n(&mailbox_.turn, __ATOMIC_ACQUIRE) == GONZO_QEMU_TURN_RUNNER;
  }
  void give(std::uint32_t action);
  Wake wait();
  /// `limit` below 0: for ever.
  Wake sleep(std::chrono::milliseconds limit);
  void came_back(SpinBudget::Outcome outcome);

  gonzo_qemu_mailbox& mailbox_;
  Emulator& emulator_;
  SpinBudget wait_;
  SpinBudget stub_wait_;
  std::uint64_t given_at_ = 0, returned_at_ = 0;
  std::uint64_t own_spinning_ = 0;
};

}  // namespace gonzo

// The runner's end of the hand-off with one stub thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>

#include "machine/host/cpu_company.h"
#include "machine/host/spin_budget.h"
#include "machine/host/stub/mailbox.h"
#include "machine/host/work_forecast.h"

namespace gonzo {

enum class ProcessState : std::uint8_t { kAlive, kDead };
/// Whether a child of ours still runs; does not reap it (waitid(2)).
ProcessState process_state(pid_t process);

/// Used by one host thread at a time.
class StubLink {
 public:
  enum class Wake : std::uint8_t {
    kTurn,
    kDead,
    kStuck,  ///< kicked, or asked to do something, and did not answer in time
  };

  StubLink(gonzo_mailbox& mailbox, pid_t process, SpinPolicy policy, CallerBinding binding,
           std::chrono::nanoseconds answer_within)
      : mailbox_(mailbox),
        process_(process),
        answer_within_(answer_within),
        wait_(policy),
        stub_wait_(policy),
        company_(policy, binding) {}

  /// What the mailbox must hold before a thread is started on it.
  static void prepare(gonzo_mailbox& mailbox);
  /// Makes good what a guest may have written over, of a thread that waits there; `guest_address`:
  /// where its process has the mailbox.
  static void mend(gonzo_mailbox& mailbox, std::uint64_t guest_address);

  /// Waits for the first hand-over of a thread that was just started and learns its id.
  Wake wait_for_start();
  /// Another guest from here on.
  void start_over() { company_.forget(thread()); }
  /// The stub thread may run anywhere, and what it starts may. Joins again by itself.
  void let_go() { company_.part(thread()); }
  /// Whether wait() would return at once.
  bool has_turn() const { return !is_away(__atomic_load_n(&mailbox_.turn, __ATOMIC_ACQUIRE)); }
  /// Publishes all that was written to the mailbox; the stub thread goes on.
  void give_turn(gonzo_action action);
  /// After a trap: what the runner is about to do. The stub does not stay awake for what takes
  /// long.
  void expect_work(WorkForecast::Kind kind);
  /// Until the stub, which was asked for something short, gives the turn back, or its thread or
  /// process died.
  Wake wait();
  /// The same, for a guest that runs: `kicked` is set while an interruption is due.
  Wake wait_for_trap(const std::atomic<bool>& kicked);

  gonzo_mailbox& mailbox() { return mailbox_; }
  pid_t process() const { return process_; }
  pid_t thread() const { return static_cast<pid_t>(owner_); }
  /// Ticks of the time-stamp counter between giving the turn and its return.
  std::uint64_t ticks_away() const { return returned_at_ - given_at_; }
  /// Ticks that each side spent on spinning, so far. From any thread.
  std::uint64_t own_spinning() const { return own_spinning_.load(std::memory_order_relaxed); }
  std::uint64_t stub_spinning() const { return stub_spinning_.load(std::memory_order_relaxed); }

 private:
  bool is_away(std::uint32_t turn) const { return (turn & GONZO_TURN_OWNER) == owner_; }
  Wake wait_with(const std::atomic<bool>* kicked);
  void came_back(SpinBudget::Outcome outcome);
  Wake sleep(const std::atomic<bool>* kicked);

  gonzo_mailbox& mailbox_;
  pid_t process_;
  std::chrono::nanoseconds answer_within_;
  std::uint32_t owner_ = GONZO_TURN_STARTING;
  SpinBudget wait_;
  SpinBudget stub_wait_;
  WorkForecast forecast_;
  WorkForecast::Kind work_ = WorkForecast::kFault;
  bool is_crowded_ = false;          ///< both sides were last seen on one processor
  bool stub_dismissed_ = false;      ///< told not to stay awake
  std::uint64_t stub_patience_ = 0;  ///< what the stub was granted last
  CpuCompany company_;
  std::uint64_t given_at_ = 0;
  std::uint64_t returned_at_ = 0;
  std::atomic<std::uint64_t> own_spinning_{0}, stub_spinning_{0};  ///< written by one thread
};

}  // namespace gonzo

// One emulated processor, for all spaces of one page-table format: whose turn it is, which tables
// and whose floating-point state it has, and what it must forget before it runs on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "machine/host/tsc_clock.h"
#include "machine/qemu/emulator.h"
#include "machine/qemu/entry_pages.h"
#include "machine/qemu/executed_frames.h"
#include "machine/qemu/stub_channel.h"
#include "machine/qemu/trap_frame.h"
#include "machine/qemu/turn_queue.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/thread_annotations.h>
#include <gonzo/machine/machine.h>
#include <gonzo/machine/qemu_machine.h>

namespace gonzo {

class QemuSpace;
class QemuThread;

/// Thread-safe. Lock order: an address space's locks, then the turn, then the mutex.
class Processor {
 public:
  struct Plan {
    FrameAllocator* frames;
    QemuMachineOptions::Accelerator accelerator;
    std::string program;  ///< its path
    int arena_fd;
    SpinPolicy spin;
  };
  /// Prepares the kernel's half. ENOMEM.
  static Result<std::unique_ptr<Processor>> create(const Plan& plan, KernelHalf& half);
  ~Processor();
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;

  const KernelHalf& half() const { return pages_->half(); }
  FrameAllocator& frames() const { return *plan_.frames; }
  const TscClock& clock() const { return clock_; }
  bool is_translated() const { return plan_.accelerator == QemuMachineOptions::Accelerator::kTcg; }

  /// Starts QEMU, if it does not run yet. EIO: it does not; failure() says why. Else what the host
  /// refused.
  Result<void> start() GONZO_EXCLUDES(start_mutex_, mutex_);
  /// Why it cannot run guests any more; empty: it can, or was never started.
  std::string failure() const GONZO_EXCLUDES(mutex_);

  /// Runs the guest until it traps; its registers are up to date then. None: the processor is gone.
  std::optional<RawTrap> run(QemuThread& thread) GONZO_EXCLUDES(mutex_);
  /// Stops the guest that runs now. Async-signal-safe.
  void kick() { channel_->kick(); }
  /// Gets the thread's floating-point state out of the processor, if it is there.
  void fetch_state(QemuThread& thread) GONZO_EXCLUDES(mutex_);
  /// The thread ends; its state is nobody's any more.
  void forget_state(QemuThread& thread) GONZO_EXCLUDES(mutex_);

  /// TranslationCache::invalidate, for one space.
  void invalidate(QemuSpace& space, AddressRange range, Stricter what) GONZO_EXCLUDES(mutex_);
  /// The space ends; nothing of it runs.
  void leave(QemuSpace& space) GONZO_EXCLUDES(mutex_);

  /// Frames that guests of this processor may execute from now on.
  void note_executable(Pfn first, unsigned count);
  /// Their contents were changed behind the processor's back: what it made of them goes before a
  /// guest runs on.
  void forget_code(Pfn pfn) GONZO_EXCLUDES(mutex_);

  void count_stale_fault(QemuSpace& space) GONZO_EXCLUDES(mutex_);
  MachineCounters counters(const QemuSpace& space) const GONZO_EXCLUDES(mutex_);

 private:
  explicit Processor(const Plan& plan);
  Result<void> boot() GONZO_EXCLUDES(mutex_);
  void fill_boot(std::span<std::byte> rom, Pfn root) const;
  void fail_with(std::string why) GONZO_EXCLUDES(mutex_);
  bool has_failed() const { return failed_.load(std::memory_order_acquire); }
  void request_root(std::uint64_t root);
  void await_root_load() const;
  /// What acquiring the turn does about a guest that computes for ever.
  void preempt() { kick(); }

  // By who has the turn:
  bool stay() GONZO_EXCLUDES(mutex_);
  bool take_state_back() GONZO_EXCLUDES(mutex_);
  /// `space`: for whom.
  bool forget_pending_code(QemuSpace& space) GONZO_EXCLUDES(mutex_);
  void give_state(QemuThread& thread);
  void enter(QemuSpace& space) GONZO_EXCLUDES(mutex_);
  void come_back(QemuThread& thread) GONZO_EXCLUDES(mutex_);
  std::optional<RawTrap> read_trap(QemuThread& thread) GONZO_EXCLUDES(mutex_);

  const Plan plan_;
  const TscClock clock_;
  std::unique_ptr<EntryPages> pages_;
  ExecutedFrames executed_;
  Mutex start_mutex_;
  bool started_ GONZO_GUARDED_BY(start_mutex_) = false;
  std::unique_ptr<Emulator> emulator_;
  std::unique_ptr<StubChannel> channel_;
  std::atomic<bool> failed_{false};

  TurnQueue turns_;
  /// Whose state the processor has. Changed by who has the turn, after the state was saved.
  std::atomic<QemuThread*> state_owner_{nullptr};

  mutable Mutex mutex_;
  std::string failure_ GONZO_GUARDED_BY(mutex_);
  QemuSpace* loaded_ GONZO_GUARDED_BY(mutex_) = nullptr;   ///< CR3 has its root
  QemuSpace* running_ GONZO_GUARDED_BY(mutex_) = nullptr;  ///< its guest may be executing
  std::uint64_t stops_ GONZO_GUARDED_BY(mutex_) = 0;       ///< times that a guest has stopped
  std::condition_variable_any stopped_;
  // What is to be flushed of the space that is loaded:
  bool flush_all_ GONZO_GUARDED_BY(mutex_) = false;
  std::vector<std::uint64_t> flushes_ GONZO_GUARDED_BY(mutex_);
  std::vector<Pfn> stale_code_ GONZO_GUARDED_BY(mutex_);
};

}  // namespace gonzo

// A guest address space as a host process that shadows its page table.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "machine/host/host_pagemap.h"
#include "machine/host/host_parts.h"
#include "machine/host/host_shadow.h"
#include "machine/host/stub_thread.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/thread_annotations.h>
#include <gonzo/machine/machine.h>

namespace gonzo {

/// A page fault that the shadow may have caused.
struct ShadowFault {
  enum class Status : std::uint8_t {
    kFresh,     ///< not looked at yet
    kReported,  ///< our entry denied it; by now it may be mended
  };
  VirtAddr address;
  Access access = Access::kRead;
  Status status = Status::kFresh;
};

/// Thread-safe. Lock order: an address space's locks, then this one's.
class HostSpace final : public MachineSpace {
 public:
  /// EAGAIN, ENOMEM: the host refused another process.
  static Result<std::unique_ptr<HostSpace>> create(HostParts& parts, PageTable& table);
  ~HostSpace() override;
  HostSpace(const HostSpace&) = delete;
  HostSpace& operator=(const HostSpace&) = delete;

  void invalidate(AddressRange range, Stricter what) override GONZO_EXCLUDES(mutex_);
  void invalidate_each(std::span<const AddressRange> ranges, Stricter what) override
      GONZO_EXCLUDES(mutex_);
  void collect_accesses(std::span<const VirtAddr> pages) override GONZO_EXCLUDES(mutex_);
  MachineCounters counters() const override GONZO_EXCLUDES(mutex_);

  /// The host process.
  pid_t process() const { return process_; }
  const HostParts& parts() const { return parts_; }

  /// A stopped thread of the process, an idle one or a new one. EAGAIN: no thread of the space is
  /// stopped that could make one, or the host refused; ESRCH: the process is gone.
  Result<StubThread*> acquire_thread() GONZO_EXCLUDES(mutex_);
  void release_thread(StubThread& thread) GONZO_EXCLUDES(mutex_);
  /// Gives a stopped thread these entries of the GDT. False: the host refused one, or the process
  /// is gone.
  bool set_descriptors(StubThread& thread,
                       const std::array<std::uint64_t, segment::kTlsEntries>& descriptors)
      GONZO_EXCLUDES(mutex_);

  enum class Entry : std::uint8_t { kReady, kDenied, kGone };
  /// Before the turn is given: fills the shadow for `fault` and sees to it that no old translation
  /// is used. kDenied: our entry does not allow a fresh fault's access.
  Entry enter(StubThread& thread, std::optional<ShadowFault>& fault) GONZO_EXCLUDES(mutex_);
  /// After the turn came back.
  void leave(StubThread& thread) GONZO_EXCLUDES(mutex_);
  /// The host refused a mapping: makes room. kGone when that does not help.
  Entry recover() GONZO_EXCLUDES(mutex_);
  std::uint32_t error_code(const ShadowFault& fault) const GONZO_EXCLUDES(mutex_);
  /// Of a thread that was acquired, since then.
  MachineThreadTimes times(StubThread& thread) GONZO_EXCLUDES(mutex_);
  /// Kills the process, for a thread that found nonsense in its slot.
  void kill_process();
  /// Makes a running thread trap soon. Async-signal-safe.
  void kick(const StubThread& thread) const;

 private:
  HostSpace(HostParts& parts, PageTable& table, std::unique_ptr<StubThread> first);
  static Result<std::unique_ptr<StubThread>> spawn_process(HostParts& parts);
  bool give_away_process() GONZO_REQUIRES(mutex_);
  bool is_gone() const { return gone_.load(std::memory_order_acquire); }
  bool execute_pending(StubThread& thread) GONZO_REQUIRES(mutex_);
  void execute_somewhere() GONZO_REQUIRES(mutex_);
  bool run_commands(StubThread& thread) GONZO_REQUIRES(mutex_);
  bool make_room() GONZO_REQUIRES(mutex_);
  bool can_look_at_host_tables() GONZO_REQUIRES(mutex_);
  StubThread* find_thread(StubThread::State state) GONZO_REQUIRES(mutex_);
  std::optional<std::chrono::nanoseconds> ask_cpu_time(StubThread& thread) GONZO_REQUIRES(mutex_);
  MachineThreadTimes known_times(const StubThread& thread) const GONZO_REQUIRES(mutex_);
  Result<StubThread*> add_thread(StubThread& maker) GONZO_REQUIRES(mutex_);

  HostParts& parts_;
  const pid_t process_;
  std::atomic<bool> gone_{false};

  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  HostShadow shadow_ GONZO_GUARDED_BY(mutex_);
  std::optional<HostPagemap> pagemap_ GONZO_GUARDED_BY(mutex_);  ///< once something was aged
  std::vector<std::unique_ptr<StubThread>> threads_ GONZO_GUARDED_BY(mutex_);
  unsigned attached_ GONZO_GUARDED_BY(mutex_) = 0;  ///< threads that are not idle
  unsigned running_ GONZO_GUARDED_BY(mutex_) = 0;
  unsigned waiting_ GONZO_GUARDED_BY(mutex_) = 0;   ///< for a running thread to execute commands
  unsigned failures_ GONZO_GUARDED_BY(mutex_) = 0;  ///< refused mappings in a row
  MachineCounters counters_ GONZO_GUARDED_BY(mutex_);
  std::uint64_t guest_ticks_ GONZO_GUARDED_BY(mutex_) = 0;
};

}  // namespace gonzo

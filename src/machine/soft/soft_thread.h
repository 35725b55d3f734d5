// A guest thread of the soft machine: steps of a program, each through the TLB or the page table.
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <optional>

#include "machine/soft/soft_space.h"
#include "machine/soft/soft_tlb.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/thread_annotations.h>
#include <gonzo/machine/machine.h>
#include <gonzo/machine/soft_machine.h>

namespace gonzo {

class SoftThread final : public MachineThread {
 public:
  SoftThread(SoftSpace& space, const SoftMachineOptions& options, const CpuRegisters& registers);
  ~SoftThread() override;
  SoftThread(const SoftThread&) = delete;
  SoftThread& operator=(const SoftThread&) = delete;

  CpuRegisters& registers() override { return registers_; }
  Trap run() override;
  void interrupt() override { interrupted_.store(true); }
  std::span<std::byte> extended_state() override { return {}; }

  /// When this returns, no step in progress uses an old translation.
  void invalidate(AddressRange range) GONZO_EXCLUDES(mutex_);
  TlbCounters tlb_counters() const GONZO_EXCLUDES(mutex_);

 private:
  Trap run_steps();
  std::optional<Trap> perform();
  std::optional<Trap> access(Access kind);
  std::uint64_t copy_in(const std::byte* first, std::uint64_t in_first,
                        const std::byte* second) const;
  void copy_out(std::byte* first, std::uint64_t in_first, std::byte* second,
                std::uint64_t in_second) const;
  std::expected<std::byte*, Trap> translate(VirtAddr address, Access kind) GONZO_REQUIRES(mutex_);

  SoftSpace& space_;
  CpuRegisters registers_;
  std::unique_ptr<SoftProgram> program_;
  std::optional<SoftStep> step_;  ///< in progress
  std::atomic<bool> interrupted_{false};
  mutable Mutex mutex_;
  SoftTlb tlb_ GONZO_GUARDED_BY(mutex_);
};

}  // namespace gonzo

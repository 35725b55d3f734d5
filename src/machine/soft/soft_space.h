// An address space of the soft machine: a page table and the TLBs that cache it.
#pragma once

#include <vector>

#include <gonzo/base/lock.h>
#include <gonzo/base/thread_annotations.h>
#include <gonzo/machine/machine.h>
#include <gonzo/machine/soft_machine.h>

namespace gonzo {

class SoftThread;

class SoftSpace final : public MachineSpace {
 public:
  SoftSpace(FrameAllocator& frames, PageTable& table) : frames_(frames), table_(table) {}

  void invalidate(AddressRange range, Stricter what) override GONZO_EXCLUDES(mutex_);
  MachineCounters counters() const override GONZO_EXCLUDES(mutex_);
  TlbCounters tlb_counters() const GONZO_EXCLUDES(mutex_);

  FrameAllocator& frames() const { return frames_; }
  PageTable& table() const { return table_; }

  void add(SoftThread& thread) GONZO_EXCLUDES(mutex_);
  void remove(SoftThread& thread) GONZO_EXCLUDES(mutex_);
  void count_trap() GONZO_EXCLUDES(mutex_);

 private:
  FrameAllocator& frames_;
  PageTable& table_;
  mutable Mutex mutex_;  ///< taken before a thread's
  std::vector<SoftThread*> threads_ GONZO_GUARDED_BY(mutex_);
  MachineCounters counters_ GONZO_GUARDED_BY(mutex_);
  TlbCounters finished_ GONZO_GUARDED_BY(mutex_);  ///< of threads that are gone
};

}  // namespace gonzo

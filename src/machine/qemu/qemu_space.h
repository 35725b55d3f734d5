// A guest address space as a root for CR3.
#pragma once

#include <functional>

#include "machine/qemu/processor.h"
#include <gonzo/machine/machine.h>

namespace gonzo {

/// Told that frames are about to be executed, by a guest of `processor`.
using CodeListener = std::function<void(Processor& processor, Pfn first, unsigned count)>;

class QemuSpace final : public MachineSpace {
 public:
  QemuSpace(Processor& processor, PageTable& table, const CodeListener& code)
      : processor_(processor), table_(table), code_(code) {}
  ~QemuSpace() override { processor_.leave(*this); }
  QemuSpace(const QemuSpace&) = delete;
  QemuSpace& operator=(const QemuSpace&) = delete;

  void invalidate(AddressRange range, Stricter what) override {
    processor_.invalidate(*this, range, what);
  }
  void will_execute(Pfn first, unsigned count) override { code_(processor_, first, count); }
  MachineCounters counters() const override { return processor_.counters(*this); }

  Processor& processor() const { return processor_; }
  PageTable& table() const { return table_; }
  /// The processor's, under its lock.
  MachineCounters& own_counters() { return counters_; }
  const MachineCounters& own_counters() const { return counters_; }

 private:
  Processor& processor_;
  PageTable& table_;
  const CodeListener& code_;
  MachineCounters counters_;
};

}  // namespace gonzo

#include <bit>

#include "machine/soft/soft_space.h"
#include "machine/soft/soft_thread.h"
#include <gonzo/machine/soft_machine.h>

namespace gonzo {
namespace {

class SoftMachine final : public Machine {
 public:
  SoftMachine(FrameAllocator& frames, const SoftMachineOptions& options)
      : frames_(frames), options_(options) {}

  std::string_view name() const override { return "soft"; }
  AddressRange reserved_range() const override { return {}; }
  Result<std::unique_ptr<MachineSpace>> create_space(PageTable& table) override {
    return std::make_unique<SoftSpace>(frames_, table);
  }
  Result<std::unique_ptr<MachineThread>> create_thread(MachineSpace& space,
                                                       const CpuRegisters& registers) override {
    return std::make_unique<SoftThread>(static_cast<SoftSpace&>(space), options_, registers);
  }

 private:
  FrameAllocator& frames_;
  const SoftMachineOptions options_;
};

}  // namespace

Result<std::unique_ptr<Machine>> create_soft_machine(FrameAllocator& frames,
                                                     const SoftMachineOptions& options) {
  if (!options.load || !std::has_single_bit(options.tlb_sets) ||
      !std::has_single_bit(options.tlb_ways)) {
    return fail(Errno::kInval);
  }
  return std::make_unique<SoftMachine>(frames, options);
}

TlbCounters tlb_counters(const MachineSpace& space) {
  return static_cast<const SoftSpace&>(space).tlb_counters();
}

}  // namespace gonzo

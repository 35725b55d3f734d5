#include "kernel/process_memory.h"

#include "kernel/kernel_memory.h"
#include "kernel/system.h"

namespace gonzo {
namespace {

/// At its end the machine takes over what it has counted.
struct Retire {
  KernelMemory& kernel;
  void operator()(ProcessMemory* memory) const {
    const AddressSpaceCounts counts = memory->space().counts();
    kernel.past_faults().minor += counts.minor_faults;
    kernel.past_faults().major += counts.major_faults;
    delete memory;
  }
};

}  // namespace

Result<std::shared_ptr<ProcessMemory>> ProcessMemory::create(System& system, PagingFormat format,
                                                             const AddressSpaceLimits& limits,
                                                             int owner) {
  std::unique_ptr<ProcessMemory> made(new ProcessMemory);
  GONZO_ASSIGN(const KernelHalf* kernel, system.kernel_memory().half(format));
  GONZO_ASSIGN(made->space_, AddressSpace::create(system.memory(), made->translations_,
                                                  {.format = format,
                                                   .kernel_half = kernel,
                                                   .index = system.vma_index(),
                                                   .reserved = system.machine().reserved_range(),
                                                   .limits = limits,
                                                   .owner = owner}));
  GONZO_TRY(made->connect(system));
  return std::shared_ptr<ProcessMemory>(made.release(), Retire{system.kernel_memory()});
}

Result<std::shared_ptr<ProcessMemory>> ProcessMemory::fork(System& system, int owner) {
  std::unique_ptr<ProcessMemory> made(new ProcessMemory);
  GONZO_ASSIGN(made->space_, space_->fork(made->translations_, owner));
  GONZO_TRY(made->connect(system));
  return std::shared_ptr<ProcessMemory>(made.release(), Retire{system.kernel_memory()});
}

Result<void> ProcessMemory::connect(System& system) {
  GONZO_ASSIGN(machine_, system.machine().create_space(space_->page_table()));
  translations_.connect(machine_.get());
  return {};
}

ProcessMemory::~ProcessMemory() {
  // Nothing runs any more: what the address space still tears down needs to be told to nobody.
  translations_.connect(nullptr);
  machine_.reset();
}

}  // namespace gonzo

#include "kernel/process_memory.h"

#include "kernel/kernel_memory.h"
#include "kernel/system.h"

namespace gonzo {

Result<std::shared_ptr<ProcessMemory>> ProcessMemory::create(System& system, PagingFormat format,
                                                             const AddressSpaceLimits& limits,
                                                             int owner) {
  std::shared_ptr<ProcessMemory> made(new ProcessMemory);
  GONZO_ASSIGN(const KernelHalf* kernel, system.kernel_memory().half(format));
  GONZO_ASSIGN(made->space_, AddressSpace::create(system.memory(), made->translations_,
                                                  {.format = format,
                                                   .kernel_half = kernel,
                                                   .index = system.vma_index(),
                                                   .reserved = system.machine().reserved_range(),
                                                   .limits = limits,
                                                   .owner = owner}));
  GONZO_TRY(made->connect(system));
  return made;
}

Result<std::shared_ptr<ProcessMemory>> ProcessMemory::fork(System& system, int owner) {
  std::shared_ptr<ProcessMemory> made(new ProcessMemory);
  GONZO_ASSIGN(made->space_, space_->fork(made->translations_, owner));
  GONZO_TRY(made->connect(system));
  return made;
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

// An address space and what executes in it. Linux: struct mm_struct with its mm_context.
#pragma once

#include <memory>

#include "kernel/translation_relay.h"
#include <gonzo/base/result.h>
#include <gonzo/machine/machine.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

class System;

/// Shared by all processes that CLONE_VM made (vfork). Tasks that run in it must be gone before it.
class ProcessMemory {
 public:
  /// Empty. `owner`: the process. ENOMEM, EAGAIN: the host refused.
  static Result<std::shared_ptr<ProcessMemory>> create(System& system, PagingFormat format,
                                                       const AddressSpaceLimits& limits, int owner);
  /// A copy for a child (AddressSpace::fork). The same errors.
  Result<std::shared_ptr<ProcessMemory>> fork(System& system, int owner);
  ~ProcessMemory();
  ProcessMemory(const ProcessMemory&) = delete;
  ProcessMemory& operator=(const ProcessMemory&) = delete;

  AddressSpace& space() { return *space_; }
  MachineSpace& machine() { return *machine_; }

 private:
  ProcessMemory() = default;
  Result<void> connect(System& system);

  TranslationRelay translations_;
  std::unique_ptr<AddressSpace> space_;
  std::unique_ptr<MachineSpace> machine_;  // goes before the page tables that it shadows
};

}  // namespace gonzo

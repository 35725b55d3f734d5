// What the spaces of one host machine share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "machine/host/context_slots.h"
#include "machine/host/cpu_company.h"
#include "machine/host/spare_processes.h"
#include "machine/host/spin_budget.h"
#include "machine/host/tsc_clock.h"
#include "machine/host/zygote.h"

namespace gonzo {

struct HostParts {
  std::uint64_t arena_frames = 0;
  std::size_t mapping_limit = 0;  ///< host mappings that one shadow may use
  SpinPolicy spin = SpinPolicy::kAdaptive;
  CallerBinding binding = CallerBinding::kForTheTurn;
  std::chrono::milliseconds patience{};  ///< HostMachineOptions::patience
  TscClock clock;
  std::unique_ptr<ContextSlots> slots;
  // Each after what it needs: the last dies first.
  std::unique_ptr<Zygote> zygote;
  std::unique_ptr<SpareProcesses> spares;
};

}  // namespace gonzo

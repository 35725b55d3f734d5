#include <sched.h>

#include <fstream>

#include "machine/host/host_parts.h"
#include "machine/host/host_space.h"
#include "machine/host/host_thread.h"
#include <gonzo/machine/host_machine.h>

namespace gonzo {
namespace {

constexpr std::size_t kDefaultMapCount = 65'530;  // Linux: DEFAULT_MAX_MAP_COUNT
// For the stub's own mappings, and for what our count and the host's may differ by for a moment.
constexpr std::size_t kMapCountMargin = 1'000;
constexpr std::size_t kMinMappings = 64;

std::size_t host_mapping_limit() {
  std::size_t count = 0;
  std::ifstream("/proc/sys/vm/max_map_count") >> count;
  if (count == 0) count = kDefaultMapCount;
  return count > kMapCountMargin + kMinMappings ? count - kMapCountMargin : kMinMappings;
}

SpinPolicy spin_policy() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  // Fails only where there are more processors than the set holds.
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return SpinPolicy::kAdaptive;
  return CPU_COUNT(&allowed) == 1 ? SpinPolicy::kNever : SpinPolicy::kAdaptive;
}

class HostMachine final : public Machine {
 public:
  explicit HostMachine(HostParts parts) : parts_(std::move(parts)) {}

  std::string_view name() const override { return "host"; }
  AddressRange reserved_range() const override {
    return {VirtAddr(GONZO_STUB_BASE), VirtAddr(GONZO_SLOTS_END)};
  }
  Result<std::unique_ptr<MachineSpace>> create_space(PageTable& table) override {
    return HostSpace::create(parts_, table);
  }
  Result<std::unique_ptr<MachineThread>> create_thread(MachineSpace& space,
                                                       const CpuRegisters& registers) override {
    return HostThread::create(static_cast<HostSpace&>(space), registers);
  }

 private:
  HostParts parts_;
};

}  // namespace

Result<std::unique_ptr<Machine>> create_host_machine(const Arena& arena,
                                                     const HostMachineOptions& options) {
  HostParts parts;
  parts.arena_frames = arena.memory().size() / kPageSize;
  parts.mapping_limit = options.mapping_limit != 0 ? options.mapping_limit : host_mapping_limit();
  parts.spin = spin_policy();
  if (options.may_leave_caller_bound) parts.binding = CallerBinding::kWhileItPays;
  parts.patience = options.patience;
  GONZO_ASSIGN(parts.slots, ContextSlots::create());
  GONZO_ASSIGN(parts.zygote, Zygote::create(*parts.slots, arena.fd(), parts.spin));
  parts.spares = std::make_unique<SpareProcesses>(*parts.slots, *parts.zygote);
  return std::make_unique<HostMachine>(std::move(parts));
}

}  // namespace gonzo

#include "kernel/process.h"

#include <linux/capability.h>
#include <sys/resource.h>

#include <algorithm>

#include "kernel/privilege.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kMostDescriptors = 1 << 20;  // Linux: fs.nr_open

unsigned descriptor_limit(const ResourceLimits& limits) {
  return static_cast<unsigned>(std::min(limits[RLIMIT_NOFILE].soft, kMostDescriptors));
}

AddressSpaceLimits memory_limits(const ResourceLimits& limits) {
  return {.address_space = limits[RLIMIT_AS].soft,
          .data = limits[RLIMIT_DATA].soft,
          .stack = limits[RLIMIT_STACK].soft,
          .locked = limits[RLIMIT_MEMLOCK].soft,
          .hard_data = limits[RLIMIT_DATA].hard,
          .locks_freely = has_capability(CAP_IPC_LOCK),
          .is_admin = has_capability(CAP_SYS_ADMIN)};
}

}  // namespace

Process::Process(System& system, int pid, const Inheritance& inheritance)
    : system_(system),
      pid_(pid),
      limits_(inheritance.limits),
      files_(descriptor_limit(inheritance.limits)),
      initial_signal_mask_(inheritance.blocked_signals) {
  signals_.ignore(inheritance.ignored_signals);
}

Result<std::unique_ptr<Process>> Process::create(System& system, int pid,
                                                 const Inheritance& inheritance) {
  std::unique_ptr<Process> process(new Process(system, pid, inheritance));
  GONZO_TRY(process->renew_memory(system.default_paging_format()));
  for (const Inheritance::Descriptor& descriptor : inheritance.descriptors) {
    GONZO_TRY(process->files_.insert_at(descriptor.number, descriptor.file, CloseOnExec::kNo));
  }
  return process;
}

Result<void> Process::renew_memory(PagingFormat format) {
  GONZO_ASSIGN(const KernelHalf* kernel, system_.kernel_half(format));
  GONZO_ASSIGN(auto memory, AddressSpace::create(system_.memory(), translations_,
                                                 {.format = format,
                                                  .kernel_half = kernel,
                                                  .index = system_.vma_index(),
                                                  .reserved = system_.machine().reserved_range(),
                                                  .limits = memory_limits(limits_),
                                                  .owner = pid_}));
  GONZO_ASSIGN(auto space, system_.machine().create_space(memory->page_table()));
  translations_.connect(nullptr);
  machine_space_ = std::move(space);
  memory_ = std::move(memory);
  translations_.connect(machine_space_.get());
  return {};
}

void Process::update_memory_limits() { memory_->set_limits(memory_limits(limits_)); }

Process::~Process() {
  // Nothing runs any more: what the address space still tears down needs to be told to nobody.
  translations_.connect(nullptr);
  machine_space_.reset();
}

}  // namespace gonzo

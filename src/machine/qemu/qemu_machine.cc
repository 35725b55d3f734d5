#include <sched.h>
#include <unistd.h>

#include <array>

#include "base/find_program.h"
#include "machine/qemu/processor.h"
#include "machine/qemu/qemu_space.h"
#include "machine/qemu/qemu_thread.h"
#include <gonzo/machine/qemu_machine.h>

namespace gonzo {
namespace {

class QemuMachine final : public Machine {
 public:
  explicit QemuMachine(Processor::Plan plan) : plan_(std::move(plan)) {}

  std::string_view name() const override { return "qemu"; }
  GuestTicks guest_ticks() const override { return GuestTicks::kOwn; }
  AddressRange reserved_range() const override { return {}; }

  Result<void> prepare(KernelHalf& half) override {
    if (half.format() == PagingFormat::kFiveLevel) return {};  // for whoever runs nothing in it
    GONZO_ASSIGN(processor_of(half.format()), Processor::create(plan_, half));
    return {};
  }

  Result<std::unique_ptr<MachineSpace>> create_space(PageTable& table) override {
    Processor* const processor = processor_of(table.format()).get();
    if (processor == nullptr || table.kernel_half() != &processor->half()) {
      return fail(Errno::kInval);
    }
    GONZO_TRY(processor->start());
    return std::make_unique<QemuSpace>(*processor, table, code_listener_);
  }
  Result<std::unique_ptr<MachineThread>> create_thread(MachineSpace& space,
                                                       const CpuRegisters& registers) override {
    return std::make_unique<QemuThread>(static_cast<QemuSpace&>(space), registers);
  }

  std::string failure() const override {
    for (const auto& processor : processors_) {
      if (processor == nullptr) continue;
      if (std::string why = processor->failure(); !why.empty()) return why;
    }
    return {};
  }

 private:
  std::unique_ptr<Processor>& processor_of(PagingFormat format) {
    return processors_[static_cast<std::size_t>(format)];
  }

  /// A frame's mark is taken away when it is allocated anew and when the kernel writes to it: then
  /// what any processor made of it is old.
  void will_execute(Processor& by, Pfn first, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const Pfn pfn = first + i;
      Frame& frame = plan_.frames->frame(pfn);
      if (!frame.has(frame_flags::kCodeSeen)) {
        frame.set(frame_flags::kCodeSeen);
        for (const auto& processor : processors_) {
          if (processor != nullptr) processor->forget_code(pfn);
        }
      }
    }
    by.note_executable(first, count);
  }

  const Processor::Plan plan_;
  const CodeListener code_listener_ = [this](Processor& by, Pfn first, unsigned count) {
    will_execute(by, first, count);
  };
  std::array<std::unique_ptr<Processor>, kPagingFormats> processors_;
};

SpinPolicy spin_policy() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return SpinPolicy::kAdaptive;
  return CPU_COUNT(&allowed) == 1 ? SpinPolicy::kNever : SpinPolicy::kAdaptive;
}

}  // namespace

Result<std::unique_ptr<Machine>> create_qemu_machine(const Arena& arena, FrameAllocator& frames,
                                                     const QemuMachineOptions& options) {
  if (arena.memory().size() > kQemuMostMemory || !frames.contains(kQemuFirstFrame) ||
      frames.frame(Pfn(kQemuFirstFrame.value - 1)).state != FrameState::kReserved) {
    return fail(Errno::kInval);
  }
  if (options.accelerator == QemuMachineOptions::Accelerator::kKvm &&
      access("/dev/kvm", R_OK | W_OK) != 0) {
    return fail_from_host();
  }
  GONZO_ASSIGN(std::string program, find_program(options.program));
  return std::make_unique<QemuMachine>(Processor::Plan{.frames = &frames,
                                                       .accelerator = options.accelerator,
                                                       .program = std::move(program),
                                                       .arena_fd = arena.fd(),
                                                       .spin = spin_policy()});
}

}  // namespace gonzo

#include "kernel/system.h"

#include "kernel/device_table.h"
#include "kernel/flusher.h"
#include "kernel/kernel_memory.h"
#include "kernel/kswapd.h"
#include "kernel/oom_killer.h"
#include "kernel/process_table.h"
#include "kernel/shm_namespace.h"
#include "kernel/task_threads.h"
#include "kernel/vdso.h"
#include <gonzo/cache/page_cache.h>
#include <gonzo/machine/arena.h>
#include <gonzo/machine/host_machine.h>
#include <gonzo/machine/machine.h>

namespace gonzo {
namespace {

Result<std::unique_ptr<Machine>> create_machine(const System::Config& config, Arena& arena,
                                                FrameAllocator& frames) {
  switch (config.machine) {
    case MachineKind::kHost:
      return create_host_machine(arena, {.may_leave_caller_bound = true});
    case MachineKind::kQemu:
      return create_qemu_machine(arena, frames, config.qemu);
    case MachineKind::kSoft:
      return create_soft_machine(frames, config.soft);
  }
  return fail(Errno::kInval);
}

Pfn first_frame(MachineKind machine) {
  return machine == MachineKind::kQemu ? kQemuFirstFrame : Pfn(1);
}

/// QEMU rounds a board's memory to 8 KiB.
std::uint64_t memory_bytes(const System::Config& config) {
  constexpr std::uint64_t kStep = 8192;
  return config.machine == MachineKind::kQemu ? config.memory_bytes & ~(kStep - 1)
                                              : config.memory_bytes;
}

}  // namespace

/// File pages that nobody uses, and slabs without objects, give way before an allocation fails, for
/// it may be made under locks that the reclaimer needs.
class System::MemoryPressure final : public PressureHandler {
 public:
  void serve(PageCache& cache, SlabAllocator& slabs, Kswapd& kswapd, StallClock& stalls) {
    cache_ = &cache;
    slabs_ = &slabs;
    kswapd_ = &kswapd;
    stalls_ = &stalls;
  }
  void stop() {
    cache_ = nullptr;
    kswapd_ = nullptr;
  }
  bool make_room(std::size_t frames) override {
    if (cache_ == nullptr) return false;
    const StallClock::Stall stall(*stalls_);
    const std::size_t from_slabs = slabs_->shrink();
    return from_slabs >= frames || cache_->shrink(frames) + from_slabs != 0;
  }
  void note_shortage() override {
    if (kswapd_ != nullptr) kswapd_->wake();
  }

 private:
  PageCache* cache_ = nullptr;
  SlabAllocator* slabs_ = nullptr;
  Kswapd* kswapd_ = nullptr;
  StallClock* stalls_ = nullptr;
};

System::System() = default;

Result<std::unique_ptr<System>> System::create(const Config& config) {
  std::unique_ptr<System> system(new System);
  system->vma_index_ = config.vma_index;
  system->log_ = config.log;
  system->paging_ = config.paging;
  GONZO_ASSIGN(system->arena_, Arena::create(memory_bytes(config)));
  system->pressure_ = std::make_unique<MemoryPressure>();
  GONZO_ASSIGN(system->frames_, FrameAllocator::create({.memory = system->arena_->memory(),
                                                        .pressure = system->pressure_.get(),
                                                        .growth = system->arena_.get(),
                                                        .first = first_frame(config.machine)}));
  GONZO_ASSIGN(system->machine_, create_machine(config, *system->arena_, *system->frames_));
  system->kernel_memory_ =
      std::make_unique<KernelMemory>(*system->frames_, *system->machine_, config.paging);
  KernelMemory& own = *system->kernel_memory_;
  MemoryManager::Config memory = config.memory;
  memory.area_cache = &own.area_cache();
  memory.space_cache = &own.space_cache();
  GONZO_ASSIGN(system->memory_, MemoryManager::create(*system->frames_, memory));
  system->devices_ = std::make_unique<DeviceTable>();
  system->processes_ = std::make_unique<ProcessTable>();
  system->tasks_ = std::make_unique<TaskThreads>();
  system->deadlines_ = std::make_unique<DeadlineQueue>();
  GONZO_TRY(system->set_up_reclaim(config));
  system->page_cache_ = std::make_unique<PageCache>(
      *system->frames_, PageCache::Config{.commitments = &system->memory_->commitments(),
                                          .objects = &system->memory_->objects(),
                                          .file_cache = &own.cached_file_cache()});
  system->shared_memory_ = std::make_unique<ShmNamespace>(*system->memory_);
  system->flusher_ =
      std::make_unique<Flusher>(*system->memory_, *system->page_cache_, Flusher::Limits{});
  system->memory_->set_dirty_page_handler(system->flusher_.get());
  system->pressure_->serve(*system->page_cache_, system->kernel_memory_->slabs(), *system->kswapd_,
                           system->memory_->stalls());
  return system;
}

Result<void> System::set_up_reclaim(const Config& config) {
  swap_ = std::make_unique<SwapSpace>(*frames_);
  if (config.add_swap) {
    GONZO_TRY(config.add_swap(*frames_, *swap_));
    memory_->commitments().add_swap(swap_->totals().slots);
  }
  reclaimer_ = std::make_unique<Reclaimer>(*memory_, *swap_, config.reclaim);
  memory_->serve(reclaimer_.get());
  kswapd_ = std::make_unique<Kswapd>(*reclaimer_);
  oom_killer_ = std::make_unique<OomKiller>(*this);
  memory_->set_out_of_memory_handler(oom_killer_.get());
  return {};
}

System::~System() {
  if (pressure_ != nullptr) pressure_->stop();
}

Result<PagingFormat> System::paging_format(ProgramAbi abi) const {
  if (paging_) {
    if (abi_of(*paging_) != abi) return fail(Errno::kNoExec);
    return *paging_;
  }
  if (abi == ProgramAbi::kX8664) return PagingFormat::kFourLevel;
  constexpr std::uint64_t kClassicFrames = 1ULL << 20;
  return frames_->frame_count() > kClassicFrames ? PagingFormat::kPae : PagingFormat::kClassic32;
}

Result<Vdso*> System::vdso() {
  const LockGuard guard(shared_frames_lock_);
  if (vdso_ == nullptr) {
    GONZO_ASSIGN(vdso_, Vdso::create(*frames_, machine_->guest_ticks()));
  }
  return vdso_.get();
}

std::string System::shut_down() {
  pressure_->stop();
  kswapd_.reset();
  flusher_.reset();
  deadlines_.reset();
  tasks_.reset();
  processes_.reset();
  {
    const LockGuard guard(shared_frames_lock_);
    vdso_.reset();
  }
  devices_.reset();
  if (std::string wrong = kernel_memory_->verify(); !wrong.empty()) return wrong;
  shared_memory_.reset();
  page_cache_.reset();
  machine_.reset();
  memory_->serve(nullptr);
  reclaimer_.reset();
  swap_.reset();
  memory_.reset();
  kernel_memory_.reset();
  frames_->drain();
  return frames_->check_all_free();
}

}  // namespace gonzo

#include "machine/qemu/processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>
#include <utility>

#include "machine/qemu/qemu_space.h"
#include "machine/qemu/qemu_thread.h"
#include "machine/qemu/stub_image.h"

namespace gonzo {
namespace {

// CR4 (SDM vol. 3A, 2.5) and EFER (table 2-1).
constexpr std::uint32_t kPse = 1 << 4, kPae = 1 << 5, kOsFxsr = 1 << 9, kOsXmmExcpt = 1 << 10,
                        kFsGsBase = 1 << 16, kOsXsave = 1 << 18;
constexpr std::uint32_t kSyscallEnable = 1 << 0, kLongMode = 1 << 8, kNoExecuteEnable = 1 << 11;

/// Where the ROM's page lies, and is mapped while paging is turned on.
constexpr std::uint64_t kRomAddress = 0xff000;

/// One more, and loading CR3 anew is the cheaper way.
constexpr std::size_t kMostFlushes = GONZO_QEMU_FLUSHES;

}  // namespace

Processor::Processor(const Plan& plan) : plan_(plan), executed_(plan.frames->frame_count()) {}

Result<std::unique_ptr<Processor>> Processor::create(const Plan& plan, KernelHalf& half) {
  std::unique_ptr<Processor> made(new Processor(plan));
  GONZO_ASSIGN(made->pages_, EntryPages::create(*plan.frames, half));
  return made;
}

Processor::~Processor() {
  if (emulator_ != nullptr) emulator_->end();
}

// ---- its life ----

Result<void> Processor::start() {
  const LockGuard guard(start_mutex_);
  if (has_failed()) return fail(Errno::kIo);
  if (started_) return {};
  GONZO_TRY(boot());
  started_ = true;
  return {};
}

void Processor::fill_boot(std::span<std::byte> rom, Pfn root) const {
  const PagingFormat format = half().format();
  const bool is_long = !is_32bit(format);
  gonzo_qemu_boot boot{};
  boot.root = static_cast<std::uint32_t>(root.address().value);
  boot.cr4 = kPse | kOsFxsr | kOsXmmExcpt | kOsXsave;
  if (format != PagingFormat::kClassic32) {
    boot.cr4 |= kPae;
    boot.efer = kNoExecuteEnable;
  }
  if (is_long) {
    boot.cr4 |= kFsGsBase;
    boot.efer |= kSyscallEnable | kLongMode;
  }
  boot.is_long = is_long ? 1 : 0;
  boot.target = stub_addresses(format).start;
  std::memcpy(rom.data(), &boot, sizeof boot);
}

/// Paging is turned on in the ROM, which must be mapped where it is: by tables for that moment.
Result<void> Processor::boot() {
  if (std::string why = Emulator::obstacle(plan_.accelerator); !why.empty()) {
    fail_with(std::move(why));
    return fail(Errno::kIo);
  }
  GONZO_ASSIGN(const std::unique_ptr<PageTable> tables,
               PageTable::create(*plan_.frames, half().format(), &half()));
  GONZO_ASSIGN(const EntryRef slot, tables->ensure(VirtAddr(kRomAddress)));
  slot.store(Entry::map(Pfn::of(PhysAddr(kRomAddress)), pte::kPresent | pte::kAccessed));
  tables->entry_filled(slot);

  std::array<std::byte, kPageSize> rom;
  std::ranges::copy(rom_image(), rom.begin());
  fill_boot(rom, tables->root());
  gonzo_qemu_mailbox& mailbox = pages_->mailbox();
  mailbox.root = half().root().address().value;
  auto emulator = Emulator::start({.program = plan_.program,
                                   .accelerator = plan_.accelerator,
                                   .arena_fd = plan_.arena_fd,
                                   .arena_bytes = plan_.frames->frame_count() * kPageSize,
                                   .rom = rom});
  StubChannel::Wake wake = StubChannel::Wake::kDead;
  if (emulator) {
    emulator_ = std::move(*emulator);
    channel_ = std::make_unique<StubChannel>(mailbox, *emulator_, plan_.spin);
    wake = channel_->wait_for_start();
  }
  if (wake == StubChannel::Wake::kDead && emulator_ != nullptr) {
    emulator_->end();
    fail_with(fmt::format("{} does not run: {}", plan_.program, emulator_->last_words()));
  }
  slot.exchange(Entry());
  tables->entry_blanked(slot);
  if (!emulator) return fail(emulator.error());
  if (wake == StubChannel::Wake::kDead) return fail(Errno::kIo);
  return {};
}

void Processor::fail_with(std::string why) {
  const LockGuard guard(mutex_);
  if (failure_.empty()) failure_ = std::move(why);
  failed_.store(true, std::memory_order_release);
}

std::string Processor::failure() const {
  const LockGuard guard(mutex_);
  return failure_;
}

// ---- running ----

std::optional<RawTrap> Processor::run(QemuThread& thread) {
  const Turn turn(turns_, [this] { preempt(); });
  if (has_failed()) return std::nullopt;
  if (!forget_pending_code(thread.space())) return std::nullopt;
  if (state_owner_.load(std::memory_order_relaxed) != &thread) {
    if (!take_state_back()) return std::nullopt;
    give_state(thread);
  }
  gonzo_qemu_mailbox& mailbox = channel_->mailbox();
  mailbox.save_at_trap = turns_.waiting() > 0 ? 1 : 0;
  store_frame(*pages_, thread.registers());
  enter(thread.space());
  if (!thread.begin_run()) kick();
  const std::uint64_t spun = channel_->own_spinning();
  const StubChannel::Wake wake = channel_->exchange(GONZO_QEMU_RESUME);
  thread.end_run(channel_->ticks_away(), channel_->own_spinning() - spun);
  come_back(thread);
  if (wake == StubChannel::Wake::kDead) {
    emulator_->end();
    fail_with(fmt::format("QEMU is gone: {}", emulator_->last_words()));
    return std::nullopt;
  }
  return read_trap(thread);
}

/// From here on the guest may use what it has cached: whoever changes entries has to stop it.
void Processor::enter(QemuSpace& space) {
  gonzo_qemu_mailbox& mailbox = channel_->mailbox();
  const LockGuard guard(mutex_);
  MachineCounters& counters = space.own_counters();
  if (loaded_ != &space || flush_all_) {
    request_root(space.table().root().address().value);
    loaded_ = &space;
    ++counters.root_loads;
  } else {
    std::ranges::copy(flushes_, mailbox.flush);
    mailbox.flush_count = static_cast<std::uint32_t>(flushes_.size());
    counters.page_flushes += flushes_.size();
  }
  flush_all_ = false;
  flushes_.clear();
  running_ = &space;
}

void Processor::come_back(QemuThread& thread) {
  gonzo_qemu_mailbox& mailbox = channel_->mailbox();
  // Who sets it from here on stops the next guest for nothing: no harm.
  __atomic_store_n(&mailbox.kicked, 0U, __ATOMIC_RELAXED);
  if (std::exchange(mailbox.state_saved, 0U) != 0) {
    std::ranges::copy(pages_->saved_state().first(QemuThread::kStateBytes), thread.state().begin());
    state_owner_.store(nullptr, std::memory_order_release);
  }
  const LockGuard guard(mutex_);
  running_ = nullptr;
  ++stops_;
  stopped_.notify_all();
  MachineCounters& counters = thread.space().own_counters();
  ++counters.traps;
  counters.guest_time += clock_.duration(channel_->ticks_away());
}

std::optional<RawTrap> Processor::read_trap(QemuThread& thread) {
  const gonzo_qemu_mailbox& mailbox = channel_->mailbox();
  if (mailbox.frame != guest_frame_address(half().format(), pages_->base())) {
    emulator_->end();
    fail_with(fmt::format("QEMU's processor was lost in the stub, at {:#x}", mailbox.frame));
    return std::nullopt;
  }
  return load_frame(*pages_, thread.registers());
}

/// Has the stub do what the mailbox says. False: the processor is gone.
bool Processor::stay() {
  if (channel_->exchange(GONZO_QEMU_STAY) == StubChannel::Wake::kTurn) return true;
  emulator_->end();
  fail_with(fmt::format("QEMU is gone: {}", emulator_->last_words()));
  return false;
}

// ---- floating-point state ----

bool Processor::take_state_back() {
  QemuThread* const owner = state_owner_.load(std::memory_order_relaxed);
  if (owner == nullptr) return true;
  channel_->mailbox().state_request = GONZO_QEMU_SAVE;
  const bool done = stay();
  if (done) {
    std::ranges::copy(pages_->saved_state().first(QemuThread::kStateBytes), owner->state().begin());
  }
  state_owner_.store(nullptr, std::memory_order_release);
  return done;
}

void Processor::give_state(QemuThread& thread) {
  std::ranges::copy(thread.state(), pages_->loaded_state().begin());
  channel_->mailbox().state_request = GONZO_QEMU_LOAD;
  state_owner_.store(&thread, std::memory_order_release);
}

void Processor::fetch_state(QemuThread& thread) {
  if (state_owner_.load(std::memory_order_acquire) != &thread) return;
  const Turn turn(turns_, [this] { preempt(); });
  if (state_owner_.load(std::memory_order_relaxed) != &thread) return;
  if (has_failed()) {
    state_owner_.store(nullptr, std::memory_order_release);
  } else {
    static_cast<void>(take_state_back());
  }
}

void Processor::forget_state(QemuThread& thread) {
  if (state_owner_.load(std::memory_order_acquire) != &thread) return;
  const Turn turn(turns_, [this] { preempt(); });
  if (state_owner_.load(std::memory_order_relaxed) != &thread) return;
  state_owner_.store(nullptr, std::memory_order_release);
}

// ---- translations ----

void Processor::invalidate(QemuSpace& space, AddressRange range, Stricter what) {
  const LockGuard guard(mutex_);
  ++space.own_counters().invalidations;
  // A processor that has other tables loads these anew, and starts with an empty TLB.
  if (loaded_ != &space) return;
  const std::uint64_t first = range.start.page_number();
  const std::uint64_t end = (range.end + (kPageSize - 1)).page_number();
  if (flush_all_ || flushes_.size() + (end - first) > kMostFlushes) {
    flush_all_ = true;
    flushes_.clear();
  } else {
    for (std::uint64_t page = first; page < end; ++page) flushes_.push_back(page << kPageShift);
  }
  // Whether a page was used may be found out with the guest's next trap.
  if (running_ != &space || what == Stricter::kAccessed) return;
  kick();
  for (const std::uint64_t before = stops_; stops_ == before && running_ == &space;) {
    stopped_.wait(mutex_);
  }
}

/// Who waits for an earlier one looks on meanwhile.
void Processor::request_root(std::uint64_t root) {
  __atomic_store_n(&channel_->mailbox().root, root, __ATOMIC_RELEASE);
}

/// Another's root may be in the mailbox and not in CR3 yet. The stub takes it out of the mailbox
/// when it is.
void Processor::await_root_load() const {
  const gonzo_qemu_mailbox& mailbox = pages_->mailbox();
  while (__atomic_load_n(&mailbox.root, __ATOMIC_ACQUIRE) != 0 && !has_failed()) {
    std::this_thread::yield();
  }
}

/// Its tables are about to go, and the processor is still on them: to the kernel's own.
void Processor::leave(QemuSpace& space) {
  bool is_loaded = false;
  {
    const LockGuard guard(mutex_);
    is_loaded = loaded_ == &space;
  }
  if (!is_loaded) return await_root_load();
  const Turn turn(turns_, [this] { preempt(); });
  {
    const LockGuard guard(mutex_);
    if (loaded_ != &space) return;
    loaded_ = nullptr;
    flush_all_ = false;
    flushes_.clear();
  }
  if (has_failed()) return;
  request_root(half().root().address().value);
  static_cast<void>(stay());
}

// ---- code ----

void Processor::note_executable(Pfn first, unsigned count) {
  for (unsigned i = 0; i < count; ++i) executed_.add(first + i);
}

void Processor::forget_code(Pfn pfn) {
  if (!executed_.contains(pfn)) return;
  const LockGuard guard(mutex_);
  stale_code_.push_back(pfn);
}

/// False: the processor is gone.
bool Processor::forget_pending_code(QemuSpace& space) {
  for (;;) {
    gonzo_qemu_mailbox& mailbox = channel_->mailbox();
    {
      const LockGuard guard(mutex_);
      if (stale_code_.empty()) return true;
      std::uint32_t count = 0;
      while (count < GONZO_QEMU_WINDOW_COUNT && !stale_code_.empty()) {
        pages_->show(count, stale_code_.back());
        stale_code_.pop_back();
        ++count;
      }
      mailbox.window_count = count;
      space.own_counters().code_flushes += count;
    }
    if (!stay()) return false;
  }
}

void Processor::count_stale_fault(QemuSpace& space) {
  const LockGuard guard(mutex_);
  ++space.own_counters().stale_faults;
}

MachineCounters Processor::counters(const QemuSpace& space) const {
  const LockGuard guard(mutex_);
  return space.own_counters();
}

}  // namespace gonzo

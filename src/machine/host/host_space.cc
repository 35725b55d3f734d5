#include "machine/host/host_space.h"

#include <signal.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "machine/host/host_clock.h"
#include <gonzo/base/cpu_clock_number.h>
#include <gonzo/machine/user_descriptor.h>

namespace gonzo {
namespace {

// Dropping the shadow makes room for tens of thousands of mappings: once helps, or nothing does.
constexpr unsigned kMaxFailures = 3;

// A process that had more mapped would be busy with that when the next guest needs one.
constexpr std::uint64_t kMostPagesToUnmap = 16384;

}  // namespace

HostSpace::HostSpace(HostParts& parts, PageTable& table, std::unique_ptr<StubThread> first)
    : parts_(parts),
      process_(first->link.process()),
      shadow_(table, parts.arena_frames, parts.mapping_limit) {
  threads_.push_back(std::move(first));
}

Result<std::unique_ptr<HostSpace>> HostSpace::create(HostParts& parts, PageTable& table) {
  std::unique_ptr<StubThread> first = parts.spares->take();
  if (first != nullptr)
    return std::unique_ptr<HostSpace>(new HostSpace(parts, table, std::move(first)));
  GONZO_ASSIGN(first, spawn_process(parts));
  StubLink& link = first->link;
  std::unique_ptr<HostSpace> space(new HostSpace(parts, table, std::move(first)));
  // As any process may be at any time; its thread will say so.
  if (link.wait_for_start() != StubLink::Wake::kTurn) space->gone_ = true;
  return space;
}

Result<std::unique_ptr<StubThread>> HostSpace::spawn_process(HostParts& parts) {
  GONZO_ASSIGN(const std::uint32_t slot, parts.slots->allocate());
  gonzo_mailbox& mailbox = parts.slots->mailbox(slot);
  parts.zygote->prepare(mailbox);
  const Result<pid_t> process = parts.zygote->spawn(slot);
  if (!process) {
    parts.slots->release(slot);
    return fail(process.error());
  }
  return std::make_unique<StubThread>(slot, mailbox, *process, parts.spin, parts.binding,
                                      parts.patience);
}

HostSpace::~HostSpace() {
  LockGuard guard(mutex_);
  if (give_away_process()) return;
  parts_.zygote->end(process_);
  for (const auto& thread : threads_) parts_.slots->release(thread->slot);
}

/// For the next guest, if nothing was odd about this one. Nobody waits until all is unmapped.
bool HostSpace::give_away_process() {
  if (is_gone() || threads_.size() != 1 || failures_ != 0 ||
      shadow_.pages_filled() > kMostPagesToUnmap) {
    return false;
  }
  std::unique_ptr<StubThread>& thread = threads_.front();
  if (thread->state != StubThread::State::kIdle) return false;
  parts_.zygote->prepare_again(thread->link.mailbox(), thread->slot);
  shadow_.drop();
  shadow_.pending().take(thread->link.mailbox());
  parts_.spares->give(std::move(thread));
  return true;
}

MachineCounters HostSpace::counters() const {
  LockGuard guard(mutex_);
  MachineCounters counters = counters_;
  counters.shadow_pages = shadow_.pages_filled();
  counters.shadow_ranges = shadow_.mappings();
  counters.shadow_drops = shadow_.drops();
  counters.guest_time = parts_.clock.duration(guest_ticks_);
  return counters;
}

void HostSpace::kill_process() {
  gone_.store(true, std::memory_order_release);
  parts_.zygote->send_signal(process_, 0, SIGKILL);
}

void HostSpace::kick(const StubThread& thread) const {
  parts_.zygote->send_signal(process_, thread.link.thread(), GONZO_KICK_SIGNAL);
}

StubThread* HostSpace::find_thread(StubThread::State state) {
  for (const auto& thread : threads_) {
    if (thread->state == state) return thread.get();
  }
  return nullptr;
}

// ---- commands ----

/// One mailbox of commands, now. False: the host refused one, or the process is gone.
bool HostSpace::run_commands(StubThread& thread) {
  gonzo_mailbox& mailbox = thread.link.mailbox();
  const std::uint32_t count = mailbox.command_count;
  mailbox.commands_done = 0;
  thread.link.give_turn(GONZO_ACTION_STAY);
  if (thread.link.wait() != StubLink::Wake::kTurn) {
    kill_process();
    return false;
  }
  return mailbox.commands_done == count;
}

bool HostSpace::make_room() {
  if (is_gone()) return false;
  if (++failures_ > kMaxFailures) {
    kill_process();
    return false;
  }
  shadow_.drop();
  return true;
}

/// All pending commands, now. False: the process is gone.
bool HostSpace::execute_pending(StubThread& thread) {
  while (!shadow_.pending().empty()) {
    shadow_.pending().take(thread.link.mailbox());
    if (run_commands(thread)) {
      failures_ = 0;
    } else if (!make_room()) {
      return false;
    }
  }
  return true;
}

/// While threads of the space run: by a stopped one, else by a running one that we kick.
void HostSpace::execute_somewhere() {
  StubThread* stopped = find_thread(StubThread::State::kStopped);
  // The only one in use may still be at the commands that travelled with its turn: these come
  // after.
  if (stopped == nullptr && attached_ > 1) stopped = find_thread(StubThread::State::kIdle);
  if (stopped != nullptr) {
    execute_pending(*stopped);
    return;
  }
  ++waiting_;
  while (!shadow_.pending().empty() && !is_gone() && running_ > 0) {
    if (const StubThread* thread = find_thread(StubThread::State::kRunning)) kick(*thread);
    changed_.wait(mutex_);
  }
  --waiting_;
}

void HostSpace::invalidate(AddressRange range, Stricter what) {
  invalidate_each({&range, 1}, what);
}

void HostSpace::invalidate_each(std::span<const AddressRange> ranges, Stricter what) {
  LockGuard guard(mutex_);
  counters_.invalidations += ranges.size();
  const bool ages = what == Stricter::kAccessed && can_look_at_host_tables();
  for (const AddressRange range : ranges) {
    ages ? shadow_.age(range) : shadow_.invalidate(range, what);
  }
  // While nothing runs, it is enough that the commands are executed before anything does.
  if (running_ > 0 && !shadow_.pending().empty() && !is_gone()) execute_somewhere();
}

bool HostSpace::can_look_at_host_tables() {
  if (!pagemap_) pagemap_.emplace(process_);
  return pagemap_->can_tell();
}

void HostSpace::collect_accesses(std::span<const VirtAddr> pages) {
  LockGuard guard(mutex_);
  if (!pagemap_ || is_gone()) return;
  if (shadow_.has_aged(pages)) shadow_.collect_accesses(pages, *pagemap_);
}

HostSpace::Entry HostSpace::recover() {
  LockGuard guard(mutex_);
  return make_room() ? Entry::kReady : Entry::kGone;
}

std::uint32_t HostSpace::error_code(const ShadowFault& fault) const {
  LockGuard guard(mutex_);
  return shadow_.error_code(fault.address, fault.access);
}

// ---- running ----

HostSpace::Entry HostSpace::enter(StubThread& thread, std::optional<ShadowFault>& fault) {
  LockGuard guard(mutex_);
  if (is_gone()) return Entry::kGone;
  if (fault) {
    if (shadow_.fill(fault->address, fault->access) == HostShadow::Outcome::kDenied) {
      if (fault->status == ShadowFault::Status::kFresh) return Entry::kDenied;
      fault.reset();
    } else if (fault->status == ShadowFault::Status::kFresh) {
      ++counters_.shadow_fills;
    }
  }
  CommandQueue& pending = shadow_.pending();
  gonzo_mailbox& mailbox = thread.link.mailbox();
  if (attached_ == 1) {
    // The commands travel with the turn: the stub executes them before the guest goes on.
    while (pending.size() > GONZO_COMMAND_CAPACITY) {
      pending.take(mailbox);
      if (!run_commands(thread) && !make_room()) return Entry::kGone;
    }
    pending.take(mailbox);
  } else {
    // The others must not see them late.
    if (!execute_pending(thread)) return Entry::kGone;
    mailbox.command_count = 0;
  }
  thread.state = StubThread::State::kRunning;
  ++running_;
  return Entry::kReady;
}

void HostSpace::leave(StubThread& thread) {
  LockGuard guard(mutex_);
  thread.state = StubThread::State::kStopped;
  --running_;
  ++counters_.traps;
  guest_ticks_ += thread.link.ticks_away();
  if (thread.link.mailbox().signal_number != 0) failures_ = 0;  // it got past its commands
  if (waiting_ > 0) {
    if (!is_gone()) execute_pending(thread);
    changed_.notify_all();
  }
}

// ---- threads ----

Result<StubThread*> HostSpace::acquire_thread() {
  LockGuard guard(mutex_);
  if (is_gone()) return fail(Errno::kSrch);
  StubThread* thread = find_thread(StubThread::State::kIdle);
  if (thread != nullptr) {
    thread->before = known_times(*thread);  // it was asked when its guest ended, and slept since
  } else {
    StubThread* maker = find_thread(StubThread::State::kStopped);
    if (maker == nullptr) return fail(Errno::kAgain);
    GONZO_ASSIGN(thread, add_thread(*maker));
  }
  thread->state = StubThread::State::kStopped;
  ++attached_;
  return thread;
}

bool HostSpace::set_descriptors(
    StubThread& thread, const std::array<std::uint64_t, segment::kTlsEntries>& descriptors) {
  LockGuard guard(mutex_);
  gonzo_mailbox& mailbox = thread.link.mailbox();
  std::uint32_t count = 0;
  for (unsigned i = 0; i < segment::kTlsEntries; ++i) {
    if (thread.tls[i] == descriptors[i]) continue;
    const UserDescriptor user = UserDescriptor::of(descriptors[i], segment::kFirstTls + i);
    gonzo_command& command = mailbox.commands[count++];
    command = {.operation = GONZO_OP_TLS};
    static_assert(sizeof user == sizeof command.address + sizeof command.length);
    std::memcpy(&command.address, &user, sizeof user);
  }
  mailbox.command_count = count;
  if (is_gone() || !run_commands(thread)) return false;
  thread.tls = descriptors;
  return true;
}

Result<StubThread*> HostSpace::add_thread(StubThread& maker) {
  if (!execute_pending(maker)) return fail(Errno::kSrch);
  maker.link.let_go();  // else the new one would be kept where its maker is
  GONZO_ASSIGN(const std::uint32_t slot, parts_.slots->allocate());
  gonzo_mailbox& mailbox = parts_.slots->mailbox(slot);
  parts_.zygote->prepare(mailbox);
  // In the list at once: the process may map the slot from here on.
  threads_.push_back(std::make_unique<StubThread>(slot, mailbox, process_, parts_.spin,
                                                  parts_.binding, parts_.patience));
  StubThread& thread = *threads_.back();
  thread.tls = maker.tls;  // a clone's
  gonzo_mailbox& request = maker.link.mailbox();
  request.commands[0] = {.argument = slot, .operation = GONZO_OP_THREAD};
  request.command_count = 1;
  if (!run_commands(maker)) {
    const std::int32_t result = request.commands[0].result;
    thread.state = StubThread::State::kRunning;  // never to be found
    ++attached_;
    return fail(is_gone() || result >= 0 ? Errno::kSrch : static_cast<Errno>(-result));
  }
  if (thread.link.wait_for_start() != StubLink::Wake::kTurn) {
    kill_process();
    return fail(Errno::kSrch);
  }
  return &thread;
}

void HostSpace::release_thread(StubThread& thread) {
  LockGuard guard(mutex_);
  thread.state = StubThread::State::kIdle;
  --attached_;
}

// ---- CPU time ----

/// The host tells a thread's exact time to its own process only, so a stopped thread asks for us.
std::optional<std::chrono::nanoseconds> HostSpace::ask_cpu_time(StubThread& thread) {
  if (is_gone()) return std::nullopt;
  const pid_t id = thread.link.thread();
  if (threads_.size() == 1) return process_cpu_time(process_);
  // Itself may still be awake.
  const bool can_ask_itself = thread.state == StubThread::State::kStopped;
  StubThread* asker = can_ask_itself ? &thread : find_thread(StubThread::State::kStopped);
  if (asker == nullptr) asker = find_thread(StubThread::State::kIdle);
  if (asker == nullptr) return thread_cpu_time(process_, id);
  constexpr auto kThread = CpuClockNumber::Of::kThread;
  const auto clock = static_cast<std::uint32_t>(CpuClockNumber{.id = id, .of = kThread}.encode());
  gonzo_mailbox& mailbox = asker->link.mailbox();
  gonzo_command& command = mailbox.commands[0];
  command = {.argument = clock, .operation = GONZO_OP_CLOCK};
  mailbox.command_count = 1;
  if (!run_commands(*asker)) return std::nullopt;
  // The guest can write there.
  constexpr std::uint64_t kMostSeconds = 1U << 31, kSecond = 1'000'000'000;
  return std::chrono::seconds(std::min(command.address, kMostSeconds)) +
         std::chrono::nanoseconds(std::min(command.length, kSecond));
}

MachineThreadTimes HostSpace::known_times(const StubThread& thread) const {
  const auto spun = parts_.clock.duration(thread.link.stub_spinning());
  return {.guest = std::max(thread.cpu_time - spun, std::chrono::nanoseconds(0)),
          .waited = parts_.clock.duration(thread.link.own_spinning())};
}

MachineThreadTimes HostSpace::times(StubThread& thread) {
  LockGuard guard(mutex_);
  thread.cpu_time = std::max(thread.cpu_time, ask_cpu_time(thread).value_or(thread.cpu_time));
  const MachineThreadTimes now = known_times(thread);
  return {.guest = std::max(now.guest - thread.before.guest, std::chrono::nanoseconds(0)),
          .waited = std::max(now.waited - thread.before.waited, std::chrono::nanoseconds(0))};
}

}  // namespace gonzo

#include "machine/host/zygote.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <system_error>

#include "base/background_thread.h"
#include "machine/host/stub/launch.h"
#include <gonzo/base/address.h>

namespace gonzo {
namespace {

constexpr std::uint32_t kZygoteSlot = 0;
/// No guest can spoil the zygote: it answers in the end.
constexpr auto kForEver = std::chrono::nanoseconds::max();
constexpr unsigned long kFsgsbaseInHwcap2 = 1UL << 1;  // asm/hwcap2.h: HWCAP2_FSGSBASE

std::size_t stub_bytes() { return static_cast<std::size_t>(gonzo_stub_end - gonzo_stub_start); }

Result<FileDescriptor> create_stub_file() {
  GONZO_ASSIGN(FileDescriptor file, create_memory_file("gonzo-stub", page_ceil(stub_bytes())));
  if (pwrite(file.get(), gonzo_stub_start, stub_bytes(), 0) != static_cast<ssize_t>(stub_bytes())) {
    return fail(Errno::kNoMem);
  }
  return file;
}

/// Where glibc registered the calling thread's rseq area, if it did.
void* rseq_area() {
  if (__rseq_size == 0) return nullptr;
  return static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
}

/// glibc registers the area's original size, whatever of it the kernel uses (struct rseq, 32
/// bytes).
constexpr std::uint32_t kRseqBytes = 32;

void reap(pid_t process) {
  while (waitpid(process, nullptr, __WALL) < 0 && errno == EINTR) {
  }
}

}  // namespace

Zygote::Zygote(ContextSlots& slots, int arena_fd, FileDescriptor text)
    : slots_(slots),
      arena_fd_(arena_fd),
      text_(std::move(text)),
      has_fsgsbase_((getauxval(AT_HWCAP2) & kFsgsbaseInHwcap2) != 0) {}

Result<std::unique_ptr<Zygote>> Zygote::create(ContextSlots& slots, int arena_fd,
                                               SpinPolicy policy) {
  GONZO_ASSIGN(FileDescriptor text, create_stub_file());
  std::unique_ptr<Zygote> zygote(new Zygote(slots, arena_fd, std::move(text)));
  GONZO_TRY(zygote->start(policy));
  return zygote;
}

void Zygote::prepare(gonzo_mailbox& mailbox) const {
  fill_in(mailbox);
  StubLink::prepare(mailbox);
}

void Zygote::prepare_again(gonzo_mailbox& mailbox, std::uint32_t slot) const {
  fill_in(mailbox);
  StubLink::mend(mailbox, ContextSlots::guest_address(slot));
}

void Zygote::fill_in(gonzo_mailbox& mailbox) const {
  mailbox.arena_fd = arena_fd_;
  mailbox.slots_fd = slots_.fd();
  mailbox.parent_process = static_cast<std::uint32_t>(getpid());
  mailbox.has_fsgsbase = has_fsgsbase_ ? 1 : 0;
}

Result<void> Zygote::start(SpinPolicy policy) {
  prepare(slots_.mailbox(kZygoteSlot));
  if (getrandom(&slots_.mailbox(kZygoteSlot).spawn_key, sizeof(std::uint32_t), 0) !=
      sizeof(std::uint32_t)) {
    return fail_from_host();
  }
  // The zygote inherits the thread's signal mask and sets its own.
  try {
    thread_ = start_background_thread([this] { keep(); });
  } catch (const std::system_error&) {
    return fail(Errno::kAgain);
  }

  LockGuard guard(mutex_);
  while (keeper_ == Keeper::kLaunching) changed_.wait(mutex_);
  if (process_ < 0) return fail(static_cast<Errno>(-process_));
  link_.emplace(slots_.mailbox(kZygoteSlot), static_cast<pid_t>(process_), policy,
                CallerBinding::kForTheTurn, kForEver);
  if (link_->wait_for_start() == StubLink::Wake::kDead) return fail(Errno::kSrch);
  return {};
}

void Zygote::keep() {
  gonzo_launch plan{};
  plan.text_fd = text_.get();
  plan.slots_fd = slots_.fd();
  plan.text_bytes = page_ceil(stub_bytes());
  plan.rseq = rseq_area();
  plan.rseq_bytes = kRseqBytes;
  LockGuard guard(mutex_);
  process_ = gonzo_launch_zygote(&plan);
  keeper_ = Keeper::kLaunched;
  changed_.notify_all();
  while (keeper_ != Keeper::kStopping) {
    changed_.wait(mutex_);
    for (const Signal& signal : signals_) send(signal);
    signals_.clear();
  }
}

int Zygote::send(const Signal& signal) {
  return signal.thread == 0
             ? kill(signal.process, signal.number)
             : static_cast<int>(syscall(SYS_tgkill, signal.process, signal.thread, signal.number));
}

void Zygote::send_signal(pid_t process, pid_t thread, int signal) {
  const int saved = errno;
  const Signal wanted{.process = process, .thread = thread, .number = signal};
  if (send(wanted) != 0 && errno == EPERM) {
    const LockGuard guard(mutex_);
    signals_.push_back(wanted);
    changed_.notify_all();
  }
  errno = saved;
}

void Zygote::end(pid_t process) {
  send_signal(process, 0, SIGKILL);
  reap(process);
}

Zygote::~Zygote() {
  if (!thread_.joinable()) return;
  pid_t process = 0;
  {
    LockGuard guard(mutex_);
    process = static_cast<pid_t>(process_);
    keeper_ = Keeper::kStopping;
    changed_.notify_all();
  }
  if (process > 0) {
    kill(process, SIGKILL);
    reap(process);
  }
  thread_.join();
}

Result<pid_t> Zygote::spawn(std::uint32_t slot) {
  LockGuard guard(mutex_);
  gonzo_mailbox& mailbox = link_->mailbox();
  mailbox.commands[0] = {.argument = slot, .operation = GONZO_OP_SPAWN};
  mailbox.command_count = 1;
  link_->give_turn(GONZO_ACTION_STAY);
  if (link_->wait() == StubLink::Wake::kDead) return fail(Errno::kSrch);
  const std::int32_t result = mailbox.commands[0].result;
  if (result == 0) return fail(Errno::kSrch);  // never tried
  if (result < 0) return fail(static_cast<Errno>(-result));
  return result;
}

}  // namespace gonzo

#include "machine/host/host_thread.h"

#include <linux/audit.h>
#include <signal.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kUndefinedVector = 6;
constexpr std::uint64_t kPageFaultVector = 14;
constexpr std::uint64_t kLastVector = 31;
constexpr int kSeccompCode = 1;                    // SYS_SECCOMP
constexpr std::uint32_t kProtectionKey = 1U << 5;  // #PF error code: PK

Access access_of(std::uint64_t hardware_code) {
  if (hardware_code & fault_code::kFetch) return Access::kExecute;
  return hardware_code & fault_code::kWrite ? Access::kWrite : Access::kRead;
}

}  // namespace

Result<std::unique_ptr<HostThread>> HostThread::create(HostSpace& space,
                                                       const CpuRegisters& registers) {
  GONZO_ASSIGN(StubThread * stub, space.acquire_thread());
  std::unique_ptr<HostThread> thread(new HostThread(space, *stub, registers));
  if (!thread->locate_frame()) return fail(Errno::kSrch);
  thread->frame_->clear_extended_state();
  return thread;
}

HostThread::~HostThread() { space_.release_thread(stub_); }

bool HostThread::locate_frame() {
  const ContextSlots& slots = *space_.parts().slots;
  frame_ = HostSignalFrame::at(slots.bytes(stub_.slot), ContextSlots::guest_address(stub_.slot),
                               stub_.link.mailbox().frame);
  return frame_.has_value();
}

std::span<std::byte> HostThread::extended_state() {
  return frame_ ? frame_->extended_state() : std::span<std::byte>();
}

void HostThread::interrupt() {
  interrupted_.store(true);
  if (in_guest_.load()) space_.kick(stub_);
}

Trap HostThread::gone(const char* reason) {
  if (gone_reason_ == nullptr) gone_reason_ = reason;
  space_.kill_process();
  fault_.reset();
  return {.kind = TrapKind::kGone, .reason = gone_reason_};
}

/// The first thing that a guest does is fetch its first instruction: what it takes to allow that
/// need not wait until it traps.
void HostThread::foresee_fault() {
  has_run_ = true;
  const VirtAddr first(registers_.rip);
  if (!HostShadow::is_guest_address(first)) return;
  fault_ = ShadowFault{first, Access::kExecute, ShadowFault::Status::kFresh};
}

Trap HostThread::run() {
  for (;;) {
    if (interrupted_.exchange(false)) return {.kind = TrapKind::kInterrupted};
    if (!has_run_) foresee_fault();
    if (stub_.tls != registers_.tls && !space_.set_descriptors(stub_, registers_.tls)) {
      return gone("the host refused a descriptor");
    }
    switch (space_.enter(stub_, fault_)) {
      case HostSpace::Entry::kReady:
        break;
      case HostSpace::Entry::kDenied:
        fault_->status = ShadowFault::Status::kReported;
        return {.kind = TrapKind::kPageFault,
                .error_code = space_.error_code(*fault_),
                .address = fault_->address};
      case HostSpace::Entry::kGone:
        return gone("the host process is gone");
    }
    const StubLink::Wake wake = run_guest();
    if (wake == StubLink::Wake::kDead) return gone("the host process died");
    if (wake == StubLink::Wake::kStuck) return gone("the guest blocked the interrupting signal");
    if (const std::optional<Trap> trap = decode()) return *trap;
  }
}

void HostThread::load_segments() {
  const gonzo_mailbox& mailbox = stub_.link.mailbox();
  registers_.ds = mailbox.ds;
  registers_.es = mailbox.es;
  registers_.fs = mailbox.fs;
  registers_.gs = mailbox.gs;
  registers_.fs_base = mailbox.fs_base;
  registers_.gs_base = mailbox.gs_base;
}

void HostThread::store_segments() {
  gonzo_mailbox& mailbox = stub_.link.mailbox();
  mailbox.ds = registers_.ds;
  mailbox.es = registers_.es;
  mailbox.fs = registers_.fs;
  mailbox.gs = registers_.gs;
  mailbox.fs_base = registers_.fs_base;
  mailbox.gs_base = registers_.gs_base;
}

StubLink::Wake HostThread::run_guest() {
  gonzo_mailbox& mailbox = stub_.link.mailbox();
  frame_->store(registers_);
  frame_->seal();
  store_segments();
  mailbox.signal_number = 0;  // stays so unless the guest traps
  mailbox.commands_done = 0;
  in_guest_.store(true);
  if (interrupted_.load()) space_.kick(stub_);  // called since run() looked
  stub_.link.give_turn(GONZO_ACTION_RESUME);
  const StubLink::Wake wake = stub_.link.wait_for_trap(interrupted_);
  if (wake == StubLink::Wake::kTurn) take_trap();
  in_guest_.store(false);
  space_.leave(stub_);
  return wake;
}

/// While nobody else may use the stub thread.
void HostThread::take_trap() {
  const gonzo_mailbox& mailbox = stub_.link.mailbox();
  if (mailbox.signal_number == 0 || !locate_frame()) return;
  frame_->load(registers_);
  load_segments();
  stub_.link.expect_work(mailbox.signal_number == SIGSYS ? WorkForecast::kind_of(registers_)
                                                         : WorkForecast::kFault);
}

std::optional<Trap> HostThread::decode() {
  const gonzo_mailbox& mailbox = stub_.link.mailbox();
  const int signal = mailbox.signal_number;
  const int code = mailbox.signal_code;
  if (signal == 0) {
    if (space_.recover() == HostSpace::Entry::kGone) return gone("the host refuses mappings");
    return std::nullopt;  // fault_ is filled anew
  }
  if (!frame_) return gone("the guest wrote over its context slot");
  fault_.reset();
  switch (signal) {
    case SIGSYS:
      return code == kSeccompCode ? std::optional(decode_syscall()) : std::nullopt;
    case GONZO_KICK_SIGNAL:
      if (interrupted_.exchange(false)) return Trap{.kind = TrapKind::kInterrupted};
      return std::nullopt;
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
      if (code <= 0) return std::nullopt;  // kill(2) by somebody: not a fault of the guest's
      return decode_exception(signal, code);
    default:
      return gone("the guest wrote over its context slot");
  }
}

Trap HostThread::decode_syscall() {
  const gonzo_mailbox& mailbox = stub_.link.mailbox();
  const std::uint64_t fields = mailbox.signal_fields[1];
  const auto number = static_cast<std::int32_t>(fields);
  const auto arch = static_cast<std::uint32_t>(fields >> 32);
  // A number that looks like -ERESTARTSYS makes the kernel touch rax and rip: take both from the
  // signal's information.
  if (static_cast<std::int32_t>(registers_.rax) != number) {
    registers_.rax = static_cast<std::uint64_t>(std::int64_t{number});
  }
  registers_.rip = mailbox.signal_fields[0];
  return {.kind = TrapKind::kSyscall,
          .abi = arch == AUDIT_ARCH_I386 ? SyscallAbi::kI386 : SyscallAbi::kX8664};
}

std::optional<Trap> HostThread::decode_exception(int signal, int code) {
  // The number and code are those of the thread's last exception: a signal that the kernel raised
  // by itself leaves old ones there.
  std::uint64_t vector = frame_->trap_number();
  std::uint64_t error_code = frame_->error_code();
  if (vector > kLastVector) return gone("the guest wrote over its context slot");
  if (signal == SIGILL) {
    // Also what the kernel says to uretprobe(2) and uprobe(2), which pass every seccomp filter.
    vector = kUndefinedVector;
    error_code = 0;
  }
  if (vector != kPageFaultVector) {
    return Trap{.kind = TrapKind::kException,
                .vector = static_cast<std::uint8_t>(vector),
                .error_code = static_cast<std::uint32_t>(error_code)};
  }
  if (signal == SIGBUS) return gone("the host could not back a frame of the arena");
  if (signal != SIGSEGV || code == SI_KERNEL) return gone("the host refused the guest's registers");
  return decode_page_fault(error_code);
}

std::optional<Trap> HostThread::decode_page_fault(std::uint64_t hardware_code) {
  const VirtAddr address(frame_->fault_address());
  fault_ = ShadowFault{address, access_of(hardware_code), ShadowFault::Status::kFresh};
  if (hardware_code & kProtectionKey) {
    // The guest's own doing (WRPKRU): no entry of ours can mend it.
    const std::uint32_t error_code = space_.error_code(*fault_) | kProtectionKey;
    fault_.reset();
    return Trap{.kind = TrapKind::kPageFault, .error_code = error_code, .address = address};
  }
  return std::nullopt;  // run() looks at our entry
}

}  // namespace gonzo

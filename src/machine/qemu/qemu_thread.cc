#include "machine/qemu/qemu_thread.h"

#include <x86intrin.h>

#include <cstring>

#include <gonzo/paging/software_mmu.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kPageFaultVector = 14, kProtectionVector = 13, kUndefinedVector = 6;
constexpr std::uint64_t kExceptions = 32;
constexpr std::uint64_t kSyscallBytes = 2;
constexpr std::uint16_t kInitialControlWord = 0x037f;
constexpr std::uint32_t kInitialMxcsr = 0x1f80;
constexpr std::size_t kMxcsrOffset = 24;
/// What QEMU's processors have.
constexpr unsigned kPhysicalBits = 40;

Access access_of(std::uint64_t error_code) {
  if ((error_code & fault_code::kFetch) != 0) return Access::kExecute;
  return (error_code & fault_code::kWrite) != 0 ? Access::kWrite : Access::kRead;
}

/// INT n through a gate that is not the user's: the error code is the gate's index with IDT set
/// (SDM vol. 3A, figure 6-7). In 64-bit mode QEMU's translator gives twice the index.
std::uint32_t gate_error(std::uint64_t error_code) {
  constexpr std::uint64_t kFromTable = 2, kOrigin = 7;
  constexpr unsigned kIndexShift = 3;
  if ((error_code & kOrigin) != kFromTable) return static_cast<std::uint32_t>(error_code);
  const std::uint64_t index = error_code >> (kIndexShift + 1);
  return static_cast<std::uint32_t>(index << kIndexShift | kFromTable);
}

void add(std::atomic<std::uint64_t>& sum, std::uint64_t more) {
  sum.store(sum.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace

/// No component is in the area (XSTATE_BV = 0): XRSTOR initialises them all.
QemuThread::QemuThread(QemuSpace& space, const CpuRegisters& registers)
    : space_(space), registers_(registers) {
  std::memcpy(state_.data(), &kInitialControlWord, sizeof kInitialControlWord);
  std::memcpy(state_.data() + kMxcsrOffset, &kInitialMxcsr, sizeof kInitialMxcsr);
}

Trap QemuThread::run() {
  for (;;) {
    if (interrupted_.exchange(false)) return {.kind = TrapKind::kInterrupted};
    if (!can_resume(registers_)) {
      return {.kind = TrapKind::kException, .vector = kProtectionVector};
    }
    const std::optional<RawTrap> raw = space_.processor().run(*this);
    if (!raw) {
      return {.kind = TrapKind::kGone, .reason = "the processor is gone: QEMU has ended"};
    }
    if (const std::optional<Trap> trap = decode(*raw)) return *trap;
  }
}

void QemuThread::interrupt() {
  interrupted_.store(true);
  if (in_guest_.load()) space_.processor().kick();
}

bool QemuThread::begin_run() {
  entered_at_.store(__rdtsc(), std::memory_order_relaxed);
  in_guest_.store(true);
  return !interrupted_.load();
}

void QemuThread::end_run(std::uint64_t ticks, std::uint64_t spinning) {
  in_guest_.store(false);
  add(guest_ticks_, ticks);
  add(spun_ticks_, spinning);
  entered_at_.store(0, std::memory_order_relaxed);
}

MachineThreadTimes QemuThread::times() {
  const std::uint64_t entered = entered_at_.load(std::memory_order_relaxed);
  const std::uint64_t now = entered != 0 ? __rdtsc() - entered : 0;
  const TscClock& clock = space_.processor().clock();
  return {.guest = clock.duration(guest_ticks_.load(std::memory_order_relaxed) + now),
          .waited = clock.duration(spun_ticks_.load(std::memory_order_relaxed))};
}

std::optional<Trap> QemuThread::decode(const RawTrap& raw) {
  switch (raw.vector) {
    case GONZO_QEMU_SYSCALL:
      return Trap{.kind = TrapKind::kSyscall, .abi = SyscallAbi::kX8664};
    case GONZO_QEMU_INT80:
      return Trap{.kind = TrapKind::kSyscall, .abi = SyscallAbi::kI386};
    case GONZO_QEMU_KICK:
      if (interrupted_.exchange(false)) return Trap{.kind = TrapKind::kInterrupted};
      return std::nullopt;  // others want the processor, or have something to be forgotten
    case GONZO_QEMU_SYSCALL32:
      // From 32-bit code on 4-level tables; as on a processor of Intel's.
      registers_.rip -= kSyscallBytes;
      return Trap{.kind = TrapKind::kException, .vector = kUndefinedVector};
    case kPageFaultVector:
      return decode_page_fault(raw);
    default:
      break;
  }
  if (raw.vector == kProtectionVector && space_.processor().is_translated() &&
      !is_32bit(space_.table().format())) {
    return Trap{.kind = TrapKind::kException,
                .vector = kProtectionVector,
                .error_code = gate_error(raw.error_code)};
  }
  if (raw.vector >= kExceptions) return Trap{.kind = TrapKind::kGone, .reason = "the stub is lost"};
  return Trap{.kind = TrapKind::kException,
              .vector = static_cast<std::uint8_t>(raw.vector),
              .error_code = static_cast<std::uint32_t>(raw.error_code)};
}

std::optional<Trap> QemuThread::decode_page_fault(const RawTrap& raw) {
  const VirtAddr address(raw.fault_address);
  const bool again = stale_address_ == address.value && stale_rip_ == registers_.rip;
  if (!again && is_stale(address, raw.error_code)) {
    stale_address_ = address.value;
    stale_rip_ = registers_.rip;
    space_.processor().count_stale_fault(space_);
    return std::nullopt;
  }
  stale_rip_ = 0;
  return Trap{.kind = TrapKind::kPageFault,
              .error_code = static_cast<std::uint32_t>(raw.error_code),
              .address = address};
}

/// Another thread has mended it since, or the processor had an older entry. A page fault makes it
/// forget what it had for the address (SDM vol. 3A, 4.10.4.1).
bool QemuThread::is_stale(VirtAddr address, std::uint64_t error_code) const {
  const PageTable& table = space_.table();
  if (address >= table.user_end()) return false;
  return walk(space_.processor().frames(), table.format(), table.root(), address,
              access_of(error_code), Privilege::kUser,
              {.no_execute = table.has_no_execute(), .physical_bits = kPhysicalBits})
      .has_value();
}

}  // namespace gonzo

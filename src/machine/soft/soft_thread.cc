#include "machine/soft/soft_thread.h"

#include <algorithm>
#include <cstring>

#include <gonzo/base/check.h>

namespace gonzo {
namespace {

bool allows(std::uint64_t flags, Access kind) {
  if (!(flags & pte::kUser)) return false;
  switch (kind) {
    case Access::kWrite:
      return (flags & pte::kWrite) && (flags & pte::kDirty);  // not dirty: walk, to set D
    case Access::kExecute:
      return !(flags & pte::kNoExecute);
    case Access::kRead:
      return true;
  }
  return false;
}

constexpr std::uint8_t kGeneralProtection = 13;

Trap trap_of(const MmuFault& fault, VirtAddr address) {
  if (fault.vector == MmuFault::Vector::kGeneralProtection) {
    return {.kind = TrapKind::kException, .vector = kGeneralProtection};
  }
  return {.kind = TrapKind::kPageFault, .error_code = fault.error_code, .address = address};
}

}  // namespace

SoftThread::SoftThread(SoftSpace& space, const SoftMachineOptions& options,
                       const CpuRegisters& registers)
    : space_(space),
      registers_(registers),
      program_(options.load(registers)),
      tlb_(options.tlb_sets, options.tlb_ways) {
  space_.add(*this);
}

SoftThread::~SoftThread() { space_.remove(*this); }

void SoftThread::invalidate(AddressRange range) {
  LockGuard guard(mutex_);
  tlb_.invalidate(range);
}

TlbCounters SoftThread::tlb_counters() const {
  LockGuard guard(mutex_);
  return tlb_.counters();
}

Trap SoftThread::run() {
  const Trap trap = run_steps();
  space_.count_trap();
  return trap;
}

Trap SoftThread::run_steps() {
  for (;;) {
    if (interrupted_.exchange(false)) return {.kind = TrapKind::kInterrupted};
    if (!step_) step_ = program_->next(registers_);
    if (const std::optional<Trap> trap = perform()) return *trap;
    step_.reset();
  }
}

/// A trap leaves the step in progress when it is to be tried again.
std::optional<Trap> SoftThread::perform() {
  switch (step_->kind) {
    case SoftStep::Kind::kRead:
      return access(Access::kRead);
    case SoftStep::Kind::kWrite:
      return access(Access::kWrite);
    case SoftStep::Kind::kExecute:
      return access(Access::kExecute);
    case SoftStep::Kind::kSyscall:
      step_.reset();
      return Trap{.kind = TrapKind::kSyscall};
    case SoftStep::Kind::kException: {
      const std::uint8_t vector = step_->vector;
      step_.reset();
      return Trap{.kind = TrapKind::kException, .vector = vector};
    }
    case SoftStep::Kind::kIdle:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Trap> SoftThread::access(Access kind) {
  GONZO_CHECK(step_->size >= 1 && step_->size <= kPageSize);
  const VirtAddr address = step_->address;
  const std::uint64_t in_first =
      std::min<std::uint64_t>(step_->size, kPageSize - address.page_offset());
  const std::uint64_t in_second = step_->size - in_first;
  std::uint64_t value = 0;
  {
    LockGuard guard(mutex_);
    // Both pages before anything is moved: an access that faults in its second page has no effect
    // in its first.
    const auto first = translate(address, kind);
    if (!first) return first.error();
    std::byte* second = nullptr;
    if (in_second > 0) {
      const auto place = translate(address + in_first, kind);
      if (!place) return place.error();
      second = *place;
    }
    if (kind == Access::kRead) {
      value = copy_in(*first, in_first, second);
    } else if (kind == Access::kWrite) {
      copy_out(*first, in_first, second, in_second);
    }
  }
  if (kind == Access::kRead) program_->loaded(registers_, value);
  return std::nullopt;
}

/// The first eight bytes of a read.
std::uint64_t SoftThread::copy_in(const std::byte* first, std::uint64_t in_first,
                                  const std::byte* second) const {
  std::uint64_t value = 0;
  const std::uint64_t wanted = std::min<std::uint64_t>(step_->size, sizeof value);
  const std::uint64_t here = std::min(wanted, in_first);
  std::memcpy(&value, first, here);
  if (here < wanted)
    std::memcpy(reinterpret_cast<std::byte*>(&value) + here, second, wanted - here);
  return value;
}

/// The data, then zeros.
void SoftThread::copy_out(std::byte* first, std::uint64_t in_first, std::byte* second,
                          std::uint64_t in_second) const {
  const std::uint64_t value = step_->data;
  const std::uint64_t wanted = std::min<std::uint64_t>(step_->size, sizeof value);
  const std::uint64_t here = std::min(wanted, in_first);
  std::memcpy(first, &value, here);
  std::memset(first + here, 0, in_first - here);
  if (second == nullptr) return;
  std::memcpy(second, reinterpret_cast<const std::byte*>(&value) + here, wanted - here);
  std::memset(second + (wanted - here), 0, in_second - (wanted - here));
}

std::expected<std::byte*, Trap> SoftThread::translate(VirtAddr address, Access kind) {
  FrameAllocator& frames = space_.frames();
  if (const SoftTlb::Entry* hit = tlb_.find(address); hit && allows(hit->flags, kind)) {
    return frames.address(PhysAddr(hit->frame + address.page_offset()));
  }
  // As on a processor: an entry that denies is not believed before the table is walked again, so
  // that laxer entries need no invalidation.
  const PageTable& table = space_.table();
  if (is_32bit(table.format()) && address.value > 0xffff'ffffULL) {
    return std::unexpected(Trap{.kind = TrapKind::kException, .vector = kGeneralProtection});
  }
  const auto walked = walk(frames, table.format(), table.root(), address, kind, Privilege::kUser,
                           {.no_execute = table.has_no_execute()});
  if (!walked) return std::unexpected(trap_of(walked.error(), address));
  if (!frames.contains(Pfn::of(walked->physical))) {
    return std::unexpected(
        Trap{.kind = TrapKind::kGone, .reason = "an entry maps a frame outside the arena"});
  }
  tlb_.insert(address, *walked);
  return frames.address(walked->physical);
}

}  // namespace gonzo

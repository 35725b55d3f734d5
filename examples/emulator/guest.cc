#include "guest.h"

#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <vector>

#include <gonzo/machine/user_descriptor.h>

using namespace gonzo;

namespace {

std::int64_t error_of(Errno error) { return -static_cast<std::int64_t>(error); }
std::int64_t answer(const Result<void>& result) { return result ? 0 : error_of(result.error()); }
std::int64_t answer(const Result<VirtAddr>& result) {
  return result ? static_cast<std::int64_t>(result->value) : error_of(result.error());
}

}  // namespace

struct Guest::Call {
  int number64, number32;  ///< -1: there is none
  std::int64_t (Guest::*function)(const Arguments&);
};

std::unique_ptr<Guest> Guest::create(Machine& machine, Isa isa) {
  std::unique_ptr<Guest> guest(new Guest(machine, isa, machine.last_pid));
  auto processor = Processor::create(isa);
  if (processor == nullptr) return nullptr;
  const PagingFormat format =
      isa == Isa::kX8664 ? PagingFormat::kFourLevel : PagingFormat::kClassic32;
  auto space = AddressSpace::create(machine.memory.manager(), *processor, {.format = format});
  if (!space) return nullptr;
  return guest->set_up(std::move(*space), std::move(processor)) ? std::move(guest) : nullptr;
}

bool Guest::set_up(std::unique_ptr<AddressSpace> space, std::unique_ptr<Processor> processor) {
  processor_ = std::move(processor);
  space_ = std::move(space);
  processor_->attach(space_.get());
  return true;
}

Guest::~Guest() {
  if (processor_ == nullptr) return;
  const ProcessorCounts& counts = processor_->counts();
  machine_.counts.fills += counts.fills;
  machine_.counts.faults += counts.faults;
  machine_.counts.drops += counts.drops;
  processor_->attach(nullptr);
}

int Guest::run(std::uint64_t entry, std::uint64_t stack) {
  processor_->set(is_64bit() ? UC_X86_REG_RIP : UC_X86_REG_EIP, entry);
  processor_->set(is_64bit() ? UC_X86_REG_RSP : UC_X86_REG_ESP, stack);
  return run_to_end();
}

int Guest::run_to_end() {
  while (!wait_status_) {
    switch (processor_->run()) {
      case Processor::Stop::kSyscall:
        system_call();
        break;
      case Processor::Stop::kPageFault:
        return end_by_fault();
      case Processor::Stop::kException:
        return SIGILL;
    }
  }
  return *wait_status_;
}

int Guest::end_by_fault() const {
  switch (processor_->fault().outcome) {
    case FaultOutcome::kBeyondObject:
      return SIGBUS;
    case FaultOutcome::kOutOfMemory:
      return SIGKILL;
    default:
      return SIGSEGV;
  }
}

Guest::Arguments Guest::arguments() const {
  constexpr std::array kIn64{UC_X86_REG_RDI, UC_X86_REG_RSI, UC_X86_REG_RDX,
                             UC_X86_REG_R10, UC_X86_REG_R8,  UC_X86_REG_R9};
  constexpr std::array kIn32{UC_X86_REG_EBX, UC_X86_REG_ECX, UC_X86_REG_EDX,
                             UC_X86_REG_ESI, UC_X86_REG_EDI, UC_X86_REG_EBP};
  Arguments values{};
  std::ranges::transform(is_64bit() ? kIn64 : kIn32, values.begin(),
                         [&](int each) { return processor_->get(each); });
  return values;
}

void Guest::system_call() {
  static constexpr std::array kCalls{
      Call{12, 45, &Guest::brk},
      Call{9, 192, &Guest::mmap},
      Call{11, 91, &Guest::munmap},
      Call{10, 125, &Guest::mprotect},
      Call{25, 163, &Guest::mremap},
      Call{28, 219, &Guest::madvise},
      Call{1, 4, &Guest::write},
      Call{20, 146, &Guest::writev},
      Call{57, 2, &Guest::fork},
      Call{56, 120, &Guest::fork},
      Call{61, 114, &Guest::wait},
      Call{60, 1, &Guest::exit},
      Call{231, 252, &Guest::exit},
      Call{39, 20, &Guest::getpid},
      Call{186, 224, &Guest::getpid},
      Call{218, 258, &Guest::getpid},
      Call{228, 265, &Guest::clock_gettime},
      Call{-1, 243, &Guest::set_thread_area},
      Call{158, 384, &Guest::arch_prctl},
      Call{273, 311, &Guest::nothing},
      Call{14, 175, &Guest::nothing},
  };
  const int result_register = is_64bit() ? UC_X86_REG_RAX : UC_X86_REG_EAX;
  const int number = static_cast<int>(processor_->get(result_register));
  const auto found = std::ranges::find(
      kCalls, number, [&](const Call& call) { return is_64bit() ? call.number64 : call.number32; });
  const std::int64_t result =
      found != kCalls.end() ? (this->*found->function)(arguments()) : error_of(Errno::kNoSys);
  processor_->set(result_register, static_cast<std::uint64_t>(result));
}

// --- memory: the library's ---

std::int64_t Guest::brk(const Arguments& a) {
  return static_cast<std::int64_t>(space_->brk(VirtAddr(a[0])).value);
}

std::int64_t Guest::mmap(const Arguments& a) {
  const int flags = static_cast<int>(a[3]);
  if ((flags & MAP_ANONYMOUS) == 0) return error_of(Errno::kBadF);
  return answer(space_->map({.hint = VirtAddr(a[0]),
                             .length = a[1],
                             .protection = static_cast<int>(a[2]),
                             .flags = flags}));
}

std::int64_t Guest::munmap(const Arguments& a) {
  return answer(space_->unmap(VirtAddr(a[0]), a[1]));
}

std::int64_t Guest::mprotect(const Arguments& a) {
  return answer(space_->protect(VirtAddr(a[0]), a[1], static_cast<int>(a[2])));
}

std::int64_t Guest::mremap(const Arguments& a) {
  return answer(space_->remap(VirtAddr(a[0]), a[1], a[2], static_cast<int>(a[3]), VirtAddr(a[4])));
}

std::int64_t Guest::madvise(const Arguments& a) {
  return answer(space_->advise(VirtAddr(a[0]), a[1], static_cast<int>(a[2])));
}

// --- processes: one after the other ---

/// The child runs to its end before the parent goes on.
std::int64_t Guest::fork(const Arguments&) {
  std::unique_ptr<Guest> child(new Guest(machine_, isa_, ++machine_.last_pid));
  auto processor = Processor::create(isa_);
  if (processor == nullptr) return error_of(Errno::kAgain);
  auto space = space_->fork(*processor, child->pid_);
  if (!space) return error_of(space.error());
  child->set_up(std::move(*space), std::move(processor));
  child->processor_->copy_registers(*processor_);
  child->processor_->set(is_64bit() ? UC_X86_REG_RAX : UC_X86_REG_EAX, 0);
  ended_[child->pid_] = child->run_to_end();
  return child->pid_;
}

std::int64_t Guest::wait(const Arguments& a) {
  const int wanted = static_cast<int>(a[0]);
  const auto found = wanted > 0 ? ended_.find(wanted) : ended_.begin();
  if (found == ended_.end()) return error_of(Errno::kChild);
  if (a[1] != 0) {
    if (const auto done = space_->store(VirtAddr(a[1]), found->second); !done) return answer(done);
  }
  const int pid = found->first;
  ended_.erase(found);
  return pid;
}

std::int64_t Guest::exit(const Arguments& a) {
  wait_status_ = W_EXITCODE(static_cast<int>(a[0]) & 0xff, 0);
  return 0;
}

std::int64_t Guest::getpid(const Arguments&) { return pid_; }

// --- the rest that a C library asks for ---

std::int64_t Guest::write_out(int descriptor, VirtAddr from, std::uint64_t bytes) {
  if (descriptor != STDOUT_FILENO && descriptor != STDERR_FILENO) return error_of(Errno::kBadF);
  std::vector<std::byte> copy(std::min<std::uint64_t>(bytes, 1 << 20));
  if (const auto done = space_->copy_in(copy, from); !done) return answer(done);
  const ssize_t written = ::write(descriptor, copy.data(), copy.size());
  return written >= 0 ? written : -errno;
}

std::int64_t Guest::write(const Arguments& a) {
  return write_out(static_cast<int>(a[0]), VirtAddr(a[1]), a[2]);
}

std::int64_t Guest::writev(const Arguments& a) {
  const std::uint64_t word = is_64bit() ? 8 : 4;
  std::int64_t total = 0;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(a[2], 1024); ++i) {
    std::array<std::uint64_t, 2> piece{};
    for (unsigned k = 0; k < 2; ++k) {
      const auto to = std::as_writable_bytes(std::span(&piece[k], 1)).first(word);
      const auto done = space_->copy_in(to, VirtAddr(a[1] + (2 * i + k) * word));
      if (!done) return answer(done);
    }
    const std::int64_t written = write_out(static_cast<int>(a[0]), VirtAddr(piece[0]), piece[1]);
    if (written < 0) return total != 0 ? total : written;
    total += written;
  }
  return total;
}

std::int64_t Guest::clock_gettime(const Arguments& a) {
  timespec now{};
  if (::clock_gettime(static_cast<clockid_t>(a[0]), &now) != 0) return -errno;
  if (is_64bit()) return answer(space_->store(VirtAddr(a[1]), now));
  const std::array<std::int32_t, 2> narrow{static_cast<std::int32_t>(now.tv_sec),
                                           static_cast<std::int32_t>(now.tv_nsec)};
  return answer(space_->store(VirtAddr(a[1]), narrow));
}

std::int64_t Guest::set_thread_area(const Arguments& a) {
  auto segment = space_->load<UserDescriptor>(VirtAddr(a[0]));
  if (!segment) return error_of(segment.error());
  if (segment->entry_number == ~0U) segment->entry_number = 6;  // the first that is a program's
  processor_->set_segment(segment->entry_number, segment->to_descriptor());
  return answer(space_->store(VirtAddr(a[0]), *segment));
}

std::int64_t Guest::arch_prctl(const Arguments& a) {
  if (!is_64bit() || a[0] != ARCH_SET_FS) return error_of(Errno::kInval);
  processor_->set(UC_X86_REG_FS_BASE, a[1]);
  return 0;
}

/// There is one thread, and there are no signals.
std::int64_t Guest::nothing(const Arguments&) { return 0; }

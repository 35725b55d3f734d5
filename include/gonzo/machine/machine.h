// What executes user code and reports traps. Knows page tables and frames, nothing of address
// spaces.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <gonzo/base/address.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/kernel_half.h>
#include <gonzo/paging/page_table.h>
#include <gonzo/paging/software_mmu.h>  // the error codes that a page fault carries
#include <gonzo/paging/translation_cache.h>

namespace gonzo {

/// Selectors that a program may have in its segment registers without asking for more. Linux:
/// arch/x86/include/asm/segment.h, those of the 64-bit kernel.
namespace segment {
inline constexpr std::uint16_t kUserCode32 = 0x23, kUserData = 0x2b, kUserCode64 = 0x33;
inline constexpr unsigned kFirstTls = 12;  ///< of the GDT (GDT_ENTRY_TLS_MIN)
inline constexpr unsigned kTlsEntries = 3;
}  // namespace segment

/// x86-64 user registers by Linux's names (struct user_regs_struct). For i386 the low halves.
struct CpuRegisters {
  std::uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0, rsi = 0, rdi = 0, rbp = 0, rsp = 0;
  std::uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
  std::uint64_t rip = 0, rflags = 0x202;
  std::uint64_t fs_base = 0, gs_base = 0;  ///< where the selector is 0: else its descriptor says
  /// What a segment register cannot hold becomes 0 when the thread runs.
  std::uint16_t cs = segment::kUserCode64, ss = segment::kUserData;
  std::uint16_t ds = 0, es = 0, fs = 0, gs = 0;
  /// The thread's own entries of the GDT, as the processor reads them; 0: none. (Linux:
  /// thread_struct::tls_array.)
  std::array<std::uint64_t, segment::kTlsEntries> tls{};

  bool is_64bit_code() const { return cs == segment::kUserCode64; }
};

enum class TrapKind : std::uint8_t {
  kSyscall,      ///< number in rax, rip after the instruction, abi
  kPageFault,    ///< address, error_code
  kException,    ///< vector (0 #DE, 1 #DB, 3 #BP, 4 #OF, 5 #BR, 6 #UD, 12 #SS, 13 #GP, 16 #MF,
                 ///< 17 #AC, 19 #XM)
  kInterrupted,  ///< MachineThread::interrupt was called
  kGone,         ///< the machine's side of this thread died (its host process was killed)
};

/// How a system call was made.
enum class SyscallAbi : std::uint8_t {
  kX8664,  ///< `syscall`
  kI386,   ///< `int 0x80`, from 64-bit code too: numbers and argument registers of i386
};

struct Trap {
  TrapKind kind = TrapKind::kInterrupted;
  std::uint8_t vector = 0;              ///< kException
  SyscallAbi abi = SyscallAbi::kX8664;  ///< kSyscall
  /// kPageFault: as the processor's #PF error code for our entry. kException: as the
  /// processor pushed it, 0 where the vector has none.
  std::uint32_t error_code = 0;
  VirtAddr address;  ///< kPageFault
  /// kGone: why, for a message; never freed.
  const char* reason = "";
};

/// Per space, cumulative.
struct MachineCounters {
  std::uint64_t traps = 0;          ///< times the guest stopped, spurious faults included
  std::uint64_t shadow_fills = 0;   ///< faults that only the machine's own translations had caused
  std::uint64_t shadow_pages = 0;   ///< pages put into the shadow
  std::uint64_t shadow_ranges = 0;  ///< mappings the shadow holds now
  std::uint64_t shadow_drops = 0;   ///< whole shadows thrown away for the host's mapping limit
  std::uint64_t invalidations = 0;
  // Of a machine whose processor walks our tables:
  std::uint64_t root_loads = 0;            ///< of CR3, which empties the TLB too
  std::uint64_t page_flushes = 0;          ///< INVLPGs
  std::uint64_t stale_faults = 0;          ///< that the entries did not deny any more
  std::uint64_t code_flushes = 0;          ///< frames whose translated code was thrown away
  std::chrono::nanoseconds guest_time{0};  ///< wall time between handing over and trap
};

/// CPU time for one guest thread; zeros from a machine that runs no code of its own.
struct MachineThreadTimes {
  std::chrono::nanoseconds guest{0};   ///< that the machine spent on the guest's code
  std::chrono::nanoseconds waited{0};  ///< that callers of run() spent on watching for its traps
};

/// One address space on the machine. The page table and the machine outlive it, it outlives its
/// threads.
class MachineSpace : public TranslationCache {
 public:
  virtual MachineCounters counters() const = 0;
};

/// One guest thread. Used by one host thread at a time, but for interrupt().
class MachineThread {
 public:
  virtual ~MachineThread() = default;
  /// Valid between runs; changes take effect at the next run.
  virtual CpuRegisters& registers() = 0;
  /// Runs user code until something needs us. Faults that the page tables already allow are filled
  /// inside and not reported; every reported fault is one that the tables deny.
  virtual Trap run() = 0;
  /// From any thread or a signal handler: the current or next run returns kInterrupted soon.
  /// Remembered once, however often it was called before that.
  virtual void interrupt() = 0;
  /// Extended state (x87, SSE, AVX) as XSAVE lays it out, empty when the machine has none. For
  /// signal frames, fork.
  virtual std::span<std::byte> extended_state() = 0;
  /// So far. From any thread.
  virtual MachineThreadTimes times() { return {}; }
};

/// Whose time-stamp counter a guest's RDTSC reads.
enum class GuestTicks : std::uint8_t { kHosts, kOwn };

class Machine {
 public:
  virtual ~Machine() = default;
  virtual std::string_view name() const = 0;
  virtual GuestTicks guest_ticks() const { return GuestTicks::kHosts; }
  /// Before the first page table carries `half`: maps there what the processor needs to come into
  /// the kernel. The half and its frames outlive the machine. ENOMEM.
  virtual Result<void> prepare(KernelHalf& half) {
    static_cast<void>(half);
    return {};
  }
  /// Why no guest can run any more, in one line; empty: they can.
  virtual std::string failure() const { return {}; }
  /// Addresses a guest may not map; empty range when none.
  virtual AddressRange reserved_range() const = 0;
  /// EAGAIN, ENOMEM: the host refused another process. EINVAL: the table's kernel half is not one
  /// that the machine has prepared, where it needs that.
  virtual Result<std::unique_ptr<MachineSpace>> create_space(PageTable& table) = 0;
  /// A thread of `space` that starts with `registers` and cleared extended state.
  virtual Result<std::unique_ptr<MachineThread>> create_thread(MachineSpace& space,
                                                               const CpuRegisters& registers) = 0;
};

}  // namespace gonzo

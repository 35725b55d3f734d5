// The machine without a processor: accesses come from a trace, a test or an embedding emulator, and
// go through the software MMU and a model of a TLB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <gonzo/base/address.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/machine/machine.h>

namespace gonzo {

/// One thing that a guest thread does.
struct SoftStep {
  enum class Kind : std::uint8_t {
    kRead,       ///< `size` bytes; SoftProgram::loaded gets the first eight
    kWrite,      ///< the low `size` bytes of `data`, the rest of a larger write being zeros
    kExecute,    ///< an instruction fetch
    kSyscall,    ///< traps with the registers as the program left them
    kException,  ///< traps with `vector`
    kIdle,       ///< nothing; a program that has ended keeps giving it until it is interrupted
  };
  Kind kind = Kind::kIdle;
  std::uint8_t vector = 0;
  std::uint32_t size = 8;  ///< bytes, 1 to 4096; an access may cross pages
  VirtAddr address;
  std::uint64_t data = 0;
};

/// What a soft thread executes. Called on the host thread that runs it, without locks held.
class SoftProgram {
 public:
  virtual ~SoftProgram() = default;
  /// The next step. A step that faults is tried again at the next run, without another call.
  virtual SoftStep next(CpuRegisters& registers) = 0;
  /// A read is done: its first bytes, zero-extended.
  virtual void loaded(CpuRegisters& registers, std::uint64_t value) = 0;
};

struct SoftMachineOptions {
  /// Makes the program of a thread that starts with these registers. Required.
  std::function<std::unique_ptr<SoftProgram>(const CpuRegisters&)> load;
  /// Each thread's TLB. Powers of two; the default is the size of a first-level data TLB.
  unsigned tlb_sets = 16;
  unsigned tlb_ways = 4;
};

struct TlbCounters {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
};

/// `frames` outlives the machine. EINVAL: no program loader, or a TLB size that is no power of two.
Result<std::unique_ptr<Machine>> create_soft_machine(FrameAllocator& frames,
                                                     const SoftMachineOptions& options);

/// Of all threads of a space of a soft machine.
TlbCounters tlb_counters(const MachineSpace& space);

}  // namespace gonzo

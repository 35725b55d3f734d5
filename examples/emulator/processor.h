// A processor of Unicorn's that executes from an address space of Gonzo's.
//
// Unicorn does not walk page tables: a guest's address is looked up in Unicorn's own map. So that
// map is used as a TLB is: empty at first, filled after an access that it does not allow, which a
// hook tells of, and emptied when Gonzo says that entries became stricter.
#pragma once

#include <unicorn/unicorn.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include <gonzo/mm/address_space.h>

enum class Isa : std::uint8_t { kX8664, kI386 };

struct ProcessorCounts {
  std::uint64_t fills = 0, faults = 0, drops = 0;
};

class Processor final : public gonzo::TranslationCache {
 public:
  enum class Stop : std::uint8_t {
    kSyscall,    ///< the program counter is behind the instruction
    kPageFault,  ///< that nothing mends: see fault()
    kException,  ///< the instruction itself
  };
  struct Fault {
    gonzo::FaultOutcome outcome;
    gonzo::VirtAddr address;
  };

  /// Null: Unicorn refused.
  static std::unique_ptr<Processor> create(Isa isa);
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;

  /// What it executes from; null: nothing. The map is empty then.
  void attach(gonzo::AddressSpace* space);
  Stop run();
  const Fault& fault() const { return fault_; }

  void invalidate(gonzo::AddressRange range, gonzo::Stricter what) override;

  std::uint64_t get(int unicorn_register) const;
  void set(int unicorn_register, std::uint64_t value);
  /// Everything that a program can see of a processor; for fork.
  void copy_registers(const Processor& from);
  /// i386: the segment that `entry` of the GDT is (set_thread_area).
  void set_segment(unsigned entry, std::uint64_t descriptor);
  const ProcessorCounts& counts() const { return counts_; }

 private:
  struct Close {
    void operator()(uc_engine* engine) const { uc_close(engine); }
  };
  /// Each page is a region of Unicorn's, and many make it slow: 256 take four times as long.
  static constexpr std::size_t kMostPages = 32;
  static constexpr std::uint64_t kGdtAddress = 0xffff'f000;  // in the kernel's half
  static constexpr unsigned kGdtEntries = 16;
  static constexpr unsigned kFlatData = 2;

  Processor(uc_engine* engine, Isa isa) : engine_(engine), isa_(isa) {}
  struct Missing {
    gonzo::VirtAddr first, last;
    gonzo::Access access;
  };

  bool set_up();
  bool fill(gonzo::VirtAddr address, gonzo::Access access);
  void enter(gonzo::VirtAddr page, const gonzo::Translation& translation);
  void drop(std::uint64_t page, std::uint32_t permissions);
  static bool on_missing(uc_engine*, uc_mem_type type, std::uint64_t address, int size,
                         std::int64_t value, void* self);
  static void on_instruction(uc_engine*, std::uint64_t address, std::uint32_t size, void* self);
  static void on_syscall(uc_engine* engine, void* self);
  static void on_interrupt(uc_engine* engine, std::uint32_t number, void* self);

  const std::unique_ptr<uc_engine, Close> engine_;
  const Isa isa_;
  gonzo::AddressSpace* space_ = nullptr;
  std::unordered_map<std::uint64_t, std::uint32_t> pages_;  ///< address to permissions
  alignas(4096) std::uint64_t gdt_[512] = {};
  Stop stop_ = Stop::kException;
  std::optional<Missing> missing_;  ///< why it was stopped, if its map did not allow an access
  Fault fault_{};
  ProcessorCounts counts_;
};

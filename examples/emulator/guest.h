// A guest process: an address space, a processor, and the system calls between them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "memory.h"
#include "processor.h"
#include <gonzo/mm/address_space.h>

class Guest {
 public:
  /// What all guests share.
  struct Machine {
    Memory& memory;
    int last_pid = 1;
    ProcessorCounts counts{};  ///< of the guests that have ended
  };

  /// With nothing in its memory. Null: no memory, or no processor.
  static std::unique_ptr<Guest> create(Machine& machine, Isa isa);
  ~Guest();
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  gonzo::AddressSpace& space() { return *space_; }
  Processor& processor() { return *processor_; }
  /// Runs from `entry` to its end; a wait status (wait(2)).
  int run(std::uint64_t entry, std::uint64_t stack);

 private:
  using Arguments = std::array<std::uint64_t, 6>;
  struct Call;

  Guest(Machine& machine, Isa isa, int pid) : machine_(machine), isa_(isa), pid_(pid) {}
  bool set_up(std::unique_ptr<gonzo::AddressSpace> space, std::unique_ptr<Processor> processor);
  int run_to_end();
  void system_call();
  int end_by_fault() const;
  Arguments arguments() const;
  bool is_64bit() const { return isa_ == Isa::kX8664; }

  // Each gives what the call returns: an error is its negative number.
  std::int64_t brk(const Arguments& a);
  std::int64_t mmap(const Arguments& a);
  std::int64_t munmap(const Arguments& a);
  std::int64_t mprotect(const Arguments& a);
  std::int64_t mremap(const Arguments& a);
  std::int64_t madvise(const Arguments& a);
  std::int64_t write(const Arguments& a);
  std::int64_t writev(const Arguments& a);
  std::int64_t fork(const Arguments& a);
  std::int64_t wait(const Arguments& a);
  std::int64_t exit(const Arguments& a);
  std::int64_t getpid(const Arguments& a);
  std::int64_t clock_gettime(const Arguments& a);
  std::int64_t set_thread_area(const Arguments& a);
  std::int64_t arch_prctl(const Arguments& a);
  std::int64_t nothing(const Arguments& a);

  std::int64_t write_out(int descriptor, gonzo::VirtAddr from, std::uint64_t bytes);

  Machine& machine_;
  const Isa isa_;
  const int pid_;
  std::unique_ptr<Processor> processor_;  // outlives the address space, which tells it what to drop
  std::unique_ptr<gonzo::AddressSpace> space_;
  std::map<int, int> ended_;        ///< children that nobody has waited for, and their wait status
  std::optional<int> wait_status_;  ///< its own end
};

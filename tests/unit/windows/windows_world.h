// Windows processes on a machine without a processor: each access goes through the page tables that
// VirtualMemory had written, and what they deny goes to VirtualMemory::fault. At its end nothing
// may be left over.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

#include "unit/cache/fake_file.h"
#include <gonzo/cache/page_cache.h>
#include <gonzo/machine/arena.h>
#include <gonzo/machine/soft_machine.h>
#include <gonzo/mm/reclaimer.h>
#include <gonzo/windows/virtual_memory.h>

namespace gonzo::windows {

inline std::ostream& operator<<(std::ostream& out, NtStatus status) {
  return out << name_of(status);
}
inline std::ostream& operator<<(std::ostream& out, Win32Error error) {
  return out << name_of(error);
}

}  // namespace gonzo::windows

namespace gonzo::test {

using windows::MemoryBasicInformation;
using windows::NtStatus;
using windows::Section;
using windows::SectionRef;
using windows::VirtualMemory;
using windows::Win32Error;
namespace mem = windows::mem;
namespace page = windows::page;
namespace sec = windows::sec;
namespace file_map = windows::file_map;

constexpr std::uint64_t kGranule = windows::kAllocationGranularity;

/// One access, then a trap.
class SingleSteps final : public SoftProgram {
 public:
  SoftStep next(CpuRegisters&) override {
    return std::exchange(step, {.kind = SoftStep::Kind::kSyscall});
  }
  void loaded(CpuRegisters&, std::uint64_t read) override { value = read; }

  SoftStep step{.kind = SoftStep::Kind::kSyscall};
  std::uint64_t value = 0;
};

class WindowsProcess {
 public:
  /// `newest`: the program of the thread that the machine has made last.
  WindowsProcess(MemoryManager& manager, Machine& machine, SingleSteps*& newest,
                 const VirtualMemory::Config& config, PagingFormat format)
      : machine_(machine), newest_(newest) {
    space_ =
        AddressSpace::create(manager, relay_, {.format = format, .index = VmaIndexKind::kAvlTree})
            .value();
    processor_ = machine.create_space(space_->page_table()).value();
    relay_.target = processor_.get();
    memory_.emplace(*space_, config);
    start_thread();
  }
  ~WindowsProcess() {
    EXPECT_EQ(memory_->verify(), "");
    memory_.reset();
    EXPECT_EQ(space_->counts().total, 0U);
    thread_.reset();
    relay_.target = nullptr;
    processor_.reset();
  }
  WindowsProcess(const WindowsProcess&) = delete;
  WindowsProcess& operator=(const WindowsProcess&) = delete;

  VirtualMemory& memory() { return *memory_; }
  AddressSpace& space() { return *space_; }

  /// As an emulator does it: again until it works, or an exception is to be raised.
  NtStatus access(SoftStep step) {
    program_->step = step;
    for (;;) {
      const Trap trap = thread_->run();
      if (trap.kind == TrapKind::kSyscall) return NtStatus::kSuccess;
      const Access how = (trap.error_code & fault_code::kWrite) != 0   ? Access::kWrite
                         : (trap.error_code & fault_code::kFetch) != 0 ? Access::kExecute
                                                                       : Access::kRead;
      const NtStatus status = memory_->fault(trap.address, how);
      if (status != NtStatus::kSuccess) {
        start_thread();  // the old one would try this step for ever
        return status;
      }
    }
  }
  NtStatus write(VirtAddr at, std::uint8_t value) {
    return access({.kind = SoftStep::Kind::kWrite, .size = 1, .address = at, .data = value});
  }
  NtStatus touch(VirtAddr at) {
    return access({.kind = SoftStep::Kind::kRead, .size = 1, .address = at});
  }
  NtStatus execute(VirtAddr at) {
    return access({.kind = SoftStep::Kind::kExecute, .size = 1, .address = at});
  }
  /// The byte; -1: it cannot be read.
  int read(VirtAddr at) {
    return touch(at) == NtStatus::kSuccess ? static_cast<int>(program_->value) : -1;
  }

 private:
  struct Relay final : TranslationCache {
    void invalidate(AddressRange range, Stricter what) override {
      if (target != nullptr) target->invalidate(range, what);
    }
    TranslationCache* target = nullptr;
  };
  void start_thread() {
    thread_ = machine_.create_thread(*processor_, {}).value();
    program_ = newest_;
  }

  Machine& machine_;
  SingleSteps*& newest_;
  Relay relay_;
  std::unique_ptr<AddressSpace> space_;
  std::unique_ptr<MachineSpace> processor_;
  std::optional<VirtualMemory> memory_;
  std::unique_ptr<MachineThread> thread_;
  SingleSteps* program_ = nullptr;
};

class WindowsWorld : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  static constexpr std::uint64_t kMemory = 16 * kMiB;

  void SetUp() override { start({.overcommit = Overcommit::kNever, .commit_ratio = 100}); }
  void start(const MemoryManager::Config& config) {
    arena_ = Arena::create(kMemory, Arena::Backing::kOnTouch).value();
    frames_ = FrameAllocator::create({.memory = arena_->memory()}).value();
    manager_ = MemoryManager::create(*frames_, config).value();
    swap_ = std::make_unique<SwapSpace>(*frames_);
    reclaimer_ = std::make_unique<Reclaimer>(*manager_, *swap_, Reclaimer::Config{});
    manager_->serve(reclaimer_.get());
    cache_ =
        std::make_unique<PageCache>(*frames_, PageCache::Config{.objects = &manager_->objects()});
    machine_ = create_soft_machine(*frames_, {.load = [this](const CpuRegisters&) {
                 auto program = std::make_unique<SingleSteps>();
                 newest_ = program.get();
                 return program;
               }}).value();
    add_process();
  }
  void TearDown() override {
    processes_.clear();
    section_.reset();
    EXPECT_EQ(cache_->verify(), "");
    cache_.reset();
    manager_->serve(nullptr);
    reclaimer_.reset();
    swap_.reset();
    EXPECT_EQ(manager_->commitments().committed(), 0U);
    manager_.reset();
    EXPECT_EQ(frames_->verify(), "");
    EXPECT_EQ(frames_->check_all_free(), "");
  }

  WindowsProcess& add_process(const VirtualMemory::Config& config = {},
                              PagingFormat format = PagingFormat::kFourLevel) {
    processes_.push_back(
        std::make_unique<WindowsProcess>(*manager_, *machine_, newest_, config, format));
    return *processes_.back();
  }
  WindowsProcess& process(std::size_t number = 0) { return *processes_[number]; }
  VirtualMemory& memory(std::size_t number = 0) { return process(number).memory(); }

  static constexpr std::uint32_t kReserveCommit = mem::kReserve | mem::kCommit;
  VirtAddr must_allocate(std::uint64_t pages, std::uint32_t type = kReserveCommit,
                         std::uint32_t protection = page::kReadWrite) {
    const auto at = memory().allocate({}, pages * kPageSize, type, protection);
    EXPECT_TRUE(at.has_value()) << (at ? Win32Error{} : at.error());
    return at.value_or(VirtAddr());
  }
  static Win32Error error_of(const auto& result) {
    EXPECT_FALSE(result.has_value());
    return result.has_value() ? Win32Error{} : result.error();
  }
  std::uint64_t committed() { return manager_->commitments().committed(); }
  void push_out() {
    for (int round = 0; round < 8; ++round) reclaimer_->reclaim(kMemory / kPageSize);
  }

  std::unique_ptr<Arena> arena_;
  std::unique_ptr<FrameAllocator> frames_;
  std::unique_ptr<MemoryManager> manager_;
  std::unique_ptr<SwapSpace> swap_;
  std::unique_ptr<Reclaimer> reclaimer_;
  std::unique_ptr<PageCache> cache_;
  std::unique_ptr<Machine> machine_;
  SectionRef section_;

 private:
  SingleSteps* newest_ = nullptr;
  std::vector<std::unique_ptr<WindowsProcess>> processes_;
};

}  // namespace gonzo::test

// The same entries on the software MMU and on a processor that nobody here wrote: who may do what,
// with which error code, and which A and D bits are set, must agree. Where QEMU departs from
// Intel's manual it is said below, and tested to be so.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "machine/qemu_rig.h"
#include <gonzo/paging/software_mmu.h>
#include <gonzo/paging/table_path.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kCode = 0x10000000;
/// What QEMU's processors have.
constexpr unsigned kPhysicalBits = 40;

/// The same bytes in 64-bit and in 32-bit code; each access ends in a system call.
constexpr std::array<unsigned char, 64> kAccesses = {
    0x8a, 0x07, 0xcd, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // mov (%rdi), %al
    0x88, 0x07, 0xcd, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // mov %al, (%rdi)
    0xff, 0xe7, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // jmp *%rdi
    0xcd, 0x80};
constexpr std::uint64_t kRead = kCode, kWrite = kCode + 16, kExecute = kCode + 32,
                        kReturn = kCode + 48;
/// At the address that is judged: jmp *%rbx.
constexpr unsigned char kJumpBack[] = {0xff, 0xe3};

struct Place {
  PagingFormat format;
  std::uint64_t address;  ///< below a root entry of its own
  unsigned levels;
  unsigned large;  ///< the highest level that may hold a page
};
constexpr Place kPlaces[] = {{PagingFormat::kClassic32, 0x50000000, 2, 2},
                             {PagingFormat::kPae, 0x50000000, 3, 2},
                             {PagingFormat::kFourLevel, 0x123440000000, 4, 3}};

using Entries = std::vector<std::uint64_t>;  ///< from the root down

struct Verdict {
  std::optional<std::uint32_t> fault;  ///< its error code
  Entries after;
};

class Judge : public testing::TestWithParam<Place> {
 protected:
  void SetUp() override {
    auto& rig = rigs_[static_cast<std::size_t>(place().format)];
    if (rig == nullptr) rig = std::make_unique<QemuRig>(place().format);
    if (rig->is_missing()) GTEST_SKIP() << kNoQemu;
    memory_ = &rig->memory;
    Machine& machine = *rig->machine.value();
    auto space = machine.create_space(memory_->table());
    ASSERT_TRUE(space) << machine.failure();
    space_ = std::move(*space);
    const auto code = memory_->map_code(kCode, std::as_bytes(std::span(kAccesses)));
    space_->will_execute(code.front(), 1);
    CpuRegisters registers;
    registers.ds = registers.es = segment::kUserData;
    thread_ = machine.create_thread(*space_, registers).value();
  }
  void TearDown() override {
    thread_.reset();
    space_.reset();
    if (memory_ != nullptr) memory_->clear();
  }
  static void TearDownTestSuite() {
    for (auto& rig : rigs_) rig.reset();
  }
  static Place place() { return GetParam(); }
  static bool is_wide() { return place().format != PagingFormat::kClassic32; }

  /// A page of 4 KiB at the address, everything allowed.
  void map_page() {
    const Pfn frame = memory_->allocate();
    fill(frame);
    memory_->set(place().address, Entry::map(frame, kUserWrite));
    learn_slots();
  }
  /// A large page at `level`; 1 GiB ones reach past the memory's end.
  void map_large(unsigned level) {
    const unsigned order = is_wide() ? 9 : 10;
    const Pfn frame = level == 3 ? Pfn(0) : memory_->allocate(order);
    if (level == 3) {
      low_ = memory_->allocate();  // some frame, at its own address in the page
      fill(low_);
    } else {
      fill(frame);
    }
    const auto mapped =
        memory_->table().map_large(VirtAddr(place().address), level, Entry::map(frame, kUserWrite));
    ASSERT_TRUE(mapped) << errno_name(mapped.error());
    learn_slots();
  }
  void fill(Pfn frame) {
    std::memcpy(memory_->frames().address(frame), kJumpBack, sizeof kJumpBack);
    space_->will_execute(frame, 1);
  }
  std::uint64_t address() const { return place().address + low_.address().value; }

  void learn_slots() {
    slots_.clear();
    const FrameAllocator& frames = memory_->frames();
    const TablePath path =
        trace_path(frames, place().format, memory_->table().root(), VirtAddr(place().address));
    for (const TableStep& step : path.steps()) {
      slots_.push_back(frames.address(step.table) + std::size_t{step.index} * (is_wide() ? 8 : 4));
    }
  }
  Entries read() const {
    Entries entries;
    for (const std::byte* slot : slots_) {
      std::uint64_t raw = 0;
      std::memcpy(&raw, slot, is_wide() ? 8 : 4);
      entries.push_back(raw);
    }
    return entries;
  }
  void write(const Entries& entries) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      std::memcpy(slots_[i], &entries[i], is_wide() ? 8 : 4);
    }
    space_->invalidate({VirtAddr(place().address), VirtAddr(place().address) + (1 << 20)},
                       Stricter::kGone);
  }

  Verdict of_processor(const Entries& entries, Access access) {
    write(entries);
    CpuRegisters& registers = thread_->registers();
    registers.rip = access == Access::kRead ? kRead : access == Access::kWrite ? kWrite : kExecute;
    registers.rdi = address();
    registers.rbx = kReturn;
    registers.rax = kJumpBack[0];  // writes what is there
    const Trap trap = thread_->run();
    Verdict verdict{.after = read()};
    if (trap.kind == TrapKind::kPageFault) {
      verdict.fault = trap.error_code;
      EXPECT_EQ(trap.address, VirtAddr(address()));
    } else {
      EXPECT_EQ(trap.kind, TrapKind::kSyscall) << trap.reason << " vector " << int{trap.vector};
    }
    return verdict;
  }
  Verdict of_software(const Entries& entries, Access access) {
    write(entries);
    const auto walked =
        walk(memory_->frames(), place().format, memory_->table().root(), VirtAddr(address()),
             access, Privilege::kUser,
             {.no_execute = memory_->table().has_no_execute(), .physical_bits = kPhysicalBits});
    Verdict verdict{.after = read()};
    if (!walked) verdict.fault = walked.error().error_code;
    return verdict;
  }

  static std::string text(const Verdict& verdict) {
    std::string words = verdict.fault ? fmt::format("fault {:#x}", *verdict.fault) : "allowed";
    for (const std::uint64_t raw : verdict.after) words += fmt::format(" {:#x}", raw);
    return words;
  }

  /// Both on these entries, each access. A processor may have set A on the way to a fault (SDM vol.
  /// 3A, 4.8); the software MMU writes nothing then. In PAE's root entries QEMU sets what would be
  /// A, and is reserved there (table 4-8).
  void compare(const Entries& entries) {
    for (const Access access : {Access::kRead, Access::kWrite, Access::kExecute}) {
      const Verdict expected = of_software(entries, access);
      Verdict got = of_processor(entries, access);
      if (expected.fault) {
        for (std::size_t i = 0; i < entries.size(); ++i) {
          got.after[i] &= ~pte::kAccessed | entries[i];
        }
      }
      if (place().format == PagingFormat::kPae) got.after[0] &= ~pte::kAccessed | entries[0];
      ++cases_;
      EXPECT_EQ(text(got), text(expected))
          << fmt::format("access {} on{}", static_cast<int>(access), text({.after = entries}));
      if (HasFailure()) return;
    }
  }
  /// Each combination of P, W, U, NX and of what a walk sets, at `at`, the others as they are.
  void vary(const Entries& base, std::size_t at) {
    std::vector<std::uint64_t> bits = {pte::kPresent,      pte::kWrite,        pte::kUser,
                                       pte::kAccessed,     pte::kDirty,        pte::kGlobal,
                                       pte::kWriteThrough, pte::kCacheDisable, pte::kSpecial};
    const bool is_root_of_pae = place().format == PagingFormat::kPae && at == 0;
    if (is_root_of_pae) bits = {pte::kPresent, pte::kWriteThrough, pte::kSpecial};
    if (is_wide() && !is_root_of_pae) bits.push_back(pte::kNoExecute);
    for (std::uint64_t choice = 0; choice < std::uint64_t{1} << bits.size(); ++choice) {
      // A global bit, or one for the cache, changes no verdict: with one combination of the others.
      Entries entries = base;
      for (std::size_t i = 0; i < bits.size(); ++i) {
        entries[at] &= ~bits[i];
        if ((choice >> i & 1) != 0) entries[at] |= bits[i];
      }
      const bool is_idle = (entries[at] & (pte::kGlobal | pte::kWriteThrough | pte::kCacheDisable |
                                           pte::kSpecial)) != 0;
      if (is_idle && std::popcount(choice) % 3 != 0) continue;
      compare(entries);
      if (HasFailure()) return;
    }
  }

  GuestMemory* memory_ = nullptr;
  std::unique_ptr<MachineSpace> space_;
  std::unique_ptr<MachineThread> thread_;
  std::vector<std::byte*> slots_;
  Pfn low_{0};
  unsigned cases_ = 0;

 private:
  static inline std::array<std::unique_ptr<QemuRig>, kPagingFormats> rigs_;
};

TEST_P(Judge, EachFlagAtEachLevel) {
  map_page();
  ASSERT_EQ(slots_.size(), place().levels);
  const Entries base = read();
  for (std::size_t at = 0; at < slots_.size() && !HasFailure(); ++at) vary(base, at);
  RecordProperty("cases", static_cast<int>(cases_));
}

TEST_P(Judge, RightsOfTwoLevelsTogether) {
  map_page();
  const Entries base = read();
  std::vector<std::uint64_t> rights = {pte::kWrite, pte::kUser};
  if (is_wide()) rights.push_back(pte::kNoExecute);
  const std::size_t first = place().format == PagingFormat::kPae ? 1 : 0;  // no rights above
  for (std::size_t upper = first; upper < slots_.size(); ++upper) {
    for (std::size_t lower = upper + 1; lower < slots_.size(); ++lower) {
      for (unsigned choice = 0; choice < 1U << (2 * rights.size()) && !HasFailure(); ++choice) {
        Entries entries = base;
        for (std::size_t i = 0; i < rights.size(); ++i) {
          if ((choice >> (2 * i) & 1) != 0) entries[upper] ^= rights[i];
          if ((choice >> (2 * i + 1) & 1) != 0) entries[lower] ^= rights[i];
        }
        compare(entries);
      }
    }
  }
}

TEST_P(Judge, LargePages) {
  for (unsigned level = 2; level <= place().large; ++level) {
    ASSERT_NO_FATAL_FAILURE(map_large(level));
    const Entries base = read();
    ASSERT_EQ(slots_.size(), place().levels - level + 1);
    vary(base, slots_.size() - 1);
    if (HasFailure()) return;
    TearDown();
    SetUp();
    low_ = Pfn(0);
  }
}

TEST_P(Judge, NothingThere) {
  map_page();
  for (std::size_t at = 0; at < slots_.size(); ++at) {
    Entries entries = read();
    entries[at] = 0;
    compare(entries);
    entries[at] = ~pte::kPresent;  // all else set
    compare(entries);
  }
}

/// What the manual says and QEMU 7.2 does not do.
class Departures : public Judge {};

/// Table 4-8: reserved, and MOV to CR3 would be #GP; QEMU neither looks nor leaves it alone.
TEST_P(Departures, BitFiveOfARootEntryOfPae) {
  if (place().format != PagingFormat::kPae) GTEST_SKIP() << "only PAE's root has such entries";
  map_page();
  const Entries base = read();
  const Verdict got = of_processor(base, Access::kRead);
  EXPECT_FALSE(got.fault);
  EXPECT_EQ(got.after[0], base[0] | pte::kAccessed);
  Entries marked = base;
  marked[0] |= pte::kAccessed;
  EXPECT_FALSE(of_processor(marked, Access::kRead).fault);
  EXPECT_EQ(of_software(marked, Access::kRead).fault,
            fault_code::kPresent | fault_code::kReserved | fault_code::kUser);
  write(base);
}

/// 4.7: a reserved bit is only found in an entry that is present, so P comes with RSVD. QEMU leaves
/// P out.
TEST_P(Departures, PresentBitOfReservedBitFaults) {
  if (!is_wide()) GTEST_SKIP() << "entries of 4 KiB pages have no reserved bits";
  map_page();
  Entries entries = read();
  entries.back() |= std::uint64_t{1} << (kPhysicalBits + 1);
  const std::uint32_t reserved = fault_code::kReserved | fault_code::kUser;
  EXPECT_EQ(of_software(entries, Access::kRead).fault, reserved | fault_code::kPresent);
  EXPECT_EQ(of_processor(entries, Access::kRead).fault, reserved);
}

std::string name_of(const testing::TestParamInfo<Place>& info) {
  switch (info.param.format) {
    case PagingFormat::kClassic32:
      return "Classic32";
    case PagingFormat::kPae:
      return "Pae";
    default:
      return "FourLevel";
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Judge, testing::ValuesIn(kPlaces), name_of);
INSTANTIATE_TEST_SUITE_P(Qemu, Departures, testing::ValuesIn(kPlaces), name_of);

}  // namespace
}  // namespace gonzo

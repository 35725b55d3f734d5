// The same entries on the software MMU and on a processor that nobody here wrote: who may do what,
// with which error code, and which A and D bits are set, must agree. Where QEMU departs from
// Intel's manual it is said below, and tested to be so.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "machine/qemu_rig.h"
#include "machine/ring0.h"
#include <gonzo/paging/software_mmu.h>
#include <gonzo/paging/table_path.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kCode = 0x10000000;
/// What QEMU's processors have.
constexpr unsigned kPhysicalBits = 40;

/// The same bytes in 64-bit and in 32-bit code; each access ends in a system call.
constexpr std::array<unsigned char, 68> kAccesses = {
    0x8a, 0x07, 0xcd, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // mov (%rdi), %al
    0x88, 0x07, 0xcd, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // mov %al, (%rdi)
    0xff, 0xe7, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // jmp *%rdi
    0xcd, 0x80, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xcd, Ring0::kVector, 0xcd, 0x80};
constexpr std::uint64_t kRead = kCode, kWrite = kCode + 16, kExecute = kCode + 32,
                        kReturn = kCode + 48, kSupervisor = kCode + 64;
/// At the address that is judged: jmp *%rbx.
constexpr unsigned char kJumpBack[] = {0xff, 0xe3};

struct Place {
  PagingFormat format;
  std::uint64_t address;  ///< below a root entry of its own
  unsigned levels;
  unsigned large;  ///< the highest level that may hold a page
};
constexpr Place kClassic{PagingFormat::kClassic32, 0x50000000, 2, 2},
    kPae{PagingFormat::kPae, 0x50000000, 3, 2},
    kFourLevel{PagingFormat::kFourLevel, 0x123440000000, 4, 3};

/// Who accesses, and the control bits that matter then.
struct Mode {
  Privilege privilege = Privilege::kUser;
  Ring0::Controls controls = {};
};
constexpr Mode kUser, kKernel{.privilege = Privilege::kSupervisor};

/// The kernel, with each combination of what decides over its accesses.
std::vector<Mode> kernel_modes() {
  std::vector<Mode> modes;
  modes.reserve(16);
  for (unsigned choice = 0; choice < 16; ++choice) {
    modes.push_back({.privilege = Privilege::kSupervisor,
                     .controls = {.write_protect = (choice & 1) == 0,
                                  .smep = (choice & 2) != 0,
                                  .smap = (choice & 4) != 0,
                                  .alignment_check = (choice & 8) != 0}});
  }
  return modes;
}

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
    if (ring0_of(place().format) == nullptr) {
      ring0_of(place().format) = std::make_unique<Ring0>(*memory_);
    }
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
    for (auto& ring0 : ring0s_) ring0.reset();
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
  void store(const Entries& entries) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      std::memcpy(slots_[i], &entries[i], is_wide() ? 8 : 4);
    }
  }
  void write(const Entries& entries) {
    store(entries);
    space_->invalidate({VirtAddr(place().address), VirtAddr(place().address) + (1 << 20)},
                       Stricter::kGone);
  }

  Verdict of_processor(const Entries& entries, Access access, const Mode& mode = kUser) {
    write(entries);
    return mode.privilege == Privilege::kUser ? by_user(access) : by_kernel(access, mode.controls);
  }
  Verdict by_user(Access access) {
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
  Verdict by_kernel(Access access, const Ring0::Controls& controls) {
    Ring0& ring0 = *ring0_of(place().format);
    CpuRegisters& registers = thread_->registers();
    registers.rip = kSupervisor;
    ring0.aim(registers, VirtAddr(address()), access, controls);
    ring0.take_faults();
    const Trap trap = thread_->run();
    ring0.give_faults_back();
    EXPECT_EQ(trap.kind, TrapKind::kSyscall) << trap.reason << " vector " << int{trap.vector};
    Verdict verdict{.fault = Ring0::fault(registers), .after = read()};
    if (verdict.fault) {
      EXPECT_EQ(registers.rdi, address());
    }
    return verdict;
  }
  Verdict of_software(const Entries& entries, Access access, const Mode& mode = kUser) {
    write(entries);
    const Ring0::Controls& controls = mode.controls;
    const auto walked = walk(memory_->frames(), place().format, memory_->table().root(),
                             VirtAddr(address()), access, mode.privilege,
                             {.write_protect = controls.write_protect,
                              .no_execute = memory_->table().has_no_execute(),
                              .smep = controls.smep,
                              .smap = controls.smap && !controls.alignment_check,
                              .physical_bits = kPhysicalBits});
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
  /// A, and is reserved there (table 4-8); of a reserved bit it reports RSVD without P (4.7: with).
  void compare(const Entries& entries, const Mode& mode) {
    for (const Access access : {Access::kRead, Access::kWrite, Access::kExecute}) {
      Verdict expected = of_software(entries, access, mode);
      Verdict got = of_processor(entries, access, mode);
      if (expected.fault) {
        for (std::size_t i = 0; i < entries.size(); ++i) {
          got.after[i] &= ~pte::kAccessed | entries[i];
        }
        if ((*expected.fault & fault_code::kReserved) != 0) {
          *expected.fault &= ~fault_code::kPresent;
        }
      }
      if (place().format == PagingFormat::kPae) got.after[0] &= ~pte::kAccessed | entries[0];
      ++cases_;
      EXPECT_EQ(text(got), text(expected)) << describe(entries, access, mode);
      if (HasFailure()) return;
    }
  }
  void compare(const Entries& entries) {
    compare(entries, kUser);
    if (!HasFailure()) compare(entries, kKernel);
  }
  static std::string describe(const Entries& entries, Access access, const Mode& mode) {
    const Ring0::Controls& controls = mode.controls;
    return fmt::format(
        "access {} by {} (WP {:d}, SMEP {:d}, SMAP {:d}, AC {:d}) on {}", static_cast<int>(access),
        mode.privilege == Privilege::kUser ? "the user" : "the kernel", controls.write_protect,
        controls.smep, controls.smap, controls.alignment_check, text({.after = entries}));
  }
  /// The entry at `at` with each combination of what decides and of what a walk sets, the others as
  /// they are.
  void vary(const Entries& base, std::size_t at) {
    std::vector<std::uint64_t> bits = {pte::kPresent,  pte::kWrite, pte::kUser,
                                       pte::kAccessed, pte::kDirty, pte::kGlobal};
    if (is_root_of_pae(at)) bits = {pte::kPresent, pte::kWriteThrough, pte::kSpecial};
    if (is_wide() && !is_root_of_pae(at)) bits.push_back(pte::kNoExecute);
    for (std::uint64_t choice = 0; choice < std::uint64_t{1} << bits.size(); ++choice) {
      Entries entries = base;
      for (std::size_t i = 0; i < bits.size(); ++i) {
        entries[at] &= ~bits[i];
        if ((choice >> i & 1) != 0) entries[at] |= bits[i];
      }
      compare(entries);
      if (HasFailure()) return;
    }
  }
  /// The entry at `at` with each bit changed that says neither which frame nor how large a page.
  void flip(const Entries& base, std::size_t at, bool is_large_page) {
    for (unsigned bit = 0; bit < (is_wide() ? 64 : 32) && !HasFailure(); ++bit) {
      if (is_frame_or_size(bit, level_of(at), is_large_page)) continue;
      if (is_root_of_pae(at) && bit < kPhysicalBits && is_reserved_in_root_of_pae(bit)) {
        continue;  // see Departures
      }
      Entries entries = base;
      entries[at] ^= std::uint64_t{1} << bit;
      compare(entries);
    }
  }
  static unsigned level_of(std::size_t at) { return place().levels - static_cast<unsigned>(at); }
  static bool is_frame_or_size(unsigned bit, unsigned level, bool is_large_page) {
    if (bit == 7 && level > 1 && level <= place().large) return true;
    if (!is_wide())
      return bit >= (is_large_page ? 22 : 12) || (is_large_page && bit >= 13 && bit < 21);
    return bit >= (is_large_page ? 3 + 9 * level : 12) && bit < kPhysicalBits;
  }
  /// W, U and NX of the levels that have them, all combinations, in `mode`.
  void combine_rights(const Entries& base, std::vector<std::size_t> levels, const Mode& mode) {
    std::vector<std::uint64_t> rights = {pte::kWrite, pte::kUser};
    if (is_wide()) rights.push_back(pte::kNoExecute);
    std::erase_if(levels, is_root_of_pae);
    const std::size_t bits = rights.size() * levels.size();
    for (std::uint64_t choice = 0; choice < std::uint64_t{1} << bits && !HasFailure(); ++choice) {
      Entries entries = base;
      for (std::size_t i = 0; i < bits; ++i) {
        if ((choice >> i & 1) != 0) entries[levels[i / rights.size()]] ^= rights[i % rights.size()];
      }
      compare(entries, mode);
    }
  }
  std::vector<std::size_t> all_levels() const {
    std::vector<std::size_t> levels(slots_.size());
    std::iota(levels.begin(), levels.end(), std::size_t{0});
    return levels;
  }
  static bool is_root_of_pae(std::size_t at) {
    return place().format == PagingFormat::kPae && at == 0;
  }
  /// Table 4-8.
  static bool is_reserved_in_root_of_pae(unsigned bit) {
    return bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= kPhysicalBits;
  }

  GuestMemory* memory_ = nullptr;
  std::unique_ptr<MachineSpace> space_;
  std::unique_ptr<MachineThread> thread_;
  std::vector<std::byte*> slots_;
  Pfn low_{0};
  unsigned cases_ = 0;

 private:
  static std::unique_ptr<Ring0>& ring0_of(PagingFormat format) {
    return ring0s_[static_cast<std::size_t>(format)];
  }

  static inline std::array<std::unique_ptr<QemuRig>, kPagingFormats> rigs_;
  static inline std::array<std::unique_ptr<Ring0>, kPagingFormats> ring0s_;
};

TEST_P(Judge, EachFlagAtEachLevel) {
  map_page();
  ASSERT_EQ(slots_.size(), place().levels);
  const Entries base = read();
  for (std::size_t at = 0; at < slots_.size() && !HasFailure(); ++at) {
    vary(base, at);
    flip(base, at, false);
  }
  RecordProperty("cases", static_cast<int>(cases_));
}

TEST_P(Judge, RightsOfAllLevelsTogether) {
  map_page();
  const Entries base = read();
  combine_rights(base, all_levels(), kUser);
  combine_rights(base, all_levels(), kKernel);
  RecordProperty("cases", static_cast<int>(cases_));
}

TEST_P(Judge, ControlBitsOfTheKernel) {
  map_page();
  const Entries base = read();
  for (const Mode& mode : kernel_modes()) {
    combine_rights(base, {slots_.size() - 2, slots_.size() - 1}, mode);
    combine_rights(base, {0}, mode);
  }
  RecordProperty("cases", static_cast<int>(cases_));
}

TEST_P(Judge, LargePages) {
  for (unsigned level = 2; level <= place().large && !HasFailure(); ++level) {
    ASSERT_NO_FATAL_FAILURE(map_large(level));
    const Entries base = read();
    ASSERT_EQ(slots_.size(), place().levels - level + 1);
    for (std::size_t at = 0; at < slots_.size() && !HasFailure(); ++at) {
      vary(base, at);
      flip(base, at, at + 1 == slots_.size());
    }
    for (const Mode& mode : kernel_modes()) combine_rights(base, {slots_.size() - 1}, mode);
    combine_rights(base, all_levels(), kUser);
    combine_rights(base, all_levels(), kKernel);
    if (HasFailure()) return;
    TearDown();
    SetUp();
    low_ = Pfn(0);
  }
  RecordProperty("cases", static_cast<int>(cases_));
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
class DeparturesOfPae : public Judge {};

/// Table 4-8: they are reserved, and MOV to CR3 would be #GP, or a walk under nested paging a
/// fault. QEMU looks at the high ones and at bit 63 only, and sets bit 5 as if it were A.
TEST_P(DeparturesOfPae, LowReservedBitsOfARootEntry) {
  map_page();
  const Entries base = read();
  const std::uint32_t reserved = fault_code::kPresent | fault_code::kReserved | fault_code::kUser;
  for (unsigned bit = 0; bit < kPhysicalBits; ++bit) {
    if (!is_reserved_in_root_of_pae(bit)) continue;
    Entries entries = base;
    entries[0] |= std::uint64_t{1} << bit;
    EXPECT_EQ(of_software(entries, Access::kRead).fault, reserved) << bit;
    const Verdict got = of_processor(entries, Access::kRead);
    EXPECT_FALSE(got.fault) << bit;
    EXPECT_EQ(got.after[0], entries[0] | pte::kAccessed) << bit;
  }
  write(base);
}

/// 4.4.1: a processor has the four of them in registers, and an entry that changes takes effect
/// with the next MOV to CR3. QEMU's reads it with each walk.
TEST_P(DeparturesOfPae, RootEntriesAreReadAtEachWalk) {
  map_page();
  const Entries base = read();
  ASSERT_FALSE(of_processor(base, Access::kRead).fault);
  const std::uint64_t loads = space_->counters().root_loads;
  Entries without = base;
  without[0] = 0;
  store(without);
  // One page: by INVLPG.
  space_->invalidate({VirtAddr(address()), VirtAddr(address()) + kPageSize}, Stricter::kGone);
  EXPECT_EQ(by_user(Access::kRead).fault, fault_code::kUser);
  EXPECT_EQ(space_->counters().root_loads, loads);
  write(base);
}

/// 4.7: a reserved bit is only found in an entry that is present, so P comes with RSVD. QEMU leaves
/// P out, at each level and whoever asks.
TEST_P(Departures, PresentBitOfReservedBitFaults) {
  map_page();
  const Entries base = read();
  for (std::size_t at = 0; at < slots_.size(); ++at) {
    Entries entries = base;
    entries[at] |= std::uint64_t{1} << (kPhysicalBits + 1);
    for (const Mode& mode : {kUser, kKernel}) {
      const std::uint32_t reserved =
          fault_code::kReserved | (mode.privilege == Privilege::kUser ? fault_code::kUser : 0);
      EXPECT_EQ(of_software(entries, Access::kRead, mode).fault, reserved | fault_code::kPresent);
      EXPECT_EQ(of_processor(entries, Access::kRead, mode).fault, reserved);
    }
  }
  write(base);
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

INSTANTIATE_TEST_SUITE_P(Formats, Judge, testing::Values(kClassic, kPae, kFourLevel), name_of);
// Classic entries of 4 KiB pages have no reserved bits.
INSTANTIATE_TEST_SUITE_P(Qemu, Departures, testing::Values(kPae, kFourLevel), name_of);
INSTANTIATE_TEST_SUITE_P(Qemu, DeparturesOfPae, testing::Values(kPae), name_of);

}  // namespace
}  // namespace gonzo

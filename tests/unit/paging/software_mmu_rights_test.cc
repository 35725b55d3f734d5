// Every combination of rights against a predicate written from the manual's prose.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "unit/paging/hand_made_tables.h"

namespace gonzo {
namespace {

using test::fault_of;
using test::HandMadeTables;
using test::PathFacts;

constexpr std::uint32_t kNone = ~0U;
constexpr std::uint64_t kDataFrame = 0x123;

struct Rights {
  bool present, writable, user, no_execute;
};

/// From the root down; no vector, for there are millions.
struct Path {
  std::array<Rights, 5> rights;
  unsigned levels = 0;
  void add(const Rights& level) { rights[levels++] = level; }
  const Rights* begin() const { return rights.data(); }
  const Rights* end() const { return rights.data() + levels; }
};

/// What the fault's error code must be.
std::uint32_t expected_fault(const Path& path, Access access, Privilege privilege,
                             const WalkControls& controls, bool format_has_nx) {
  const bool fetch = access == Access::kExecute;
  const bool write = access == Access::kWrite;
  const bool user = privilege == Privilege::kUser;
  const bool nx_on = format_has_nx && controls.no_execute;
  std::uint32_t code = 0;
  if (write) code += 2;
  if (user) code += 4;
  if (fetch && (nx_on || controls.smep)) code += 16;

  bool writable = true, user_page = true, executable = true;
  for (const Rights& level : path) {
    if (!level.present) return code;
    if (format_has_nx && !controls.no_execute && level.no_execute) return code + 8 + 1;
    writable = writable && level.writable;
    user_page = user_page && level.user;
    executable = executable && !level.no_execute;
  }
  const bool denied = (user && !user_page) ||                                      //
                      (write && !writable && (user || controls.write_protect)) ||  //
                      (fetch && nx_on && !executable) ||                           //
                      (!user && user_page && fetch && controls.smep) ||            //
                      (!user && user_page && !fetch && controls.smap);
  return denied ? code + 1 : kNone;
}

class RightsTest : public ::testing::TestWithParam<PathFacts> {
 protected:
  bool has_nx() const { return GetParam().format != PagingFormat::kClassic32; }

  /// Sets the path up; `choice` has four bits for each level, the PTE's lowest.
  Path set_path(std::uint64_t choice) {
    Path path;
    for (unsigned level = GetParam().levels; level >= 1; --level) {
      const std::uint64_t bits = choice >> (4 * (level - 1)) & 15;
      const bool bare = tables_.is_bare(level);
      const Rights rights{(bits & 1) != 0, bare || (bits & 2), bare || (bits & 4),
                          has_nx() && !bare && (bits & 8)};
      std::uint64_t flags = rights.present ? 1 : 0;
      if (!bare) flags |= (rights.writable ? 2 : 0) | (rights.user ? 4 : 0);
      if (rights.no_execute) flags |= 1ULL << 63;
      if (level == 1) {
        tables_.write(1, kDataFrame << 12 | flags);
      } else {
        tables_.link(level, flags);
      }
      path.add(rights);
    }
    return path;
  }

  /// Bits that `choice` may leave out, being nothing in this format: keeps the count of cases low.
  bool is_redundant(std::uint64_t choice) const {
    for (unsigned level = 1; level <= GetParam().levels; ++level) {
      const std::uint64_t bits = choice >> (4 * (level - 1)) & 15;
      if (!has_nx() && (bits & 8)) return true;
      if (tables_.is_bare(level) && (bits & ~1ULL)) return true;
    }
    return false;
  }

  void check(std::uint64_t choice, const WalkControls& controls) {
    for (const Access access : {Access::kRead, Access::kWrite, Access::kExecute}) {
      for (const Privilege privilege : {Privilege::kUser, Privilege::kSupervisor}) {
        const Path path = set_path(choice);
        const auto result = tables_.walk(access, privilege, controls);
        const std::uint32_t expected = expected_fault(path, access, privilege, controls, has_nx());
        const bool right = fault_of(result) == expected &&
                           are_marks_right(expected == kNone, access) &&
                           (!result || is_translation_right(*result, path));
        ASSERT_TRUE(right) << std::hex << "rights " << choice << ", access "
                           << static_cast<int>(access) << ", privilege "
                           << static_cast<int>(privilege) << ", WP " << controls.write_protect
                           << ", NXE " << controls.no_execute << ", SMEP " << controls.smep
                           << ", SMAP " << controls.smap << ": error code " << fault_of(result)
                           << ", expected " << expected << ", leaf " << tables_.read(1);
      }
    }
  }

  /// A everywhere and D on a written leaf after success; neither after a fault.
  bool are_marks_right(bool allowed, Access access) {
    for (unsigned level = 1; level <= GetParam().levels; ++level) {
      std::uint64_t marks = 0;
      if (allowed && !tables_.is_bare(level)) marks |= 0x20;
      if (allowed && level == 1 && access == Access::kWrite) marks |= 0x40;
      if ((tables_.read(level) & 0x60) != marks) return false;
    }
    return true;
  }

  bool is_translation_right(const Translation& result, const Path& path) {
    bool writable = true, user_page = true, no_execute = false;
    for (const Rights& level : path) {
      writable = writable && level.writable;
      user_page = user_page && level.user;
      no_execute = no_execute || level.no_execute;
    }
    return result.physical.value == (kDataFrame << 12 | 0xabc) && result.level == 1 &&
           ((result.flags & pte::kWrite) != 0) == writable &&
           ((result.flags & pte::kUser) != 0) == user_page &&
           ((result.flags & pte::kNoExecute) != 0) == no_execute &&
           (result.flags & pte::kDirty) == (tables_.read(1) & 0x40);
  }

  HandMadeTables tables_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Formats, RightsTest, ::testing::ValuesIn(test::kPaths),
                         [](const auto& parameters) { return parameters.param.name; });

TEST_P(RightsTest, EveryCombinationWithWriteProtectOnAndOff) {
  const unsigned levels = GetParam().levels;
  // Five levels make a million combinations: there, entries below an absent one are left out.
  const bool thin_out = levels == 5;
  for (std::uint64_t choice = 0; choice < 1ULL << (4 * levels); ++choice) {
    if (is_redundant(choice)) continue;
    if (thin_out) {
      bool absent = false, seen_below = false;
      for (unsigned level = levels; level >= 1; --level) {
        const std::uint64_t bits = choice >> (4 * (level - 1)) & 15;
        seen_below = seen_below || (absent && bits != 0);
        absent = absent || !(bits & 1);
      }
      if (seen_below) continue;
    }
    check(choice, {.write_protect = true});
    check(choice, {.write_protect = false});
    if (HasFatalFailure()) return;
  }
}

TEST_P(RightsTest, EveryControlWithEveryCombinationOfPresentEntries) {
  const unsigned levels = GetParam().levels;
  std::uint64_t all_present = 0;
  for (unsigned level = 0; level < levels; ++level) all_present |= 1ULL << (4 * level);
  for (std::uint64_t choice = 0; choice < 1ULL << (4 * levels); ++choice) {
    if ((choice & all_present) != all_present || is_redundant(choice)) continue;
    // In five levels the middle ones are as the third.
    if (levels == 5 && ((choice >> 12 & 15) != (choice >> 8 & 15))) continue;
    for (unsigned bits = 0; bits < 16; ++bits) {
      check(choice, {.write_protect = (bits & 1) != 0,
                     .no_execute = (bits & 2) != 0,
                     .smep = (bits & 4) != 0,
                     .smap = (bits & 8) != 0});
    }
    if (HasFatalFailure()) return;
  }
}

TEST_P(RightsTest, ErrorCodesByNumber) {
  const auto user = [&](Access access) { return fault_of(tables_.walk(access)); };
  const auto kernel = [&](Access access) {
    return fault_of(tables_.walk(access, Privilege::kSupervisor));
  };
  const std::uint32_t fetch = has_nx() ? 0x10 : 0;

  tables_.link_all();
  tables_.write(1, 0);
  EXPECT_EQ(user(Access::kRead), 0x4U);
  EXPECT_EQ(user(Access::kWrite), 0x6U);
  EXPECT_EQ(user(Access::kExecute), 0x4U | fetch);
  EXPECT_EQ(kernel(Access::kRead), 0x0U);
  EXPECT_EQ(kernel(Access::kWrite), 0x2U);
  EXPECT_EQ(kernel(Access::kExecute), fetch);

  tables_.write(1, kDataFrame << 12 | 3);  // the kernel's
  EXPECT_EQ(user(Access::kRead), 0x5U);
  EXPECT_EQ(user(Access::kWrite), 0x7U);
  EXPECT_EQ(user(Access::kExecute), 0x5U | fetch);
  EXPECT_EQ(kernel(Access::kWrite), kNone);

  tables_.write(1, kDataFrame << 12 | 5);  // read-only
  EXPECT_EQ(user(Access::kRead), kNone);
  EXPECT_EQ(user(Access::kWrite), 0x7U);
  EXPECT_EQ(kernel(Access::kWrite), 0x3U);
  EXPECT_EQ(user(Access::kExecute), kNone);

  if (has_nx()) {
    tables_.write(1, 1ULL << 63 | kDataFrame << 12 | 7);
    EXPECT_EQ(user(Access::kExecute), 0x15U);
    EXPECT_EQ(kernel(Access::kExecute), 0x11U);
    EXPECT_EQ(user(Access::kWrite), kNone);
  }
  const auto smep = tables_.walk(Access::kExecute, Privilege::kSupervisor, {.smep = true});
  EXPECT_EQ(fault_of(smep), 0x11U);
}

TEST_P(RightsTest, ProtNoneAndSwapAreAbsent) {
  tables_.link_all();
  tables_.write(1, Entry::map(Pfn(kDataFrame), pte::kProtNone | pte::kUser | pte::kWrite).raw());
  EXPECT_EQ(fault_of(tables_.walk()), 0x4U);
  tables_.write(1, Entry::swap(3, 77).raw());
  EXPECT_EQ(fault_of(tables_.walk(Access::kWrite)), 0x6U);
  EXPECT_EQ(tables_.read(1), Entry::swap(3, 77).raw());
}

}  // namespace
}  // namespace gonzo

#include <gtest/gtest.h>

#include "unit/paging/arena.h"
#include <gonzo/paging/kernel_half.h>
#include <gonzo/paging/software_mmu.h>

namespace gonzo::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

/// Written down from Documentation/arch/x86, not taken from the code.
std::uint64_t direct_map_of(PagingFormat format) {
  switch (format) {
    case PagingFormat::kFourLevel:
      return 0xffff'8880'0000'0000;
    case PagingFormat::kFiveLevel:
      return 0xff11'0000'0000'0000;
    case PagingFormat::kClassic32:
    case PagingFormat::kPae:
      break;
  }
  return 0xc000'0000;
}

class KernelHalfTest : public testing::TestWithParam<FormatFacts> {
 protected:
  std::unique_ptr<KernelHalf> create(Arena& arena) {
    auto half = KernelHalf::create(arena.frames(), GetParam().format);
    EXPECT_TRUE(half.has_value());
    return half ? std::move(*half) : nullptr;
  }
  std::unique_ptr<PageTable> table(Arena& arena, const KernelHalf& half) {
    auto made = PageTable::create(arena.frames(), GetParam().format, &half);
    EXPECT_TRUE(made.has_value());
    return made ? std::move(*made) : nullptr;
  }
  auto look(Arena& arena, const PageTable& table, VirtAddr at, Access access, Privilege who) {
    return walk(arena.frames(), GetParam().format, table.root(), at, access, who, {});
  }
};

TEST_P(KernelHalfTest, MapsAllOfMemoryForTheSupervisor) {
  Arena arena(66 * kMiB + 3 * kPageSize);  // neither whole large pages nor whole giant ones
  const auto half = create(arena);
  EXPECT_EQ(half->direct_map().value, direct_map_of(GetParam().format));
  EXPECT_EQ(half->mapped_bytes(), 66 * kMiB + 3 * kPageSize);
  EXPECT_EQ(half->verify(), "");
  const auto user = table(arena, *half);
  for (const std::uint64_t physical :
       {std::uint64_t{0}, std::uint64_t{0x1234}, 64 * kMiB, half->mapped_bytes() - 1}) {
    const VirtAddr at = half->direct_map() + physical;
    EXPECT_TRUE(half->maps(at));
    const auto read = look(arena, *user, at, Access::kRead, Privilege::kSupervisor);
    ASSERT_TRUE(read.has_value()) << physical;
    EXPECT_EQ(read->physical.value, physical);
    EXPECT_TRUE(look(arena, *user, at, Access::kWrite, Privilege::kSupervisor).has_value());
  }
  const VirtAddr past = half->direct_map() + half->mapped_bytes();
  EXPECT_FALSE(half->maps(past));
  EXPECT_FALSE(look(arena, *user, past, Access::kRead, Privilege::kSupervisor).has_value());
  EXPECT_EQ(user->verify(), "");
}

TEST_P(KernelHalfTest, DeniesUsersWithTheErrorCodeOfAPresentPage) {
  Arena arena(8 * kMiB);
  const auto half = create(arena);
  const auto user = table(arena, *half);
  for (const Access access : {Access::kRead, Access::kWrite}) {
    const auto denied = look(arena, *user, half->direct_map() + 0x5000, access, Privilege::kUser);
    ASSERT_FALSE(denied.has_value());
    EXPECT_EQ(denied.error().vector, MmuFault::Vector::kPageFault);
    EXPECT_EQ(denied.error().error_code, fault_code::kPresent | fault_code::kUser |
                                             (access == Access::kWrite ? fault_code::kWrite : 0));
  }
}

TEST_P(KernelHalfTest, EntryPagesAreInEveryTableForTheSupervisorAlone) {
  Arena arena(8 * kMiB);
  const auto half = create(arena);
  const auto frame = [&] {
    return arena.frames().allocate(0, FrameState::kKernel, ZeroPolicy::kZeroed).value();
  };
  const Pfn code = frame(), data = frame(), other = frame();
  const VirtAddr at = half->entry_area().start, next = at + kPageSize;
  ASSERT_TRUE(half->map_entry_page(at, code, KernelHalf::EntryUse::kCode));
  ASSERT_TRUE(half->map_entry_page(next, data, KernelHalf::EntryUse::kData));
  EXPECT_EQ(half->verify(), "");
  const auto user = table(arena, *half);
  EXPECT_EQ(user->verify(), "");
  const auto run = look(arena, *user, at, Access::kExecute, Privilege::kSupervisor);
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->physical, code.address());
  EXPECT_FALSE(look(arena, *user, at, Access::kWrite, Privilege::kSupervisor).has_value());
  EXPECT_TRUE(look(arena, *user, next, Access::kWrite, Privilege::kSupervisor).has_value());
  EXPECT_EQ(look(arena, *user, next, Access::kExecute, Privilege::kSupervisor).has_value(),
            !user->has_no_execute());
  EXPECT_FALSE(look(arena, *user, at, Access::kRead, Privilege::kUser).has_value());
  // What is there can be replaced, in all tables at once.
  ASSERT_TRUE(half->map_entry_page(next, other, KernelHalf::EntryUse::kData));
  const auto read = look(arena, *user, next, Access::kRead, Privilege::kSupervisor);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->physical, other.address());
  for (const Pfn pfn : {code, data, other}) arena.frames().put(pfn);
}

TEST_P(KernelHalfTest, LargePagesKeepItSmall) {
  Arena arena(64 * kMiB);
  const auto half = create(arena);
  // 64 MiB are 16 pages of 4 MiB in the root itself, or 32 of 2 MiB in one table of level 2.
  EXPECT_EQ(half->table_frames(), GetParam().levels - 1);
  EXPECT_EQ(arena.frames().stats().by_state[static_cast<int>(FrameState::kKernel)],
            half->table_frames());
}

TEST_P(KernelHalfTest, IsSharedAndNeverTheUsersToChange) {
  Arena arena(16 * kMiB);
  const auto half = create(arena);
  const std::uint64_t before = arena.table_frames();
  const auto first = table(arena, *half);
  const auto second = table(arena, *half);
  EXPECT_EQ(arena.table_frames() - before, 2U);  // two roots, nothing below them
  const VirtAddr kernel = half->direct_map() + 0x3000;
  EXPECT_FALSE(first->find(kernel));
  unsigned seen = 0;
  first->for_each_entry({VirtAddr(0), VirtAddr(~0ULL)}, [&](const LeafSlot&) {
    ++seen;
    return true;
  });
  EXPECT_EQ(seen, 0U);
  EXPECT_EQ(first->verify(), "");
}

TEST_P(KernelHalfTest, VerifyFindsAChangedCopy) {
  Arena arena(16 * kMiB);
  const auto half = create(arena);
  const auto user = table(arena, *half);
  // The last entry of the root is the kernel's in every format but PAE, which has four.
  const bool narrow = GetParam().format == PagingFormat::kClassic32;
  const std::size_t last = GetParam().format == PagingFormat::kPae ? 3 * 8 : narrow ? 4092 : 4088;
  std::byte* const entry = arena.frames().address(user->root()) + last;
  const std::byte kept = *entry;
  *entry = kept ^ std::byte{4};
  EXPECT_NE(user->verify(), "");
  *entry = kept;
  EXPECT_EQ(user->verify(), "");
}

TEST(KernelHalf, LeavesTheTopOf32BitsFree) {
  Arena arena(std::size_t{1} << 30);
  for (const PagingFormat format : {PagingFormat::kClassic32, PagingFormat::kPae}) {
    const auto half = KernelHalf::create(arena.frames(), format);
    ASSERT_TRUE(half.has_value());
    EXPECT_EQ((*half)->mapped_bytes(), 896 * kMiB);
    EXPECT_EQ((*half)->verify(), "");
  }
}

TEST(KernelHalf, ServesItsOwnFormatOnly) {
  Arena arena(8 * kMiB);
  const auto half = KernelHalf::create(arena.frames(), PagingFormat::kPae);
  ASSERT_TRUE(half.has_value());
  const auto table = PageTable::create(arena.frames(), PagingFormat::kClassic32, half->get());
  ASSERT_FALSE(table.has_value());
  EXPECT_EQ(table.error(), Errno::kInval);
}

TEST(KernelHalf, GivesItsTablesBackWhenItCannotBeMade) {
  Arena arena(8 * kMiB + kPageSize);
  for (std::uint64_t nth = 1; nth <= 4; ++nth) {
    arena.frames().fail_nth(nth);
    EXPECT_FALSE(KernelHalf::create(arena.frames(), PagingFormat::kFourLevel).has_value());
  }
  arena.frames().fail_nth(0);
}

INSTANTIATE_TEST_SUITE_P(Formats, KernelHalfTest, testing::ValuesIn(kFormats),
                         [](const auto& facts) { return facts.param.name; });

}  // namespace
}  // namespace gonzo::test

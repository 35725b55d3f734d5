// The way through the tables, against where a walk ends.
#include <gtest/gtest.h>

#include "unit/paging/arena.h"
#include <gonzo/paging/software_mmu.h>
#include <gonzo/paging/table_path.h>

namespace gonzo::test {
namespace {

class TablePathTest : public ::testing::TestWithParam<FormatFacts> {
 protected:
  TablePath trace(VirtAddr address) {
    return trace_path(arena_.frames(), GetParam().format, table_->root(), address);
  }

  static constexpr VirtAddr kAddress{0x40201000};
  Arena arena_;
  std::unique_ptr<PageTable> table_ = *PageTable::create(arena_.frames(), GetParam().format);
};

INSTANTIATE_TEST_SUITE_P(Formats, TablePathTest, ::testing::ValuesIn(kFormats),
                         [](const auto& facts) { return facts.param.name; });

TEST_P(TablePathTest, EndsAtTheRootOfEmptyTables) {
  const TablePath path = trace(kAddress);
  ASSERT_EQ(path.steps().size(), 1U);
  EXPECT_EQ(path.last().level, GetParam().levels);
  EXPECT_EQ(path.last().table, table_->root());
  EXPECT_TRUE(path.last().entry.is_blank());
  EXPECT_EQ(path.last().leads, TableStep::Leads::kNowhere);
  EXPECT_TRUE(path.last().target.is_none());
}

TEST_P(TablePathTest, EndsWhereAWalkDoes) {
  const Pfn pfn = arena_.allocate(FrameState::kAnonymous);
  const EntryRef slot = *table_->ensure(kAddress);
  slot.store(Entry::map(pfn, kUserPage));
  table_->entry_filled(slot);
  const TablePath path = trace(kAddress + 0x45);
  EXPECT_EQ(path.steps().size(), GetParam().levels);
  EXPECT_EQ(path.last().leads, TableStep::Leads::kToPage);
  EXPECT_EQ(path.last().start, kAddress);
  EXPECT_EQ(path.last().bytes, kPageSize);
  const auto walked = walk(arena_.frames(), GetParam().format, table_->root(), kAddress,
                           Access::kRead, Privilege::kUser);
  ASSERT_TRUE(walked);
  EXPECT_EQ(path.last().target.address(), walked->physical);
  // A walk to write would set D; this one marks nothing.
  EXPECT_FALSE(slot.load().has(pte::kDirty));
  slot.store(Entry());
  table_->entry_blanked(slot);
  arena_.frames().put(pfn);
}

TEST_P(TablePathTest, EndsAtALargePage) {
  const std::uint64_t bytes = GetParam().large_bytes;
  const unsigned order = bytes == 4ULL << 20 ? 10 : 9;
  const auto block = arena_.frames().allocate(order, FrameState::kAnonymous, ZeroPolicy::kDontCare);
  ASSERT_TRUE(block);
  const VirtAddr start(bytes * 5);
  ASSERT_TRUE(table_->map_large(start, 2, Entry::map(*block, kUserPage)));
  const TablePath path = trace(start + 3 * kPageSize);
  EXPECT_EQ(path.last().level, 2U);
  EXPECT_EQ(path.last().leads, TableStep::Leads::kToPage);
  EXPECT_EQ(path.last().start, start);
  EXPECT_EQ(path.last().bytes, bytes);
  EXPECT_EQ(path.last().target, *block);
  const EntryRef slot = table_->find(start);
  slot.store(Entry());
  table_->entry_blanked(slot);
  arena_.frames().free(*block, order);
}

TEST_P(TablePathTest, HasNoWayToWhatIsNoAddress) {
  const VirtAddr beyond(is_32bit(GetParam().format) ? 1ULL << 32 : GetParam().user_end + kPageSize);
  EXPECT_FALSE(is_canonical(GetParam().format, beyond));
  EXPECT_TRUE(is_canonical(GetParam().format, kAddress));
  EXPECT_TRUE(trace(beyond).steps().empty());
  EXPECT_EQ(trace(beyond).last().level, 0U);
}

}  // namespace
}  // namespace gonzo::test

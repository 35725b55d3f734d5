#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "unit/paging/arena.h"
#include <gonzo/paging/page_table.h>
#include <gonzo/paging/tlb_gather.h>
#include <gonzo/paging/translation_cache.h>

namespace gonzo {
namespace {

using test::Arena;
using test::FormatFacts;
using test::kUserPage;

class PageTableTest : public ::testing::TestWithParam<FormatFacts> {
 protected:
  PageTableTest() : table_(*PageTable::create(arena_.frames(), GetParam().format)) {}
  ~PageTableTest() override {
    EXPECT_EQ(table_ ? table_->verify() : "", "");
    table_.reset();
    EXPECT_EQ(arena_.table_frames(), 0U) << "tables leaked";
  }

  void fill(VirtAddr address, Entry entry) {
    auto slot = table_->ensure(address);
    ASSERT_TRUE(slot.has_value());
    ASSERT_TRUE(slot->exchange(entry).is_blank());
    table_->entry_filled(*slot);
  }
  void blank(VirtAddr address) {
    const EntryRef slot = table_->find(address);
    ASSERT_TRUE(slot);
    ASSERT_FALSE(slot.exchange(Entry()).is_blank());
    table_->entry_blanked(slot);
  }
  static Entry page(std::uint64_t frame) { return Entry::map(Pfn(frame), kUserPage); }
  std::vector<std::pair<std::uint64_t, Entry>> entries_in(AddressRange range) const {
    std::vector<std::pair<std::uint64_t, Entry>> found;
    table_->for_each_entry(range, [&](const LeafSlot& leaf) {
      found.emplace_back(leaf.address.value, leaf.entry.load());
      return true;
    });
    return found;
  }
  std::vector<std::pair<std::uint64_t, Entry>> all_entries() const {
    return entries_in({VirtAddr(0), VirtAddr(~0ULL)});
  }
  void free_everything() {
    table_->free_tables({VirtAddr(0), table_->user_end()}, VirtAddr(0), table_->user_end());
  }
  /// First and last user page, and the pages around each border between tables of any level.
  std::vector<VirtAddr> edges() const {
    const std::uint64_t last = GetParam().user_end - kPageSize;
    std::vector<VirtAddr> result{VirtAddr(0), VirtAddr(last)};
    for (unsigned shift = 21; (2ULL << shift) < last; ++shift) {
      result.emplace_back((1ULL << shift) - kPageSize);
      result.emplace_back(1ULL << shift);
    }
    return result;
  }

  Arena arena_;
  std::unique_ptr<PageTable> table_;
};

INSTANTIATE_TEST_SUITE_P(Formats, PageTableTest, ::testing::ValuesIn(test::kFormats),
                         [](const auto& parameters) { return parameters.param.name; });

TEST_P(PageTableTest, FactsAreTheFormats) {
  EXPECT_EQ(table_->format(), GetParam().format);
  EXPECT_EQ(table_->user_end(), VirtAddr(GetParam().user_end));
  EXPECT_EQ(table_->has_no_execute(), GetParam().no_execute);
  EXPECT_EQ(table_->table_frames(), 1U);
  EXPECT_EQ(arena_.table_frames(), 1U);
  EXPECT_TRUE(table_->can_map(Pfn(0xfffff)));
  const bool wide = GetParam().format != PagingFormat::kClassic32;
  EXPECT_EQ(table_->can_map(Pfn(0x100000)), wide);
  EXPECT_FALSE(table_->can_map(Pfn::none()));
  EXPECT_TRUE(table_->can_hold(Entry::map(Pfn(0xfffff), kUserPage | pte::kNoExecute)));
  EXPECT_TRUE(table_->can_hold(Entry::swap(31, (1ULL << 23) - 2)));
  EXPECT_EQ(table_->can_hold(Entry::swap(31, (1ULL << 23) - 1)), wide);
}

TEST_P(PageTableTest, FindsWhatWasFilledAtEveryEdge) {
  std::uint64_t frame = 1;
  for (const VirtAddr address : edges()) {
    EXPECT_TRUE(!table_->find(address) || table_->find(address).load().is_blank());
    fill(address, page(frame));
    EXPECT_EQ(table_->find(address).load(), page(frame));
    EXPECT_EQ(table_->find(address + 0xfff).slot(), table_->find(address).slot());
    ++frame;
  }
  frame = 1;
  for (const VirtAddr address : edges()) {
    EXPECT_EQ(table_->find(address).load(), page(frame++)) << std::hex << address.value;
  }
}

TEST_P(PageTableTest, KeepsEveryKindOfLeafValue) {
  const std::uint64_t no_execute = GetParam().no_execute ? pte::kNoExecute : 0;
  const Entry values[] = {
      page(0xfffff),
      Entry::map(Pfn(7), pte::kPresent | pte::kUser | no_execute),
      Entry::map(Pfn(7), pte::kProtNone | pte::kDirty | no_execute),
      Entry::swap(0, 0),
      Entry::swap(31, 0x7ffffe),
      Entry::map(Pfn(9), 0xfff),  // every low flag
  };
  VirtAddr address(0x10000);
  for (const Entry value : values) {
    fill(address, value);
    EXPECT_EQ(table_->find(address).load(), value);
    EXPECT_EQ(entries_in({address, address + kPageSize}).at(0).second, value);
    address += kPageSize;
  }
}

TEST_P(PageTableTest, AddressesOutsideTheUserHalfHaveNoSlot) {
  EXPECT_FALSE(table_->find(VirtAddr(GetParam().user_end)));
  EXPECT_FALSE(table_->find(VirtAddr(~0ULL)));
  EXPECT_FALSE(table_->find(VirtAddr(0xffff'8000'0000'0000)));
}

TEST_P(PageTableTest, MakesOneTablePerLevelAndSharesThem) {
  const VirtAddr address(0x400000);
  fill(address, page(1));
  EXPECT_EQ(table_->table_frames(), GetParam().levels);
  fill(address + kPageSize, page(2));
  EXPECT_EQ(table_->table_frames(), GetParam().levels);
  fill(address + GetParam().large_bytes, page(3));
  EXPECT_EQ(table_->table_frames(), GetParam().levels + 1);
  EXPECT_EQ(arena_.table_frames(), table_->table_frames());
}

TEST_P(PageTableTest, FindMakesNoTables) {
  EXPECT_FALSE(table_->find(VirtAddr(0x400000)));
  EXPECT_EQ(table_->table_frames(), 1U);
}

TEST_P(PageTableTest, FailedTablesAreReportedAndLeaveNothingBehind) {
  for (unsigned nth = 1; nth < GetParam().levels; ++nth) {
    arena_.frames().fail_nth(nth);
    EXPECT_EQ(table_->ensure(VirtAddr(0x400000)).error(), Errno::kNoMem);
    EXPECT_EQ(table_->table_frames(), nth);
    EXPECT_EQ(table_->verify(), "");
    free_everything();
    EXPECT_EQ(table_->table_frames(), 1U);
  }
  arena_.frames().fail_nth(1);
  EXPECT_EQ(PageTable::create(arena_.frames(), GetParam().format).error(), Errno::kNoMem);
}

TEST_P(PageTableTest, FreesTablesOnceTheLastEntryGoes) {
  fill(VirtAddr(0x400000), page(1));
  fill(VirtAddr(0x401000), page(2));
  free_everything();
  EXPECT_EQ(table_->table_frames(), GetParam().levels) << "tables in use must stay";
  blank(VirtAddr(0x400000));
  free_everything();
  EXPECT_EQ(table_->table_frames(), GetParam().levels);
  blank(VirtAddr(0x401000));
  EXPECT_EQ(table_->table_frames(), GetParam().levels);
  free_everything();
  EXPECT_EQ(table_->table_frames(), 1U);
  EXPECT_FALSE(table_->find(VirtAddr(0x400000)));
}

TEST_P(PageTableTest, TheLastTableIsFreedThoughItReachesPastTheUsersEnd) {
  const VirtAddr last(GetParam().user_end - kPageSize);
  fill(last, page(1));
  blank(last);
  table_->free_tables({last, last + kPageSize}, last, table_->user_end());
  EXPECT_EQ(table_->table_frames(), GetParam().levels) << "the floor cuts the table";
  table_->free_tables({last, last + kPageSize}, VirtAddr(0), table_->user_end());
  EXPECT_EQ(table_->table_frames(), 1U);
}

TEST_P(PageTableTest, FloorAndCeilingProtectTheNeighboursTables) {
  const std::uint64_t large = GetParam().large_bytes;
  const AddressRange range{VirtAddr(10 * large), VirtAddr(13 * large)};
  for (unsigned i = 0; i < 3; ++i) {
    fill(range.start + i * large, page(1));
    blank(range.start + i * large);
  }
  const std::uint64_t before = table_->table_frames();
  table_->free_tables(range, range.start + kPageSize, range.end - kPageSize);
  EXPECT_EQ(table_->table_frames(), before - 1) << "only the middle table lies between";
  EXPECT_FALSE(table_->find(range.start + large));
  table_->free_tables(range, range.start, range.end);
  EXPECT_FALSE(table_->find(range.start));
  EXPECT_FALSE(table_->find(range.end - 1));
  // Upper tables reach beyond the ceiling and stay until it allows them.
  EXPECT_EQ(table_->table_frames(), GetParam().levels - 1);
  free_everything();
  EXPECT_EQ(table_->table_frames(), 1U);
}

TEST_P(PageTableTest, FreeTablesLooksNoFurtherThanItsRange) {
  const std::uint64_t large = GetParam().large_bytes;
  for (const std::uint64_t at : {std::uint64_t{0}, 5 * large}) {
    fill(VirtAddr(at), page(1));
    blank(VirtAddr(at));
  }
  table_->free_tables({VirtAddr(0), VirtAddr(large)}, VirtAddr(0), table_->user_end());
  EXPECT_FALSE(table_->find(VirtAddr(0)));
  EXPECT_TRUE(table_->find(VirtAddr(5 * large)));
}

/// Notes what was announced, and which table frames were free by then.
class Announcements final : public TranslationCache {
 public:
  explicit Announcements(Arena& arena) : arena_(arena) {}
  void invalidate(AddressRange range, Stricter) override {
    ranges.push_back(range);
    tables_before.push_back(arena_.table_frames());
  }
  std::vector<AddressRange> ranges;
  std::vector<std::uint64_t> tables_before;

 private:
  Arena& arena_;
};

TEST_P(PageTableTest, GatheredTablesLiveUntilTheFlush) {
  Announcements cache(arena_);
  const AddressRange range{VirtAddr(0x400000), VirtAddr(0x402000)};
  fill(range.start, page(1));
  blank(range.start);
  {
    TlbGather gather(arena_.frames(), cache);
    table_->free_tables(range, VirtAddr(0), table_->user_end(), gather);
    EXPECT_FALSE(table_->find(range.start));
    EXPECT_EQ(table_->table_frames(), 1U);
    EXPECT_EQ(arena_.table_frames(), GetParam().levels);
  }
  EXPECT_EQ(arena_.table_frames(), 1U);
  EXPECT_EQ(cache.ranges, std::vector{range});
  EXPECT_EQ(cache.tables_before, std::vector<std::uint64_t>{GetParam().levels});
}

TEST_P(PageTableTest, DestructionFreesWhatIsStillFilled) {
  for (const VirtAddr address : edges()) fill(address, page(1));
  EXPECT_GT(arena_.table_frames(), GetParam().levels);
  table_.reset();
  EXPECT_EQ(arena_.table_frames(), 0U);
}

TEST_P(PageTableTest, TheKernelsHalfOfTheRootIsLeftAlone) {
  const Pfn kernel_table = arena_.allocate(FrameState::kKernel);
  std::byte* const root = arena_.frames().address(table_->root());
  // The slot that follows the last user one.
  const std::uint64_t raw = kernel_table.address().value | 3;
  if (GetParam().format == PagingFormat::kClassic32) {
    reinterpret_cast<std::uint32_t*>(root)[768] = static_cast<std::uint32_t>(raw);
  } else {
    const bool pae = GetParam().format == PagingFormat::kPae;
    reinterpret_cast<std::uint64_t*>(root)[pae ? 3 : 256] = raw;
  }
  fill(VirtAddr(GetParam().user_end - kPageSize), page(1));
  EXPECT_EQ(all_entries().size(), 1U);
  EXPECT_EQ(table_->verify(), "");
  blank(VirtAddr(GetParam().user_end - kPageSize));
  free_everything();
  table_.reset();
  EXPECT_EQ(arena_.frames().frame(kernel_table).refs.load(), 1);
  arena_.frames().put(kernel_table);
}

TEST_P(PageTableTest, WalksShowEntriesInOrderAndOnlyThoseInRange) {
  std::vector<std::pair<std::uint64_t, Entry>> expected;
  for (std::uint64_t at = 0; at < GetParam().user_end / 2; at = at * 3 + 0x7000) {
    fill(VirtAddr(at), page(at >> 12 & 0xfffff));
    expected.emplace_back(at, page(at >> 12 & 0xfffff));
  }
  EXPECT_EQ(all_entries(), expected);
  for (std::size_t i = 0; i + 1 < expected.size(); ++i) {
    const AddressRange exactly{VirtAddr(expected[i].first), VirtAddr(expected[i + 1].first)};
    EXPECT_EQ(entries_in(exactly), std::vector{expected[i]});
    const AddressRange between{VirtAddr(expected[i].first + kPageSize),
                               VirtAddr(expected[i + 1].first)};
    EXPECT_TRUE(entries_in(between).empty());
  }
  EXPECT_TRUE(entries_in({VirtAddr(0x1000), VirtAddr(0x1000)}).empty());
}

/// Above 4 GiB there are frames that a 32-bit CR3 and 4-byte entries cannot name.
TEST_P(PageTableTest, ATableBeyondTheFormatsReachIsRefused) {
  Arena large(std::size_t{5} << 30);
  const auto table = PageTable::create(large.frames(), GetParam().format);
  const bool reaches = GetParam().levels > 3;
  ASSERT_EQ(table.has_value(), reaches);
  if (reaches) {
    EXPECT_GE((*table)->root(), Pfn(1U << 20)) << "the test needs a high frame";
  } else {
    EXPECT_EQ(table.error(), Errno::kNoMem);
  }
  EXPECT_EQ(large.table_frames(), reaches ? 1U : 0U);
}

TEST_P(PageTableTest, AVisitorCanStop) {
  for (unsigned i = 0; i < 4; ++i) fill(VirtAddr(i * GetParam().large_bytes), page(1));
  unsigned seen = 0;
  EXPECT_FALSE(table_->for_each_entry({VirtAddr(0), table_->user_end()},
                                      [&](const LeafSlot&) { return ++seen != 2; }));
  EXPECT_EQ(seen, 2U);
  seen = 0;
  EXPECT_FALSE(table_->for_each_table({VirtAddr(0), table_->user_end()},
                                      [&](VirtAddr, EntryRef, unsigned) { return ++seen != 2; }));
  EXPECT_EQ(seen, 2U);
}

TEST_P(PageTableTest, AVisitorMayBlankAllItSees) {
  constexpr unsigned kPages = 3000;
  for (unsigned i = 0; i < kPages; ++i) fill(VirtAddr(i * kPageSize), page(i + 1));
  unsigned seen = 0;
  EXPECT_TRUE(table_->for_each_entry({VirtAddr(0), table_->user_end()}, [&](const LeafSlot& leaf) {
    EXPECT_EQ(leaf.entry.exchange(Entry()), page(++seen));
    table_->entry_blanked(leaf.entry);
    return true;
  }));
  EXPECT_EQ(seen, kPages);
  EXPECT_TRUE(all_entries().empty());
  free_everything();
  EXPECT_EQ(table_->table_frames(), 1U);
}

TEST_P(PageTableTest, TableRunsAreCutAtTablesAndAtTheRange) {
  const std::uint64_t large = GetParam().large_bytes;
  for (const std::uint64_t at : {large, 2 * large, 7 * large}) fill(VirtAddr(at), page(1));
  struct Run {
    std::uint64_t first;
    unsigned count;
    bool operator==(const Run&) const = default;
  };
  std::vector<Run> runs;
  const AddressRange range{VirtAddr(large + 3 * kPageSize), VirtAddr(7 * large + 5 * kPageSize)};
  EXPECT_TRUE(table_->for_each_table(range, [&](VirtAddr first, EntryRef entry, unsigned count) {
    EXPECT_EQ(entry, table_->find(first));
    EXPECT_EQ(entry.at(count - 1), table_->find(first + (count - 1) * kPageSize));
    runs.push_back({first.value, count});
    return true;
  }));
  const auto per_table = static_cast<unsigned>(large / kPageSize);
  EXPECT_EQ(runs,
            (std::vector<Run>{
                {large + 3 * kPageSize, per_table - 3}, {2 * large, per_table}, {7 * large, 5}}));
}

TEST_P(PageTableTest, TableRunsSkipEmptiedTables) {
  fill(VirtAddr(0), page(1));
  blank(VirtAddr(0));
  EXPECT_TRUE(table_->for_each_table({VirtAddr(0), table_->user_end()},
                                     [](VirtAddr, EntryRef, unsigned) { return false; }));
}

TEST_P(PageTableTest, VerifySeesAMiscount) {
  fill(VirtAddr(0x1000), page(1));
  const EntryRef slot = table_->find(VirtAddr(0x1000));
  table_->entry_filled(slot);
  EXPECT_NE(table_->verify(), "");
  table_->entry_blanked(slot, 2);
  EXPECT_NE(table_->verify(), "");
  table_->entry_filled(slot);
  EXPECT_EQ(table_->verify(), "");
}

TEST_P(PageTableTest, LargePagesStandInTheirDirectory) {
  const std::uint64_t large = GetParam().large_bytes;
  const std::uint64_t tables = GetParam().levels - 1;
  const VirtAddr address(4 * large);
  const Entry entry = Entry::map(Pfn(3 * large >> kPageShift), kUserPage);
  ASSERT_TRUE(table_->map_large(address, 2, entry).has_value());
  EXPECT_EQ(table_->table_frames(), tables);

  const LeafSlot leaf = table_->find_leaf(address + 0x12345);
  EXPECT_EQ(leaf.level, 2U);
  EXPECT_EQ(leaf.address, address);
  EXPECT_EQ(leaf.entry.load(), entry.with(pte::kPageSize));
  EXPECT_EQ(table_->find(address + 0x12345), leaf.entry);

  EXPECT_EQ(table_->ensure(address + kPageSize).error(), Errno::kExist);
  EXPECT_EQ(table_->map_large(address, 2, entry).error(), Errno::kExist);
  // Shown whole, even to a walk that starts inside it.
  const auto seen = entries_in({address + 2 * kPageSize, address + 3 * kPageSize});
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].first, address.value);

  free_everything();
  EXPECT_EQ(table_->table_frames(), tables);
  EXPECT_FALSE(leaf.entry.exchange(Entry()).is_blank());
  table_->entry_blanked(leaf.entry);
  free_everything();
  EXPECT_EQ(table_->table_frames(), 1U);
}

TEST_P(PageTableTest, GiantPagesWhereTheFormatHasThem) {
  const std::uint64_t giant = 1ULL << 30;
  const Entry entry = Entry::map(Pfn(giant >> kPageShift), kUserPage);
  const auto mapped = table_->map_large(VirtAddr(giant), 3, entry);
  if (!GetParam().has_giant) {
    EXPECT_EQ(mapped.error(), Errno::kInval);
    return;
  }
  ASSERT_TRUE(mapped.has_value());
  EXPECT_EQ(table_->table_frames(), GetParam().levels - 2);
  EXPECT_EQ(table_->find_leaf(VirtAddr(giant + 5 * kPageSize)).level, 3U);
  fill(VirtAddr(2 * giant), page(1));
  EXPECT_EQ(all_entries().size(), 2U);
  EXPECT_EQ(table_->map_large(VirtAddr(giant), 2, entry).error(), Errno::kExist);
}

TEST_P(PageTableTest, LargePagesAreRefusedWhereTheyCannotBe) {
  const std::uint64_t large = GetParam().large_bytes;
  const Entry good = Entry::map(Pfn(large >> kPageShift), kUserPage);
  const auto error = [&](std::uint64_t at, unsigned level, Entry entry) {
    const auto result = table_->map_large(VirtAddr(at), level, entry);
    return result ? Errno{0} : result.error();
  };
  EXPECT_EQ(error(large, 1, good), Errno::kInval);
  EXPECT_EQ(error(large, 4, good), Errno::kInval);
  EXPECT_EQ(error(large, GetParam().levels + 1, good), Errno::kInval);
  EXPECT_EQ(error(large + kPageSize, 2, good), Errno::kInval);
  EXPECT_EQ(error(large, 2, Entry::map(Pfn(2), kUserPage)), Errno::kInval);
  EXPECT_EQ(error(large, 2, Entry::swap(1, 1)), Errno::kInval);
  EXPECT_EQ(error(large, 2, Entry()), Errno::kInval);
  EXPECT_EQ(error((GetParam().user_end + large) & ~(large - 1), 2, good), Errno::kInval);
  if (GetParam().format == PagingFormat::kClassic32) {
    EXPECT_EQ(error(large, 2, Entry::map(Pfn(1ULL << 20), kUserPage)), Errno::kInval);
  }
  EXPECT_EQ(table_->table_frames(), 1U);
  fill(VirtAddr(large), page(1));
  EXPECT_EQ(error(large, 2, good), Errno::kExist);
}

/// Memory runs out in the midst of a fault, and what makes room faults at the same address.
class Competitor final : public PressureHandler {
 public:
  bool make_room(std::size_t) override {
    FrameAllocator& frames = arena->frames();
    for (unsigned i = 0; i < 16; ++i) {
      frames.put(hoard.back());
      hoard.pop_back();
    }
    if (table) found = *table->ensure(kAddress);
    return true;
  }
  static constexpr VirtAddr kAddress{0x400000};
  Arena* arena = nullptr;
  PageTable* table = nullptr;
  std::vector<Pfn> hoard;
  EntryRef found;
};

TEST_P(PageTableTest, WhoComesSecondUsesTheTablesOfTheFirst) {
  Competitor competitor;
  Arena arena(std::size_t{4} << 20, &competitor);
  competitor.arena = &arena;
  const auto table = *PageTable::create(arena.frames(), GetParam().format);
  for (std::uint64_t left = arena.frames().stats().free; left > 0; --left) {
    competitor.hoard.push_back(arena.allocate(FrameState::kKernel));
  }
  ASSERT_EQ(arena.frames().stats().free, 0U);
  competitor.table = table.get();

  EXPECT_EQ(*table->ensure(Competitor::kAddress), competitor.found);
  EXPECT_TRUE(competitor.found);
  EXPECT_EQ(table->table_frames(), GetParam().levels);
  EXPECT_EQ(arena.table_frames(), GetParam().levels) << "the loser's table went back";
  EXPECT_EQ(table->verify(), "");
  for (const Pfn pfn : competitor.hoard) arena.frames().put(pfn);
}

TEST_P(PageTableTest, ThreadsMakeTheSameTablesOnce) {
  constexpr unsigned kThreads = 4;
  const std::uint64_t large = GetParam().large_bytes;
  constexpr unsigned kTables = 40;
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < kThreads; ++id) {
    threads.emplace_back([&, id] {
      for (unsigned i = 0; i < kTables; ++i) {
        const VirtAddr address(i * large + id * kPageSize);
        auto slot = table_->ensure(address);
        ASSERT_TRUE(slot.has_value());
        Entry blank;
        ASSERT_TRUE(slot->compare_exchange(blank, page(i * kThreads + id + 1)));
        table_->entry_filled(*slot);
        ASSERT_EQ(table_->find(address), *slot);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(table_->table_frames(), GetParam().levels + kTables - 1);
  EXPECT_EQ(arena_.table_frames(), table_->table_frames());
  EXPECT_EQ(all_entries().size(), kThreads * kTables);
  EXPECT_EQ(table_->verify(), "");
}

TEST_P(PageTableTest, WalksRunBesideFaults) {
  constexpr unsigned kPages = 4000;
  std::thread faults([&] {
    for (unsigned i = 0; i < kPages; ++i) fill(VirtAddr(i * kPageSize), page(i + 1));
  });
  for (unsigned round = 0; round < 20; ++round) {
    for (const auto& [address, entry] : all_entries()) {
      ASSERT_EQ(entry, page((address >> kPageShift) + 1));
    }
  }
  faults.join();
  EXPECT_EQ(all_entries().size(), kPages);
}

}  // namespace
}  // namespace gonzo

// What is behind an address, on each format of page tables.
#include <gmock/gmock.h>
#include <sys/mman.h>

#include <sstream>

#include "observe/entry_text.h"
#include "observe/explanation.h"
#include "observe/wrap.h"
#include "unit/mm/swap_guest.h"
#include "unit/paging/arena.h"
#include <gonzo/cache/shared_memory.h>
#include <gonzo/paging/kernel_half.h>

namespace gonzo::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int kGuardInstall = 102;  // MADV_GUARD_INSTALL
constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;

class Explain : public SwapGuest, public ::testing::WithParamInterface<FormatFacts> {
 protected:
  void SetUp() override { start_with(kDefaultPolicy, GetParam().format); }

  VirtAddr at(std::uint64_t n) { return page(n) + 0x123; }
  Explanation ask(VirtAddr address) { return explain(*space_, address); }
  std::vector<std::string_view> last_flags(const Explanation& explanation) {
    return entry_flags(GetParam().format, explanation.page.path.last());
  }
  void map_shared(std::uint64_t bytes, std::uint64_t pages, std::uint64_t where) {
    if (shared_ == nullptr) {
      shared_ = make_shared_memory(*frames_, bytes, {.inode = 3, .path = "/memfd:test (deleted)"},
                                   {}, ShmemCommit::kWhole, &manager_->objects());
    }
    must_map({.hint = page(where),
              .length = pages * kPageSize,
              .protection = kReadWrite,
              .flags = MAP_SHARED | MAP_FIXED,
              .object = shared_});
  }
  void TearDown() override {
    shared_.reset();
    SwapGuest::TearDown();
  }

  ObjectRef shared_;
};

INSTANTIATE_TEST_SUITE_P(Formats, Explain, ::testing::ValuesIn(kFormats),
                         [](const auto& facts) { return facts.param.name; });

TEST_P(Explain, NeverTouched) {
  map(4);
  const Explanation explanation = ask(at(1));
  EXPECT_EQ(explanation.residence, Residence::kNeverTouched);
  ASSERT_TRUE(explanation.page.area);
  EXPECT_EQ(explanation.page.area->line, "10000000-10004000 rw-p 00000000 00:00 0 ");
  EXPECT_FALSE(explanation.page.frame);
  EXPECT_EQ(explanation.page.path.steps().size(), 1U);
  EXPECT_THAT(last_flags(explanation), ElementsAre("blank"));
  EXPECT_THAT(explanation.reason, HasSubstr("first read maps a page of zeros"));
}

TEST_P(Explain, PresentPageHasItsWholePath) {
  map(4);
  poke(page(1), 7);
  const Explanation explanation = ask(at(1));
  EXPECT_EQ(explanation.residence, Residence::kPresent);
  const auto steps = explanation.page.path.steps();
  ASSERT_EQ(steps.size(), GetParam().levels);
  Pfn table = space_->page_table().root();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].level, GetParam().levels - i);
    EXPECT_EQ(steps[i].table, table);
    EXPECT_LE(steps[i].start, at(1));
    EXPECT_LT(at(1) - steps[i].start, steps[i].bytes);
    table = steps[i].target;
  }
  const unsigned mask = GetParam().format == PagingFormat::kClassic32 ? 1023 : 511;
  EXPECT_EQ(steps.back().index, page(1).page_number() & mask);
  EXPECT_EQ(steps.back().entry, entry(page(1)));
  EXPECT_THAT(last_flags(explanation), Contains("D"));
  EXPECT_THAT(last_flags(explanation), Contains("R/W"));
  EXPECT_EQ(testing::Value(last_flags(explanation), Contains("NX")), GetParam().no_execute);

  ASSERT_TRUE(explanation.page.frame);
  EXPECT_EQ(explanation.page.frame->pfn, entry(page(1)).pfn());
  EXPECT_EQ(explanation.page.frame->state, FrameState::kAnonymous);
  EXPECT_EQ(explanation.page.frame->refs, 1);
  EXPECT_EQ(explanation.page.frame->maps, 1);
  ASSERT_THAT(explanation.mappings, SizeIs(1));
  EXPECT_EQ(explanation.mappings[0].address, page(1));
  EXPECT_EQ(explanation.mappings[0].space, space_->id());
  EXPECT_EQ(explanation.policy, kDefaultPolicy);
  EXPECT_THAT(explanation.policy_place, HasSubstr("arriving"));
}

TEST_P(Explain, PolicyTellsWhereThePageIs) {
  map(1);
  poke(page(0), 1);
  std::ignore = reclaimer_->page_out({});  // tells it what has come
  EXPECT_THAT(ask(at(0)).policy_place, HasSubstr("inactive_anon"));
}

TEST_P(Explain, ChangesNothing) {
  map(4);
  poke(page(0), 7);
  const Entry before = entry(page(0));
  const AddressSpaceCounts counts = space_->counts();
  for (std::uint64_t i = 0; i < 5; ++i) ask(at(i));
  EXPECT_EQ(entry(page(0)), before);
  EXPECT_EQ(space_->counts().minor_faults, counts.minor_faults);
  EXPECT_EQ(space_->counts().rss(), counts.rss());
  EXPECT_EQ(frame(page(0)).refs.load(), 1);
}

TEST_P(Explain, ZeroPage) {
  map(1);
  peek(page(0));
  const Explanation explanation = ask(at(0));
  EXPECT_EQ(explanation.residence, Residence::kZeroPage);
  EXPECT_TRUE(explanation.page.is_zero_page);
  EXPECT_THAT(last_flags(explanation), Contains("special"));
  EXPECT_THAT(explanation.mappings, IsEmpty());
}

TEST_P(Explain, NoAccess) {
  map(1);
  poke(page(0), 1);
  ASSERT_TRUE(space_->protect(page(0), kPageSize, PROT_NONE));
  const Explanation explanation = ask(at(0));
  EXPECT_EQ(explanation.residence, Residence::kProtNone);
  EXPECT_THAT(last_flags(explanation), Contains("PROT_NONE"));
  EXPECT_EQ(explanation.page.frame->pfn, entry(page(0)).pfn());
}

TEST_P(Explain, Guard) {
  map(2);
  ASSERT_TRUE(space_->advise(page(1), kPageSize, kGuardInstall));
  EXPECT_EQ(ask(at(1)).residence, Residence::kGuard);
  EXPECT_THAT(last_flags(ask(at(1))), ElementsAre("guard"));
  EXPECT_EQ(ask(at(0)).residence, Residence::kNeverTouched);
}

TEST_P(Explain, SharedAfterForkIsFoundInBoth) {
  map(1);
  poke(page(0), 1);
  auto child = fork(*space_);
  Explanation explanation = ask(at(0));
  EXPECT_THAT(explanation.reason, HasSubstr("a write makes a copy"));
  EXPECT_THAT(last_flags(explanation), Not(Contains("R/W")));
  ASSERT_THAT(explanation.mappings, SizeIs(2));
  EXPECT_EQ(explanation.mappings[0].space, space_->id());
  EXPECT_EQ(explanation.mappings[1].space, child->id());

  poke(*child, page(0), 2);
  explanation = ask(at(0));
  EXPECT_THAT(explanation.mappings, SizeIs(1));
  EXPECT_THAT(explanation.reason, HasSubstr("a write takes it back"));
  child.reset();
}

TEST_P(Explain, Swapped) {
  map(8);
  fill(8);
  push_out();
  const Explanation explanation = ask(at(3));
  ASSERT_EQ(explanation.residence, Residence::kSwapped);
  EXPECT_THAT(last_flags(explanation), ElementsAre("swap"));
  ASSERT_TRUE(explanation.swap);
  EXPECT_EQ(explanation.swap->slot.offset, entry(page(3)).swap_offset());
  EXPECT_EQ(explanation.swap->entries, 1U);
  EXPECT_FALSE(explanation.swap->is_cached);
  EXPECT_FALSE(explanation.swap->device.empty());
  EXPECT_THAT(explanation_text(explanation, kUsualWidth),
              HasSubstr("Swapped out: an access reads it back."));

  // Read again, it is in memory and keeps its slot.
  EXPECT_EQ(peek(page(3)), value_of(3));
  const Explanation back = ask(at(3));
  EXPECT_EQ(back.residence, Residence::kPresent);
  ASSERT_TRUE(back.swap);
  EXPECT_TRUE(back.swap->is_cached);
  EXPECT_THAT(back.reason, HasSubstr("swap has the same"));
}

TEST_P(Explain, FilePages) {
  make_object(3).make_resident(1, 1);
  map_object(3, kReadWrite, MAP_PRIVATE);
  EXPECT_EQ(ask(at(0)).residence, Residence::kNeverTouched);
  EXPECT_THAT(ask(at(0)).reason, HasSubstr("reads the page from its file"));
  EXPECT_EQ(ask(at(1)).residence, Residence::kNotMappedYet);
  ASSERT_TRUE(ask(at(1)).page.object);
  EXPECT_EQ(ask(at(1)).page.object->offset, kPageSize + 0x123);

  peek(page(1));
  EXPECT_EQ(ask(at(1)).page.frame->state, FrameState::kPageCache);
  EXPECT_THAT(ask(at(1)).reason, HasSubstr("page 1 of what the area maps"));
  poke(page(1), 1);
  EXPECT_THAT(ask(at(1)).reason, HasSubstr("a private copy of page 1"));
}

TEST_P(Explain, SharedMemoryMappedTwice) {
  map_shared(2 * kPageSize, 2, 0);
  map_shared(2 * kPageSize, 3, 8);
  poke(page(1), 1);
  peek(page(9));
  const Explanation explanation = ask(at(9));
  EXPECT_EQ(explanation.residence, Residence::kPresent);
  ASSERT_THAT(explanation.mappings, SizeIs(2));
  EXPECT_THAT((std::array{explanation.mappings[0].address, explanation.mappings[1].address}),
              ::testing::UnorderedElementsAre(page(1), page(9)));
  EXPECT_EQ(explanation.mappings[0].area, "/memfd:test (deleted)");
  EXPECT_EQ(ask(at(10)).residence, Residence::kBeyondEnd);
  EXPECT_THAT(ask(at(10)).reason, HasSubstr("SIGBUS"));
}

TEST_P(Explain, NoAreaNamesTheNeighbours) {
  map(2, kReadWrite, kPrivate, 0);
  map(2, PROT_READ, kPrivate, 6);
  const Explanation between = ask(at(3));
  EXPECT_EQ(between.residence, Residence::kNoArea);
  EXPECT_EQ(between.page.below->range.start, page(0));
  EXPECT_EQ(between.page.above->range.start, page(6));
  EXPECT_THAT(between.reason, HasSubstr("4.00 KiB above the one below"));
  EXPECT_FALSE(ask(kBase - 1).page.below);
  EXPECT_FALSE(ask(at(9)).page.above);
  EXPECT_THAT(ask(VirtAddr(8)).reason, HasSubstr("null pointers"));
}

TEST_P(Explain, BelowTheStack) {
  const VirtAddr top = page(0x4000);
  ASSERT_TRUE(space_->map_stack(top, 4 * kPageSize, false));
  EXPECT_THAT(ask(top - 8 * kPageSize).reason, HasSubstr("grows down to here"));
  EXPECT_THAT(ask(top - 9 * kMiB).reason, HasSubstr("may not grow beyond 8.00 MiB"));
  map(1, kReadWrite, kPrivate, 0x4000 - 100);
  EXPECT_THAT(ask(top - 90 * kPageSize).reason, HasSubstr("guard gap"));
  // As it is done.
  EXPECT_EQ(read_fault(top - 90 * kPageSize), FaultOutcome::kNoMapping);
  EXPECT_EQ(read_fault(top - 9 * kMiB), FaultOutcome::kNoMapping);
}

TEST_P(Explain, NoAddressOfTheFormat) {
  const bool is_narrow = is_32bit(GetParam().format);
  const VirtAddr beyond(is_narrow ? 1ULL << 32 : GetParam().user_end + kPageSize);
  const Explanation explanation = ask(beyond);
  EXPECT_EQ(explanation.residence, Residence::kNoAddress);
  EXPECT_THAT(explanation.page.path.steps(), IsEmpty());
}

TEST_P(Explain, KernelHalfInLargePages) {
  space_.reset();
  auto half = *KernelHalf::create(*frames_, GetParam().format);
  space_ = *AddressSpace::create(*manager_, cache_,
                                 {.format = GetParam().format, .kernel_half = half.get()});
  const Explanation explanation = ask(half->direct_map() + 5 * kPageSize + 0x10);
  EXPECT_EQ(explanation.residence, Residence::kKernelHalf);
  ASSERT_TRUE(explanation.page.frame);
  EXPECT_EQ(explanation.page.frame->pfn, Pfn(5));
  // 2 MiB of memory are one page, but for the 4 MiB of the classic format.
  const bool is_large = GetParam().format != PagingFormat::kClassic32;
  EXPECT_EQ(explanation.page.path.last().level, is_large ? 2U : 1U);
  EXPECT_THAT(last_flags(explanation), Not(Contains("U/S")));
  EXPECT_THAT(explanation.reason, HasSubstr("supervisor only"));
  space_.reset();
  half.reset();
}

TEST_P(Explain, FitsATerminal) {
  map(4);
  fill(4);
  push_out();
  peek(page(1));
  map_shared(kPageSize, 1, 8);
  poke(page(8), 1);
  for (const std::size_t width : {kLeastWidth, kUsualWidth}) {
    for (const std::uint64_t n : {0, 1, 5, 8}) {
      std::istringstream lines(explanation_text(ask(at(n)), width));
      for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), width) << line;
    }
  }
}

TEST_P(Explain, JsonHasIt) {
  map(1);
  poke(page(0), 1);
  const std::string json = explanation_json(ask(at(0)));
  EXPECT_THAT(json, HasSubstr(R"("address":"0x10000123")"));
  EXPECT_THAT(json, HasSubstr(R"("state":"present")"));
  EXPECT_THAT(json, HasSubstr(R"("maps":"10000000-10001000 rw-p 00000000 00:00 0 ")"));
  EXPECT_THAT(json, Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace gonzo::test

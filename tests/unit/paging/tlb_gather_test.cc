#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <vector>

#include "unit/paging/arena.h"
#include <gonzo/paging/tlb_gather.h>

namespace gonzo {
namespace {

constexpr AddressRange pages(std::uint64_t first, std::uint64_t count = 1) {
  return {VirtAddr(first * kPageSize), VirtAddr((first + count) * kPageSize)};
}

class TlbGatherTest : public ::testing::Test {
 protected:
  /// Keeps what it is told, and whether the watched frame still lived then.
  class Recorder final : public TranslationCache {
   public:
    explicit Recorder(FrameAllocator& frames) : frames_(frames) {}
    void invalidate(AddressRange range, Stricter what) override {
      calls.emplace_back(range, what);
      if (watched) watched_lived &= frames_.frame(*watched).refs.load() > 0;
    }
    std::vector<std::pair<AddressRange, Stricter>> calls;
    std::optional<Pfn> watched;
    bool watched_lived = true;

   private:
    FrameAllocator& frames_;
  };
  using Calls = std::vector<std::pair<AddressRange, Stricter>>;

  std::uint64_t anonymous() const {
    return arena_.frames().stats().by_state[static_cast<int>(FrameState::kAnonymous)];
  }

  mutable test::Arena arena_;
  Recorder cache_{arena_.frames()};
};

TEST_F(TlbGatherTest, NothingTouchedIsNothingSaid) {
  {
    TlbGather gather(arena_.frames(), cache_);
  }
  EXPECT_TRUE(cache_.calls.empty());
}

TEST_F(TlbGatherTest, AnEmptyRangeIsNothing) {
  {
    TlbGather gather(arena_.frames(), cache_);
    gather.touch(pages(5, 0), Stricter::kGone);
  }
  EXPECT_TRUE(cache_.calls.empty());
}

TEST_F(TlbGatherTest, NeighboursBecomeOneRangeInAnyOrder) {
  {
    TlbGather gather(arena_.frames(), cache_);
    for (const unsigned page : {12U, 11U, 13U, 20U}) {
      gather.touch(pages(page), Stricter::kReadOnly);
    }
    EXPECT_TRUE(cache_.calls.empty());
  }
  EXPECT_EQ(cache_.calls, (Calls{{pages(11, 10), Stricter::kReadOnly}}));
}

TEST_F(TlbGatherTest, FarRangesAreFlushedApart) {
  {
    TlbGather gather(arena_.frames(), cache_);
    gather.touch(pages(1000), Stricter::kReadOnly);
    gather.touch(pages(1'000'000), Stricter::kGone);
    EXPECT_EQ(cache_.calls, (Calls{{pages(1000), Stricter::kReadOnly}}));
    gather.touch(pages(1), Stricter::kReadOnly);
  }
  EXPECT_EQ(cache_.calls, (Calls{{pages(1000), Stricter::kReadOnly},
                                 {pages(1'000'000), Stricter::kGone},
                                 {pages(1), Stricter::kReadOnly}}));
}

TEST_F(TlbGatherTest, GapsCanBeSpared) {
  {
    TlbGather gather(arena_.frames(), cache_, TlbGather::Gaps::kSpared);
    for (const unsigned page : {12U, 11U, 13U, 20U, 1000U}) {
      gather.touch(pages(page), Stricter::kReadOnly);
    }
    EXPECT_TRUE(cache_.calls.empty()) << "all at once";
  }
  EXPECT_EQ(cache_.calls, (Calls{{pages(11, 3), Stricter::kReadOnly},
                                 {pages(20), Stricter::kReadOnly},
                                 {pages(1000), Stricter::kReadOnly}}));
}

TEST_F(TlbGatherTest, ManyGapsNeverFreeAheadOfTheirTranslations) {
  constexpr unsigned kPages = 100;
  std::vector<Pfn> frames;
  for (unsigned i = 0; i < kPages; ++i) frames.push_back(arena_.allocate(FrameState::kAnonymous));
  {
    TlbGather gather(arena_.frames(), cache_, TlbGather::Gaps::kSpared);
    for (unsigned i = 0; i < kPages; ++i) {
      gather.touch(pages(2 * i), Stricter::kGone);
      gather.release(frames[i]);
      for (std::size_t page = cache_.calls.size(); page <= i; ++page) {
        ASSERT_EQ(arena_.frames().frame(frames[page]).refs.load(), 1) << page;
      }
    }
  }
  EXPECT_EQ(anonymous(), 0U);
  ASSERT_EQ(cache_.calls.size(), kPages);
  for (unsigned i = 0; i < kPages; ++i) EXPECT_EQ(cache_.calls[i].first, pages(2 * i));
}

TEST_F(TlbGatherTest, MixedChangesMeanGone) {
  using enum Stricter;
  const std::pair<std::pair<Stricter, Stricter>, Stricter> cases[] = {
      {{kGone, kGone}, kGone},      {{kReadOnly, kReadOnly}, kReadOnly},
      {{kOther, kOther}, kOther},   {{kGone, kReadOnly}, kGone},
      {{kReadOnly, kGone}, kGone},  {{kGone, kOther}, kGone},
      {{kOther, kGone}, kGone},     {{kReadOnly, kOther}, kGone},
      {{kOther, kReadOnly}, kGone},
  };
  for (const auto& [changes, merged] : cases) {
    cache_.calls.clear();
    {
      TlbGather gather(arena_.frames(), cache_);
      gather.touch(pages(1), changes.first);
      gather.touch(pages(2), changes.second);
    }
    EXPECT_EQ(cache_.calls, (Calls{{pages(1, 2), merged}}));
  }
}

TEST_F(TlbGatherTest, AFlushForgetsTheKindOfChange) {
  TlbGather gather(arena_.frames(), cache_);
  gather.touch(pages(1), Stricter::kGone);
  gather.flush();
  gather.touch(pages(1), Stricter::kReadOnly);
  gather.flush();
  gather.flush();
  EXPECT_EQ(cache_.calls, (Calls{{pages(1), Stricter::kGone}, {pages(1), Stricter::kReadOnly}}));
}

TEST_F(TlbGatherTest, TranslationsDieBeforeFrames) {
  cache_.watched = arena_.allocate(FrameState::kAnonymous);
  {
    TlbGather gather(arena_.frames(), cache_);
    gather.touch(pages(1), Stricter::kGone);
    gather.release(*cache_.watched);
    EXPECT_EQ(anonymous(), 1U);
  }
  EXPECT_TRUE(cache_.watched_lived);
  EXPECT_EQ(cache_.calls.size(), 1U);
  EXPECT_EQ(anonymous(), 0U);
}

TEST_F(TlbGatherTest, OnlyOneReferenceIsDropped) {
  const Pfn shared = arena_.allocate(FrameState::kAnonymous);
  arena_.frames().get(shared);
  {
    TlbGather gather(arena_.frames(), cache_);
    gather.touch(pages(1), Stricter::kGone);
    gather.release(shared);
  }
  EXPECT_EQ(arena_.frames().frame(shared).refs.load(), 1);
  arena_.frames().put(shared);
}

/// Frames beyond one batch: no frame may be freed before its page was announced.
TEST_F(TlbGatherTest, AFullBatchNeverFreesAheadOfItsTranslations) {
  constexpr unsigned kPages = 1300;
  std::vector<Pfn> frames;
  for (unsigned i = 0; i < kPages; ++i) frames.push_back(arena_.allocate(FrameState::kAnonymous));
  {
    TlbGather gather(arena_.frames(), cache_);
    for (unsigned i = 0; i < kPages; ++i) {
      gather.touch(pages(i), Stricter::kGone);
      gather.release(frames[i]);
      const std::uint64_t announced =
          cache_.calls.empty() ? 0 : cache_.calls.back().first.end.page_number();
      for (std::uint64_t page = announced; page <= i; ++page) {
        ASSERT_EQ(arena_.frames().frame(frames[page]).refs.load(), 1) << page;
      }
    }
  }
  EXPECT_EQ(anonymous(), 0U);
  // Gapless: together the calls cover every page once.
  std::uint64_t next = 0;
  for (const auto& [range, what] : cache_.calls) {
    EXPECT_LE(range.start.page_number(), next);
    next = range.end.page_number();
    EXPECT_EQ(what, Stricter::kGone);
  }
  EXPECT_EQ(next, kPages);
}

}  // namespace
}  // namespace gonzo

// Copy on write: between a parent and its child, and back in place when nobody shares any more.
#include <thread>

#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

class CowTest : public Guest {
 protected:
  std::unique_ptr<AddressSpace> fork() {
    auto child = space_->fork(child_cache_, 0);
    EXPECT_TRUE(child.has_value());
    return std::move(*child);
  }
  void start_with_around(unsigned pages, std::uint64_t bytes = 64 * kMiB) {
    start({.bytes = bytes, .manager = {.anonymous_fault_around = pages}});
  }
  void TearDown() override {
    child_cache_.calls.clear();
    Guest::TearDown();
  }
  RecordingCache child_cache_;
};

TEST_F(CowTest, BothSidesSeeTheirOwnWrites) {
  map(4);
  poke(page(0), 1);
  poke(page(1), 2);
  auto child = fork();
  EXPECT_EQ(entry(page(0)).pfn(), entry_of(*child, page(0)).pfn());
  EXPECT_FALSE(entry(page(0)).is_writable());
  EXPECT_FALSE(entry_of(*child, page(0)).is_writable());
  poke(page(0), 10);
  poke(*child, page(1), 20);
  EXPECT_EQ(peek(page(0)), 10);
  EXPECT_EQ(peek(page(1)), 2);
  EXPECT_EQ(peek(*child, page(0)), 1);
  EXPECT_EQ(peek(*child, page(1)), 20);
  EXPECT_EQ(child->verify(), "");
}

TEST_F(CowTest, CopyTellsTheMachineOnceAndKeepsCounts) {
  map(1);
  poke(kBase, 1);
  auto child = fork();
  cache_.calls.clear();
  const Pfn shared = entry(kBase).pfn();
  EXPECT_EQ(write_fault(kBase), FaultOutcome::kMinor);
  EXPECT_NE(entry(kBase).pfn(), shared);
  EXPECT_EQ(frame(kBase).index, kBase.page_number());
  ASSERT_EQ(cache_.calls.size(), 1U);
  EXPECT_EQ(cache_.calls[0].first, (AddressRange{kBase, page(1)}));
  EXPECT_EQ(cache_.calls[0].second, Stricter::kGone);
  EXPECT_TRUE(child_cache_.calls.empty());
  EXPECT_EQ(space_->counts().rss_anon, 1U);
  EXPECT_EQ(child->counts().rss_anon, 1U);
  EXPECT_EQ(frames_->frame(shared).refs.load(), 1);
  EXPECT_EQ(frames_->frame(shared).maps.load(), 1);
}

TEST_F(CowTest, LastUserWritesInPlace) {
  map(1);
  poke(kBase, 1);
  auto child = fork();
  const Pfn shared = entry(kBase).pfn();
  poke(*child, kBase, 2);
  cache_.calls.clear();
  poke(kBase, 3);
  EXPECT_EQ(entry(kBase).pfn(), shared) << "the child has its own by now";
  EXPECT_TRUE(cache_.calls.empty());
  EXPECT_EQ(peek(*child, kBase), 2);
}

TEST_F(CowTest, WritesInOrderAfterTheChildHasEndedReopenMoreAtOnce) {
  start_with_around(16, 256 * kMiB);
  map(256);
  for (std::uint64_t i = 0; i < 256; ++i) poke(page(i), static_cast<int>(i + 1));
  const auto writable = [&] {
    std::uint64_t count = 0;
    for (std::uint64_t i = 0; i < 256; ++i) count += entry(page(i)).is_writable();
    return count;
  };
  fork().reset();
  EXPECT_EQ(writable(), 0U);
  const std::uint64_t at = kBase.page_number() % 64 == 0 ? 64 : 128 - kBase.page_number() % 64;
  EXPECT_EQ(write_fault(page(at + 3)), FaultOutcome::kMinor);
  EXPECT_EQ(writable(), 16U) << "nothing tells that others will be written to";
  EXPECT_EQ(write_fault(page(at + 16)), FaultOutcome::kMinor);
  EXPECT_EQ(writable(), 64U);

  auto child = fork();
  poke(*child, page(at + 40), 0);  // the child's own by now, so that page is the parent's alone
  EXPECT_EQ(write_fault(page(at + 35)), FaultOutcome::kMinor);
  EXPECT_EQ(write_fault(page(at + 48)), FaultOutcome::kMinor);
  EXPECT_FALSE(entry(page(at + 70)).is_writable()) << "shared with the child";
  EXPECT_EQ(peek(*child, page(at + 36)), static_cast<int>(at + 37));
}

TEST_F(CowTest, PinnedFrameIsNotReusedInPlace) {
  map(1);
  poke(kBase, 1);
  auto child = fork();
  AddressSpace::Piece piece;
  ASSERT_EQ(child->pin(kBase, 1, Access::kRead, {&piece, 1}), 1U);
  child.reset();
  const Pfn pinned = entry(kBase).pfn();
  poke(kBase, 2);
  EXPECT_NE(entry(kBase).pfn(), pinned) << "what a child is writing out must not change";
  EXPECT_EQ(*piece.data, std::byte{1});
  space_->unpin({&piece, 1});
}

TEST_F(CowTest, RunOfSharedPagesIsCopiedAtOnce) {
  start_with_around(16);
  map(64);
  for (std::uint64_t i = 0; i < 64; ++i) poke(page(i), static_cast<int>(i + 1));
  auto child = fork();
  const auto faults = child->counts().minor_faults;
  const Pfn old = entry_of(*child, page(20)).pfn();
  poke(*child, page(20), 99);
  EXPECT_EQ(child->counts().minor_faults, faults + 1);
  ASSERT_EQ(child_cache_.calls.size(), 1U) << "one call for the whole run";
  EXPECT_EQ(child_cache_.calls[0].first, (AddressRange{page(16), page(32)}));
  for (std::uint64_t i = 16; i < 32; ++i) {
    EXPECT_TRUE(entry_of(*child, page(i)).is_writable());
    EXPECT_EQ(peek(*child, page(i)), i == 20 ? 99 : static_cast<int>(i + 1));
    EXPECT_EQ(entry_of(*child, page(i)).pfn(), entry_of(*child, page(16)).pfn() + (i - 16));
  }
  EXPECT_FALSE(entry_of(*child, page(32)).is_writable());
  EXPECT_NE(entry_of(*child, page(20)).pfn(), old);
  EXPECT_EQ(child->verify(), "");
  // The parent has these alone again, and gets the whole block back by one fault.
  const auto parent_faults = space_->counts().minor_faults;
  cache_.calls.clear();
  for (std::uint64_t i = 16; i < 32; ++i) poke(page(i), 7);
  EXPECT_EQ(space_->counts().minor_faults, parent_faults + 1);
  EXPECT_EQ(entry(page(20)).pfn(), old);
  EXPECT_TRUE(cache_.calls.empty());
  EXPECT_FALSE(entry(page(15)).is_writable());
}

TEST_F(CowTest, RunStopsAtWhatNeedsNoCopy) {
  start_with_around(16);
  map(16);
  poke(page(4), 1);  // all 16
  ASSERT_TRUE(space_->unmap(page(2), kPageSize));
  auto child = fork();
  poke(*child, page(9), 9);  // takes 3..15
  poke(page(6), 6);          // the parent's 3..15 are its own again
  poke(page(0), 5);          // 0..1: still shared
  EXPECT_EQ(peek(*child, page(0)), 0);
  EXPECT_EQ(peek(*child, page(6)), 0);
  EXPECT_EQ(space_->counts().rss_anon, 15U);
  EXPECT_EQ(child->counts().rss_anon, 15U);
  EXPECT_EQ(child->verify(), "");
  EXPECT_EQ(space_->verify(), "");
}

TEST_F(CowTest, PrivateFilePagesStayOutOfRuns) {
  start_with_around(16);
  FakeObject& object = make_object(16);
  object.make_resident(0, 16);
  map_object(16, kReadWrite, MAP_PRIVATE);
  read_fault(page(0));  // maps all 16
  poke(page(3), 1);
  EXPECT_EQ(space_->counts().rss_anon, 1U);
  EXPECT_EQ(space_->counts().rss_file, 15U);
  EXPECT_EQ(entry(page(4)).pfn(), object.frame_of(4));
}

TEST_F(CowTest, ProtectionNeverOpensASharedFrame) {
  map(2);
  poke(page(0), 1);
  poke(page(1), 1);
  auto child = fork();
  poke(*child, page(1), 2);
  ASSERT_TRUE(space_->protect(kBase, 2 * kPageSize, PROT_READ));
  ASSERT_TRUE(space_->protect(kBase, 2 * kPageSize, kReadWrite));
  EXPECT_FALSE(entry(page(0)).is_writable());
  EXPECT_TRUE(entry(page(1)).is_writable()) << "the child has its own";
  poke(page(0), 9);
  EXPECT_EQ(peek(*child, page(0)), 1);
}

TEST_F(CowTest, ProtectionRoundTripKeepsContentsAndTellsTheMachine) {
  map(4);
  poke(page(0), 1);
  read_fault(page(1));
  cache_.calls.clear();
  ASSERT_TRUE(space_->protect(kBase, 4 * kPageSize, PROT_NONE));
  ASSERT_FALSE(cache_.calls.empty());
  EXPECT_TRUE(entry(page(0)).is_prot_none());
  EXPECT_EQ(peek(page(0)), -1);
  EXPECT_EQ(space_->verify(), "");
  cache_.calls.clear();
  ASSERT_TRUE(space_->protect(kBase, 4 * kPageSize, kReadWrite));
  EXPECT_TRUE(cache_.calls.empty()) << "nothing became stricter";
  EXPECT_EQ(peek(page(0)), 1);
  EXPECT_TRUE(entry(page(0)).is_writable());
  EXPECT_FALSE(entry(page(1)).is_writable()) << "the zero page never is";
  ASSERT_TRUE(space_->protect(kBase, 4 * kPageSize, PROT_READ));
  ASSERT_EQ(cache_.calls.size(), 1U);
  EXPECT_EQ(cache_.calls[0].second, Stricter::kReadOnly);
}

TEST_F(CowTest, NoFrameForTheCopyLeavesBothSidesAlone) {
  for (const unsigned around : {1U, 16U}) {
    start_with_around(around);
    map(16);
    for (std::uint64_t i = 0; i < 16; ++i) poke(page(i), 3);
    auto child = fork();
    cache_.calls.clear();
    frames_->fail_nth(1);
    FaultOutcome outcome = write_fault(page(5));
    if (around == 1) {
      EXPECT_EQ(outcome, FaultOutcome::kOutOfMemory);
      EXPECT_TRUE(entry(page(5)).is_present()) << "no claim is left behind";
      EXPECT_FALSE(entry(page(5)).is_writable());
      EXPECT_TRUE(cache_.calls.empty());
    } else {
      EXPECT_EQ(outcome, FaultOutcome::kMinor) << "one page instead of the run";
      EXPECT_FALSE(entry(page(4)).is_writable());
    }
    EXPECT_EQ(space_->verify(), "");
    EXPECT_EQ(child->verify(), "");
    poke(page(5), 4);
    EXPECT_EQ(peek(*child, page(5)), 3);
    child.reset();
  }
}

TEST_F(CowTest, TellsTheMachineOfCopiesEvenIfThereIsNoneForTheTarget) {
  start_with_around(16, kMiB);
  map(16);
  for (std::uint64_t i = 0; i < 16; ++i) poke(page(i), 3);
  auto child = fork();
  const Pfn shared = entry(page(5)).pfn();
  for (std::uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(space_->unmap(page(i), kPageSize));
  std::vector<Pfn> taken;
  while (const auto pfn = frames_->allocate(0, FrameState::kKernel, ZeroPolicy::kDontCare)) {
    taken.push_back(*pfn);
  }
  frames_->put(taken.back());
  taken.pop_back();
  cache_.calls.clear();
  EXPECT_EQ(write_fault(page(12)), FaultOutcome::kOutOfMemory);
  EXPECT_NE(entry(page(5)).pfn(), shared) << "the run's first block is one page";
  ASSERT_EQ(cache_.calls.size(), 1U);
  EXPECT_EQ(cache_.calls[0].first, (AddressRange{page(5), page(16)}));
  for (const Pfn pfn : taken) frames_->put(pfn);
}

TEST_F(CowTest, ThreadsOfBothSidesMayWriteAtOnce) {
  constexpr std::uint64_t kPages = 256;
  for (const unsigned around : {1U, 16U}) {
    start_with_around(around);
    map(kPages);
    for (std::uint64_t i = 0; i < kPages; ++i) poke(page(i), 100);
    auto child = fork();
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        AddressSpace& space = t < 2 ? *space_ : *child;
        for (std::uint64_t i = 0; i < kPages; ++i) {
          const VirtAddr a = page(t % 2 == 0 ? i : kPages - 1 - i);
          *access(space, a + 1 + t, Access::kWrite) = static_cast<std::byte>(t + 1);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(space_->verify(), "");
    EXPECT_EQ(child->verify(), "");
    for (std::uint64_t i = 0; i < kPages; ++i) {
      for (unsigned t = 0; t < 4; ++t) {
        const int own = static_cast<int>(t + 1);
        ASSERT_EQ(peek(page(i) + 1 + t), t < 2 ? own : 0);
        ASSERT_EQ(peek(*child, page(i) + 1 + t), t < 2 ? 0 : own);
      }
    }
    child.reset();
  }
}

TEST_F(CowTest, PinsAndCopiesMayMeetCopiesOnWrite) {
  constexpr std::uint64_t kPages = 256;
  for (const unsigned around : {1U, 16U}) {
    start_with_around(around);
    map(kPages);
    for (std::uint64_t i = 0; i < kPages; ++i) poke(page(i), 100);
    auto child = fork();
    std::atomic<unsigned> wrong = 0;
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < kPages; ++i) {
          const VirtAddr a = page(t == 0 ? i : kPages - 1 - i);
          *access(*space_, a + 1 + t, Access::kWrite) = static_cast<std::byte>(t + 1);
        }
      });
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < kPages; ++i) {
          const VirtAddr a = page(t == 0 ? i : kPages - 1 - i);
          AddressSpace::Piece piece;
          if (space_->pin(a, 1, Access::kRead, {&piece, 1}) != 1U ||
              *piece.data != std::byte{100}) {
            ++wrong;
          }
          if (space_->load<char>(a) != 100) ++wrong;
          space_->unpin({&piece, 1});
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0U);
    EXPECT_EQ(space_->verify(), "");
    child.reset();
  }
}

}  // namespace
}  // namespace gonzo::test

// What a child gets of its parent's address space.
#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

class ForkTest : public Guest {
 protected:
  std::unique_ptr<AddressSpace> fork() {
    auto child = space_->fork(child_cache_, 0);
    EXPECT_TRUE(child.has_value());
    return std::move(*child);
  }
  std::unique_ptr<AddressSpace> verified_fork() {
    auto child = fork();
    EXPECT_EQ(child->verify(), "");
    EXPECT_EQ(space_->verify(), "");
    return child;
  }
  NoTranslationCache child_cache_;
};

TEST_F(ForkTest, CopiesAreasBoundsLimitsAndCounts) {
  map(8);
  map(2, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, 16);
  poke(page(1), 1);
  SegmentBounds bounds = space_->bounds();
  bounds.start_code = VirtAddr(0x400000);
  space_->set_bounds(bounds);
  AddressSpaceLimits limits = space_->limits();
  limits.stack = 123 * kPageSize;
  space_->set_limits(limits);
  auto child = verified_fork();
  EXPECT_EQ(child->maps_text(), space_->maps_text());
  EXPECT_EQ(child->bounds().start_code, VirtAddr(0x400000));
  EXPECT_EQ(child->limits().stack, 123 * kPageSize);
  const AddressSpaceCounts ours = space_->counts(), theirs = child->counts();
  EXPECT_EQ(theirs.total, ours.total);
  EXPECT_EQ(theirs.data, ours.data);
  EXPECT_EQ(theirs.exec, ours.exec);
  EXPECT_EQ(theirs.rss_anon, 1U);
  EXPECT_EQ(theirs.minor_faults, 0U);
}

TEST_F(ForkTest, ParentsTranslationsLoseWriteOnce) {
  map(4);
  map(4, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, 1024);
  poke(page(1), 1);
  poke(page(1026), 1);
  cache_.calls.clear();
  auto child = fork();
  ASSERT_EQ(cache_.calls.size(), 1U);
  EXPECT_EQ(cache_.calls[0].first, (AddressRange{page(1), page(1027)}));
  EXPECT_EQ(cache_.calls[0].second, Stricter::kReadOnly);
  cache_.calls.clear();
  auto second = fork();
  EXPECT_TRUE(cache_.calls.empty()) << "nothing was writable";
}

TEST_F(ForkTest, ZeroPageAndProtNoneEntriesAreCopied) {
  map(2);
  map(1, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, 4);
  map(1, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, 8);
  read_fault(page(0));
  poke(page(1), 1);
  read_fault(page(8));
  poke(page(4), 4);
  ASSERT_TRUE(space_->protect(page(4), kPageSize, PROT_NONE));
  auto child = verified_fork();
  EXPECT_EQ(entry_of(*child, page(0)).pfn(), manager_->zero_page(kBase));
  EXPECT_TRUE(entry_of(*child, page(8)).is_blank()) << "nothing but zeros there: no need";
  EXPECT_TRUE(entry_of(*child, page(4)).is_prot_none());
  ASSERT_TRUE(child->protect(page(4), kPageSize, kReadWrite));
  poke(*child, page(4), 5);
  ASSERT_TRUE(space_->protect(page(4), kPageSize, kReadWrite));
  EXPECT_EQ(peek(page(4)), 4);
  EXPECT_EQ(peek(*child, page(4)), 5);
}

TEST_F(ForkTest, SharedMappingsAreSharedButNotCopied) {
  make_object(4, FakeObject::Kind::kShmem);
  map_object(4, kReadWrite, MAP_SHARED);
  poke(page(0), 1);
  auto child = verified_fork();
  EXPECT_TRUE(entry_of(*child, page(0)).is_blank()) << "a fault finds it again";
  EXPECT_EQ(peek(*child, page(0)), 1);
  poke(*child, page(0), 2);
  EXPECT_EQ(peek(page(0)), 2);
}

TEST_F(ForkTest, PrivateFileEntriesAreCopiedWithTheirAnonymousOnesOnly) {
  make_object(8);
  map_object(8, kReadWrite, MAP_PRIVATE);
  read_fault(page(0));
  {
    auto child = verified_fork();
    EXPECT_TRUE(entry_of(*child, page(0)).is_blank());
    EXPECT_EQ(child->counts().rss(), 0U);
  }
  poke(page(2), 9);
  auto child = verified_fork();
  EXPECT_FALSE(entry_of(*child, page(0)).is_blank());
  EXPECT_EQ(child->counts().rss_file, 1U);
  EXPECT_EQ(child->counts().rss_anon, 1U);
  EXPECT_EQ(peek(*child, page(2)), 9);
}

TEST_F(ForkTest, DontForkAndWipeOnFork) {
  map(2);
  map(2, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, 8);
  poke(page(0), 1);
  poke(page(8), 1);
  ASSERT_TRUE(space_->advise(page(0), 2 * kPageSize, MADV_DONTFORK));
  ASSERT_TRUE(space_->advise(page(8), 2 * kPageSize, MADV_WIPEONFORK));
  auto child = verified_fork();
  EXPECT_EQ(child->fault(page(0), Access::kRead), FaultOutcome::kNoMapping);
  EXPECT_EQ(peek(*child, page(8)), 0);
  EXPECT_EQ(child->counts().total, space_->counts().total - 2);
}

TEST_F(ForkTest, PagePinnedForWritingStaysTheParents) {
  map(2);
  poke(page(0), 1);
  AddressSpace::Piece piece;
  ASSERT_EQ(space_->pin(page(0), 1, Access::kWrite, {&piece, 1}), 1U);
  auto child = verified_fork();
  EXPECT_NE(entry_of(*child, page(0)).pfn(), piece.pfn);
  *piece.data = std::byte{2};  // the host's read() arrives
  space_->unpin({&piece, 1});
  EXPECT_EQ(peek(page(0)), 2);
  EXPECT_EQ(peek(*child, page(0)), 1);
}

TEST_F(ForkTest, GrandchildrenAndDeathInAnyOrder) {
  map(16);
  for (std::uint64_t i = 0; i < 16; ++i) poke(page(i), static_cast<int>(i));
  auto child = fork();
  poke(*child, page(3), 33);
  auto grandchild = *child->fork(child_cache_, 0);
  poke(*grandchild, page(4), 44);
  poke(page(5), 55);
  child.reset();
  EXPECT_EQ(peek(*grandchild, page(3)), 33);
  EXPECT_EQ(peek(*grandchild, page(4)), 44);
  EXPECT_EQ(peek(*grandchild, page(5)), 5);
  EXPECT_EQ(grandchild->verify(), "");
  EXPECT_EQ(space_->verify(), "");
  EXPECT_EQ(peek(page(4)), 4);
}

TEST_F(ForkTest, OutOfMemoryLeavesNoChildAndAWholeParent) {
  unsigned failures = 0;
  for (std::uint64_t nth = 1; nth < 20; ++nth) {
    start({});
    map(4);
    map(4, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, 2048);
    poke(page(0), 1);
    poke(page(2048), 2);
    frames_->fail_nth(nth);
    const auto child = space_->fork(child_cache_, 0);
    frames_->fail_nth(0);
    if (!child) {
      EXPECT_EQ(child.error(), Errno::kNoMem);
      ++failures;
    }
    EXPECT_EQ(space_->verify(), "");
    poke(page(0), 3);
    EXPECT_EQ(peek(page(0)), 3);
    EXPECT_EQ(peek(page(2048)), 2);
  }
  EXPECT_GE(failures, 5U) << "a root, three upper tables, two last-level tables and more";
}

TEST_F(ForkTest, EveryFormat) {
  for (const PagingFormat format : {PagingFormat::kClassic32, PagingFormat::kPae,
                                    PagingFormat::kFourLevel, PagingFormat::kFiveLevel}) {
    start({.space = {.format = format}});
    map(2048);
    for (std::uint64_t i = 0; i < 2048; i += 100) poke(page(i), static_cast<int>(i % 256));
    auto child = verified_fork();
    for (std::uint64_t i = 0; i < 2048; i += 200) poke(*child, page(i), 1);
    for (std::uint64_t i = 0; i < 2048; i += 100) {
      EXPECT_EQ(peek(page(i)), static_cast<int>(i % 256));
      EXPECT_EQ(peek(*child, page(i)), i % 200 == 0 ? 1 : static_cast<int>(i % 256));
    }
  }
}

}  // namespace
}  // namespace gonzo::test

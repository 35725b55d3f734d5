// Pages of files and of shared memory leave memory, and come back.
#include <random>

#include "unit/cache/fake_file.h"
#include "unit/mm/swap_guest.h"
#include <gonzo/cache/page_cache.h>
#include <gonzo/cache/shared_memory.h>

namespace gonzo::test {
namespace {

class ObjectReclaimTest : public SwapGuest {
 protected:
  void SetUp() override {
    SwapGuest::SetUp();
    files_ =
        std::make_unique<PageCache>(*frames_, PageCache::Config{.objects = &manager_->objects()});
  }
  void TearDown() override {
    if (space_) {
      EXPECT_EQ(space_->verify(), "");
    }
    space_.reset();
    shared_.reset();
    file_.reset();
    EXPECT_EQ(files_->verify(), "");
    files_.reset();
    SwapGuest::TearDown();
  }
  VirtAddr map_file(std::uint64_t pages, int protection, int sharing) {
    inode_ = FakeInode::of_size(pages * kPageSize);
    file_ = *files_->open(std::make_shared<FakeFile>(inode_));
    return map_at_base(file_, pages, protection, sharing);
  }
  VirtAddr map_shared(std::uint64_t pages) {
    shared_ = make_shared_memory(*frames_, pages * kPageSize, {.path = "/dev/zero (deleted)"}, {},
                                 ShmemCommit::kWhole, &manager_->objects());
    return map_at_base(shared_, pages, kReadWrite, MAP_SHARED);
  }
  VirtAddr map_at_base(const ObjectRef& object, std::uint64_t pages, int protection, int sharing) {
    return must_map({.hint = kBase,
                     .length = pages * kPageSize,
                     .protection = protection,
                     .flags = sharing | MAP_FIXED,
                     .object = object});
  }
  void read_all(AddressSpace& space, std::uint64_t pages) {
    for (std::uint64_t i = 0; i < pages; ++i) {
      ASSERT_EQ(peek(space, page(i)), FakeInode::pattern(i)) << i;
    }
  }
  std::uint64_t resident() const { return files_->stats().pages.resident; }

  std::shared_ptr<FakeInode> inode_;
  std::unique_ptr<PageCache> files_;
  ObjectRef file_, shared_;
};

TEST_F(ObjectReclaimTest, WaitingForAPageThatWasHereIsAStall) {
  map_file(16, PROT_READ, MAP_PRIVATE);
  const StallClock::Task task(manager_->stalls());
  const auto stalled = [&] { return manager_->stalls().figures().some.total().count(); };
  read_all(*space_, 16);
  EXPECT_EQ(stalled(), 0) << "the first time nothing but the disk is waited for";
  push_out();
  ASSERT_EQ(resident(), 0U);
  read_all(*space_, 16);
  EXPECT_GT(stalled(), 0);
}

TEST_F(ObjectReclaimTest, AFileMayBeLargerThanMemory) {
  map_file(3 * kFrames, PROT_READ, MAP_PRIVATE);
  read_all(*space_, 3 * kFrames);
  read_all(*space_, 3 * kFrames);
  EXPECT_LT(resident(), kFrames);
  EXPECT_GT(space_->counts().major_faults, 3 * kFrames / 256);
  EXPECT_EQ(inode_->writes, 0U);
  EXPECT_EQ(swap_->totals().written, 0U);
}

TEST_F(ObjectReclaimTest, PagesLeaveTheEntriesOfAllWhoMapThem) {
  map_file(16, PROT_READ, MAP_SHARED);
  read_all(*space_, 16);
  const auto child = fork(*space_);
  read_all(*child, 16);
  push_out();
  EXPECT_EQ(resident(), 0U);
  EXPECT_TRUE(entry(page(3)).is_blank());
  EXPECT_TRUE(entry_of(*child, page(3)).is_blank());
  EXPECT_EQ(space_->counts().rss_file, 0U);
  EXPECT_EQ(child->verify(), "");
  read_all(*child, 16);
}

TEST_F(ObjectReclaimTest, WhatWasWrittenReachesTheFileFirst) {
  map_file(16, kReadWrite, MAP_SHARED);
  for (std::uint64_t i = 0; i < 16; i += 2) poke(page(i), 99);
  push_out();
  EXPECT_EQ(resident(), 0U);
  for (std::uint64_t i = 0; i < 16; ++i) {
    EXPECT_EQ(inode_->bytes[i * kPageSize], i % 2 == 0 ? 99 : FakeInode::pattern(i)) << i;
    EXPECT_EQ(peek(page(i)), i % 2 == 0 ? 99 : FakeInode::pattern(i)) << i;
  }
}

TEST_F(ObjectReclaimTest, AFileThatCannotBeWrittenKeepsItsPagesOnce) {
  map_file(4, kReadWrite, MAP_SHARED);
  poke(page(1), 99);
  inode_->write_error = Errno::kNoSpc;
  reclaimer_->reclaim(1);
  for (int i = 0; i < 3 && inode_->writes == 0; ++i) reclaimer_->reclaim(kFrames);
  EXPECT_FALSE(file_->sync(0, 4).has_value());
}

TEST_F(ObjectReclaimTest, LockedAndPinnedPagesOfFilesStay) {
  map_file(3, PROT_READ, MAP_SHARED);
  read_all(*space_, 3);
  ASSERT_TRUE(space_->lock_memory(page(0), kPageSize, 0).has_value());
  std::array<AddressSpace::Piece, 1> pinned;
  ASSERT_EQ(space_->pin(page(1), kPageSize, Access::kRead, pinned), 1U);
  push_out();
  EXPECT_TRUE(entry(page(0)).is_present());
  EXPECT_EQ(resident(), 2U);
  EXPECT_EQ(std::to_integer<int>(*pinned[0].data), FakeInode::pattern(1));
  space_->unpin(pinned);
}

TEST_F(ObjectReclaimTest, PrivateCopiesGoToSwapAndTheFilesPagesDoNot) {
  map_file(8, kReadWrite, MAP_PRIVATE);
  read_all(*space_, 8);
  poke(page(2), 77);
  push_out();
  EXPECT_TRUE(entry(page(2)).is_swap());
  EXPECT_EQ(swap_->totals().written, 1U);
  EXPECT_EQ(resident(), 0U);
  EXPECT_EQ(peek(page(2)), 77);
  EXPECT_EQ(peek(page(3)), FakeInode::pattern(3));
}

TEST_F(ObjectReclaimTest, AFileThatIsCutMeanwhileIsGone) {
  map_file(8, PROT_READ, MAP_SHARED);
  read_all(*space_, 8);
  inode_->resize(2 * kPageSize);
  push_out();
  EXPECT_EQ(peek(page(1)), FakeInode::pattern(1));
  EXPECT_EQ(read_fault(page(5)), FaultOutcome::kBeyondObject);
}

TEST_F(ObjectReclaimTest, SharedMemoryMayBeLargerThanMemory) {
  map_shared(3 * kFrames);
  fill(3 * kFrames);
  const auto child = fork(*space_);
  expect_filled(*child, 3 * kFrames);
  EXPECT_EQ(child->verify(), "");
  EXPECT_EQ(space_->counts().swap, 0U);
  EXPECT_GT(shared_->swapped_pages(0, 3 * kFrames), 2 * kFrames);
  EXPECT_GT(child->counts().major_faults, 0U);
}

TEST_F(ObjectReclaimTest, WhatTwoWriteToSharedMemoryBothSee) {
  map_shared(4);
  fill(4);
  const auto child = fork(*space_);
  push_out();
  EXPECT_EQ(shared_->swapped_pages(0, 4), 4U);
  poke(*child, page(2), 55);
  EXPECT_EQ(shared_->swapped_pages(0, 4), 3U);
  EXPECT_EQ(peek(page(2)), 55);
  push_out();
  EXPECT_EQ(peek(page(2)), 55);
  EXPECT_EQ(peek(*child, page(1)), value_of(1));
}

TEST_F(ObjectReclaimTest, HolesAndTheEndGiveSlotsBack) {
  map_shared(16);
  fill(16);
  push_out();
  EXPECT_EQ(swap_->totals().free, kSlots - 16);
  ASSERT_TRUE(shared_->punch_hole(0, 4).has_value());
  EXPECT_EQ(swap_->totals().free, kSlots - 12);
  EXPECT_EQ(peek(page(0)), 0);
  auto& memory = static_cast<SharedMemory&>(*shared_);
  memory.resize(8 * kPageSize + 100);
  EXPECT_EQ(swap_->totals().free, kSlots - 4);
  memory.resize(16 * kPageSize);
  EXPECT_EQ(peek(page(8)), value_of(8));
  EXPECT_EQ(peek(page(8) + 100), 0);
  EXPECT_EQ(peek(page(12)), 0);
}

TEST_F(ObjectReclaimTest, SharedMemoryStaysWhereSwapCannotTakeIt) {
  map_shared(8);
  fill(8);
  device_->fail_writes({});
  push_out();
  EXPECT_EQ(shared_->swapped_pages(0, 8), 0U);
  expect_filled(*space_, 8);
  device_->recover();
  push_out();
  EXPECT_EQ(shared_->swapped_pages(0, 8), 8U);
  device_->fail_reads({.count = 1});
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kBeyondObject);
  expect_filled(*space_, 8);
}

TEST_F(ObjectReclaimTest, ASystemWithoutSwapDropsFilesOnly) {
  space_.reset();
  manager_->serve(nullptr);
  SwapSpace none(*frames_);
  Reclaimer reclaimer(*manager_, none, {});
  manager_->serve(&reclaimer);
  space_ = *AddressSpace::create(*manager_, cache_, {});
  map_file(2 * kFrames, PROT_READ, MAP_PRIVATE);
  map(64, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, 4 * kFrames);
  for (std::uint64_t i = 0; i < 64; ++i) poke(page(4 * kFrames + i), value_of(i));
  read_all(*space_, 2 * kFrames);
  EXPECT_EQ(space_->counts().rss_anon, 64U);
  space_.reset();
  files_->drop_clean();
  manager_->serve(reclaimer_.get());
}

/// A page that returns soon is known to have been in memory.
TEST_F(ObjectReclaimTest, FilesRefault) {
  map_file(2 * kFrames, PROT_READ, MAP_SHARED);
  for (int round = 0; round < 3; ++round) read_all(*space_, 2 * kFrames);
  EXPECT_GT(reclaimer_->stats().policy.workingset_refault.file, 0U);
}

TEST_F(ObjectReclaimTest, PopulatingMoreThanMemoryMakesRoom) {
  map(2 * kFrames, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);
  EXPECT_GT(space_->counts().swap, kFrames);
  EXPECT_EQ(space_->counts().swap + space_->counts().rss_anon, 2 * kFrames);
  ASSERT_TRUE(space_->advise(page(0), 2 * kFrames * kPageSize, MADV_POPULATE_READ).has_value());
  AddressSpaceLimits limits;
  limits.locks_freely = true;
  space_->set_limits(limits);
  EXPECT_TRUE(space_->lock_memory(page(0), kFrames / 2 * kPageSize, 0).has_value());
  const auto too_much = space_->lock_memory(page(0), 2 * kFrames * kPageSize, 0);
  ASSERT_FALSE(too_much.has_value());
  EXPECT_EQ(too_much.error(), Errno::kAgain);
}

/// Random touches of private, shared and file memory by several processes, with little memory.
TEST_F(ObjectReclaimTest, NothingIsLost) {
  constexpr std::uint64_t kPages = kFrames;
  map_file(kPages, kReadWrite, MAP_SHARED);
  shared_ = make_shared_memory(*frames_, kPages * kPageSize, {}, {}, ShmemCommit::kWhole,
                               &manager_->objects());
  must_map({.hint = page(kPages),
            .length = kPages * kPageSize,
            .protection = kReadWrite,
            .flags = MAP_SHARED | MAP_FIXED,
            .object = shared_});
  std::vector<int> known(2 * kPages);
  for (std::uint64_t i = 0; i < kPages; ++i) known[i] = FakeInode::pattern(i);
  const auto child = fork(*space_);
  std::mt19937 random(7);
  for (int step = 0; step < 12000; ++step) {
    AddressSpace& space = random() % 2 == 0 ? *space_ : *child;
    const std::uint64_t at = random() % (2 * kPages);
    if (random() % 3 == 0) {
      known[at] = static_cast<int>(random() % 128);
      poke(space, page(at), known[at]);
    } else {
      ASSERT_EQ(peek(space, page(at)), known[at]) << "step " << step << " page " << at;
    }
  }
  EXPECT_EQ(child->verify(), "");
  EXPECT_EQ(files_->verify(), "");
}

}  // namespace
}  // namespace gonzo::test

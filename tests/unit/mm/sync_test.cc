// msync and mincore.
#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

class SyncTest : public Contracts {
 protected:
  Errno sync(std::uint64_t first, std::uint64_t pages, int flags) {
    return error(space_->sync(page(first), pages * kPageSize, flags));
  }
  std::string incore(std::uint64_t first, std::uint64_t pages) {
    std::vector<std::uint8_t> out(pages, 7);
    const auto result = space_->incore(page(first), pages * kPageSize, out);
    if (!result) return std::string(errno_name(result.error()));
    std::string text;
    for (const std::uint8_t byte : out) text += static_cast<char>('0' + byte);
    return text;
  }
};

TEST_F(SyncTest, Arguments) {
  map(1);
  EXPECT_EQ(sync(0, 1, 64), Errno::kInval);
  EXPECT_EQ(sync(0, 1, MS_SYNC | MS_ASYNC), Errno::kInval);
  EXPECT_EQ(error(space_->sync(kBase + 1, 1, MS_SYNC)), Errno::kInval);
  EXPECT_EQ(error(space_->sync(kBase, ~0ULL - kPageSize, MS_SYNC)), Errno::kNoMem);
  EXPECT_EQ(sync(9, 0, MS_SYNC), Errno{});
  EXPECT_EQ(sync(0, 1, 0), Errno{});
}

TEST_F(SyncTest, HolesAndLockedMemory) {
  map(1);
  map(1, kReadWrite, kPrivate, 2);
  EXPECT_EQ(sync(0, 3, MS_SYNC), Errno::kNoMem);
  EXPECT_EQ(sync(0, 3, MS_ASYNC), Errno::kNoMem);
  EXPECT_EQ(sync(2, 2, 0), Errno::kNoMem);
  map(1, kReadWrite, kPrivate | MAP_LOCKED, 5);
  EXPECT_EQ(sync(5, 1, MS_SYNC | MS_INVALIDATE), Errno::kBusy);
}

TEST_F(SyncTest, AWriteAfterwardsIsNoticedAgain) {
  FakeObject& object = make_object(2);
  map_object(2, kReadWrite, MAP_SHARED);
  poke(page(1), 5);
  object.dirtied.clear();
  cache_.calls.clear();
  EXPECT_EQ(sync(0, 2, MS_SYNC), Errno{});
  EXPECT_EQ(object.dirtied, std::vector<std::uint64_t>{1});
  EXPECT_FALSE(cache_.calls.empty());
  EXPECT_FALSE(entry(page(1)).is_writable());
  object.dirtied.clear();
  poke(page(1), 6);
  EXPECT_TRUE(entry(page(1)).has(pte::kDirty));
  EXPECT_EQ(object.dirtied, std::vector<std::uint64_t>{1});
}

TEST_F(SyncTest, ResidencyOfAnonymousMemory) {
  map(4);
  poke(page(1), 1);
  EXPECT_EQ(peek(page(2)), 0);
  EXPECT_EQ(incore(0, 4), "0110");
  EXPECT_EQ(incore(0, 5), "ENOMEM");
  EXPECT_EQ(incore(0, 0), "");
  EXPECT_EQ(error(space_->incore(kBase + 1, 1, {})), Errno::kInval);
  EXPECT_EQ(error(space_->incore(VirtAddr(~0ULL << 12), kPageSize, {})), Errno::kNoMem);
}

TEST_F(SyncTest, ResidencyOfAFileIsThatOfItsCache) {
  make_object(4).make_resident(2, 1);
  map_object(4, PROT_READ, MAP_PRIVATE);
  EXPECT_EQ(incore(0, 4), "0010");
}

}  // namespace
}  // namespace gonzo::test

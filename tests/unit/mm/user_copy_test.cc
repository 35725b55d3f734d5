// The kernel half's hand in user memory.
#include <cstring>
#include <numeric>
#include <string>

#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

class UserCopyTest : public Guest {
 protected:
  static std::vector<std::byte> pattern(std::size_t size) {
    std::vector<std::byte> data(size);
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>(i * 7 + 1);
    return data;
  }
  Result<void> copy_in(VirtAddr from, std::size_t size) {
    std::vector<std::byte> into(size);
    return space_->copy_in(into, from);
  }
  Result<void> put(VirtAddr to, std::string_view text) {
    return space_->copy_out(to, std::as_bytes(std::span(text)));
  }
};

TEST_F(UserCopyTest, RoundTripAcrossPagesFaultsThemIn) {
  map(8);
  const auto sent = pattern(5 * kPageSize);
  ASSERT_TRUE(space_->copy_out(page(1) + 100, sent));
  std::vector<std::byte> back(sent.size());
  ASSERT_TRUE(space_->copy_in(back, page(1) + 100));
  EXPECT_EQ(back, sent);
  EXPECT_EQ(peek(page(1) + 100), 1);
  EXPECT_EQ(space_->counts().rss_anon, 6U);
  EXPECT_TRUE(entry(page(0)).is_blank());
}

TEST_F(UserCopyTest, ReadOfUntouchedMemoryIsZeroAndTakesNoFrame) {
  map(2);
  EXPECT_EQ(*space_->load<std::uint64_t>(page(1) - 4), 0U);
  EXPECT_EQ(space_->counts().rss(), 0U);
}

TEST_F(UserCopyTest, SetsAccessedAndDirty) {
  map(1);
  poke(kBase, 1);
  const EntryRef slot = space_->page_table().find(kBase);
  slot.store(slot.load().without(pte::kAccessed | pte::kDirty));
  ASSERT_TRUE(space_->load<char>(kBase));
  EXPECT_TRUE(slot.load().has(pte::kAccessed));
  EXPECT_FALSE(slot.load().has(pte::kDirty));
  ASSERT_TRUE(space_->store(kBase, 'x'));
  EXPECT_TRUE(slot.load().has(pte::kDirty));
}

TEST_F(UserCopyTest, HonoursProtections) {
  map(1, PROT_READ);
  map(1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, 2);
  map(1, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 4);
  EXPECT_TRUE(space_->load<int>(page(0)));
  EXPECT_EQ(space_->store(page(0), 1).error(), Errno::kFault);
  EXPECT_EQ(space_->load<int>(page(2)).error(), Errno::kFault);
  EXPECT_EQ(space_->store(page(2), 1).error(), Errno::kFault);
  EXPECT_TRUE(space_->store(page(4), 1));
  EXPECT_EQ(*space_->load<int>(page(4)), 1) << "what is writable is readable on x86";
}

TEST_F(UserCopyTest, BadAddresses) {
  map(1);
  const VirtAddr end = space_->page_table().user_end();
  for (const VirtAddr a : {VirtAddr(0), kBase - 1, page(1), end - 1, end, end + 1,
                           VirtAddr(0xffff'8000'0000'0000), VirtAddr(~0ULL), VirtAddr(~0ULL - 3)}) {
    EXPECT_EQ(copy_in(a, 8).error(), Errno::kFault) << std::hex << a.value;
    EXPECT_EQ(put(a, "12345678").error(), Errno::kFault) << std::hex << a.value;
    EXPECT_EQ(space_->clear(a, 8).error(), Errno::kFault) << std::hex << a.value;
    EXPECT_EQ(space_->copy_in_string(a, 8).error(), Errno::kFault) << std::hex << a.value;
  }
  EXPECT_EQ(space_->clear(kBase, ~0ULL).error(), Errno::kFault) << "the length wraps";
  EXPECT_TRUE(copy_in(VirtAddr(0), 0)) << "nothing is always there";
  EXPECT_TRUE(space_->clear(page(5), 0));
}

TEST_F(UserCopyTest, BytesBeforeTheBadOneMayBeCopied) {
  map(1);
  EXPECT_EQ(put(page(1) - 2, "abcd").error(), Errno::kFault);
  EXPECT_EQ(peek(page(1) - 1), 'b');
}

TEST_F(UserCopyTest, WritesGoThroughCopyOnWriteAndNotification) {
  FakeObject& object = make_object(2);
  map_object(2, kReadWrite, MAP_SHARED);
  ASSERT_TRUE(space_->load<char>(page(0)));
  ASSERT_TRUE(put(page(0), "x"));
  EXPECT_EQ(object.dirtied, (std::vector<std::uint64_t>{0}));

  map(1, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, 8);
  ASSERT_TRUE(put(page(8), "old"));
  NoTranslationCache none;
  auto child = *space_->fork(none, 0);
  ASSERT_TRUE(put(page(8), "new"));
  EXPECT_EQ(*child->copy_in_string(page(8), 10), "old");
  EXPECT_EQ(*space_->copy_in_string(page(8), 10), "new");
}

TEST_F(UserCopyTest, Clear) {
  map(4);
  ASSERT_TRUE(space_->copy_out(kBase, pattern(4 * kPageSize)));
  ASSERT_TRUE(space_->clear(page(1) - 10, kPageSize + 20));
  EXPECT_NE(peek(page(1) - 11), 0);
  for (std::uint64_t i = 0; i < kPageSize + 20; ++i) ASSERT_EQ(peek(page(1) - 10 + i), 0);
  EXPECT_NE(peek(page(2) + 10), 0);
}

TEST_F(UserCopyTest, Strings) {
  map(2);
  EXPECT_EQ(*space_->copy_in_string(kBase, 10), "");
  const std::string text(3000, 'a');
  ASSERT_TRUE(put(page(1) - 2000, text));
  EXPECT_EQ(*space_->copy_in_string(page(1) - 2000, 4096), text);
  EXPECT_EQ(*space_->copy_in_string(page(1) - 2000, 3001), text);
  EXPECT_EQ(space_->copy_in_string(page(1) - 2000, 3000).error(), Errno::kNameTooLong);
  EXPECT_EQ(space_->copy_in_string(kBase, 0).error(), Errno::kNameTooLong);
  ASSERT_TRUE(put(page(2) - 3, "abc"));
  EXPECT_EQ(space_->copy_in_string(page(2) - 3, 100).error(), Errno::kFault) << "no NUL, no page";
  ASSERT_TRUE(put(page(2) - 1, std::string_view("\0", 1)));
  EXPECT_EQ(*space_->copy_in_string(page(2) - 3, 100), "ab") << "what follows is not touched";
}

TEST_F(UserCopyTest, NoFrameIsEfault) {
  map(1);
  frames_->fail_nth(1);
  EXPECT_EQ(space_->store(kBase, 1).error(), Errno::kFault);
  EXPECT_TRUE(space_->store(kBase, 1));
}

TEST_F(UserCopyTest, StackGrowsForAKernelAccess) {
  ASSERT_TRUE(space_->map_stack(page(4096), kPageSize, false));
  const VirtAddr below = page(4096) - 20 * kPageSize;
  ASSERT_TRUE(space_->store(below, 7));
  EXPECT_EQ(*space_->load<int>(below), 7);
}

TEST_F(UserCopyTest, PinGivesThePiecesOfEachPage) {
  map(4);
  std::array<AddressSpace::Piece, 8> pieces;
  const auto count = space_->pin(page(0) + 100, 2 * kPageSize, Access::kWrite, pieces);
  ASSERT_EQ(count, 3U);
  EXPECT_EQ(pieces[0].size, kPageSize - 100);
  EXPECT_EQ(pieces[1].size, kPageSize);
  EXPECT_EQ(pieces[2].size, 100U);
  std::memset(pieces[1].data, 'x', kPageSize);
  EXPECT_EQ(peek(page(1) + 5), 'x');
  EXPECT_EQ(frame(page(1)).refs.load(), 2);
  ASSERT_TRUE(space_->unmap(kBase, 4 * kPageSize));
  EXPECT_EQ(pieces[1].data[0], std::byte{'x'}) << "outlives its mapping";
  space_->unpin(std::span(pieces).first(3));
}

TEST_F(UserCopyTest, PinStopsAtWhatCannotBeHad) {
  map(2, PROT_READ);
  std::array<AddressSpace::Piece, 8> pieces;
  EXPECT_EQ(space_->pin(page(0), 1, Access::kWrite, pieces).error(), Errno::kFault);
  EXPECT_EQ(space_->pin(page(2), 1, Access::kRead, pieces).error(), Errno::kFault);
  EXPECT_EQ(space_->pin(VirtAddr(~0ULL), 10, Access::kRead, pieces).error(), Errno::kFault);
  ASSERT_EQ(space_->pin(page(1), 3 * kPageSize, Access::kRead, pieces), 1U);
  EXPECT_EQ(pieces[0].pfn, manager_->zero_page(kBase));
  EXPECT_EQ(entry(page(1)).pfn(), manager_->zero_page(kBase));
  space_->unpin(std::span(pieces).first(1));
  ASSERT_EQ(space_->pin(page(0), 2 * kPageSize, Access::kRead, std::span(pieces).first(1)), 1U)
      << "no more than there is room for";
  space_->unpin(std::span(pieces).first(1));
}

}  // namespace
}  // namespace gonzo::test

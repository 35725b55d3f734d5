// A debugger's reads and writes, which protections do not stop.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

class ForcedAccessTest : public Guest {
 protected:
  std::size_t write(VirtAddr at, int value, std::size_t size = 4) {
    const std::vector<std::byte> bytes(size, static_cast<std::byte>(value));
    return space_->write_forced(at, bytes);
  }
  /// The first byte read, or -1.
  int read(VirtAddr at, std::size_t size = 4) {
    std::vector<std::byte> bytes(size, std::byte{0xee});
    if (space_->read_forced(at, bytes) != size) return -1;
    return std::to_integer<int>(bytes.front());
  }
};

TEST_F(ForcedAccessTest, ReadOnlyPrivateMemoryIsWrittenAndStaysReadOnly) {
  map(1, PROT_READ);
  EXPECT_EQ(peek(page(0)), 0) << "the zero page first";
  EXPECT_EQ(write(page(0), 7), 4U);
  EXPECT_EQ(peek(page(0)), 7);
  EXPECT_EQ(write_fault(page(0)), FaultOutcome::kNoAccess);
  EXPECT_FALSE(entry(page(0)).is_writable());
  EXPECT_EQ(space_->counts().rss_anon, 1U);
  const Pfn before = entry(page(0)).pfn();
  EXPECT_EQ(write(page(0) + 100, 8), 4U);
  EXPECT_EQ(entry(page(0)).pfn(), before) << "it is the area's own by now";
}

TEST_F(ForcedAccessTest, UntouchedAndForbiddenMemory) {
  map(2, PROT_NONE);
  EXPECT_EQ(read(page(0)), 0);
  EXPECT_EQ(space_->counts().rss(), 0U) << "only looked at";
  EXPECT_EQ(write(page(0), 5), 4U);
  EXPECT_EQ(read(page(0)), 5);
  EXPECT_TRUE(entry(page(0)).is_prot_none());
  ASSERT_TRUE(space_->protect(page(0), kPageSize, PROT_READ));
  EXPECT_EQ(peek(page(0)), 5);
}

TEST_F(ForcedAccessTest, AFilesPageIsCopiedFirst) {
  FakeObject& object = make_object(2);
  map_object(2, PROT_READ, MAP_PRIVATE);
  EXPECT_EQ(peek(page(0)), 1);
  EXPECT_EQ(write(page(0), 9), 4U);
  EXPECT_EQ(write(page(1), 9), 4U);
  EXPECT_EQ(peek(page(0)), 9);
  EXPECT_EQ(peek(page(0) + 10), 1) << "the rest is the file's";
  EXPECT_EQ(peek(page(1) + 10), 2);
  EXPECT_EQ(std::to_integer<int>(*frames_->address(object.frame_of(0))), 1);
  EXPECT_TRUE(object.dirtied.empty());
  EXPECT_EQ(space_->counts().rss_anon, 2U);
  EXPECT_EQ(space_->counts().rss_file, 0U);
}

TEST_F(ForcedAccessTest, AForksCopyIsItsOwn) {
  map(1);
  poke(page(0), 1);
  NoTranslationCache none;
  const auto child = *space_->fork(none, 0);
  ASSERT_TRUE(space_->protect(page(0), kPageSize, PROT_READ));
  EXPECT_EQ(write(page(0), 3), 4U);
  EXPECT_EQ(peek(page(0)), 3);
  EXPECT_EQ(peek(*child, page(0)), 1);
  EXPECT_EQ(child->verify(), "");
}

TEST_F(ForcedAccessTest, SharedMemoryIsWrittenOnlyWhereTheProgramMay) {
  make_object(1);
  map_object(1, PROT_READ, MAP_SHARED);
  EXPECT_EQ(write(page(0), 3), 0U);
  EXPECT_EQ(read(page(0)), 1);
  ASSERT_TRUE(space_->protect(page(0), kPageSize, PROT_READ | PROT_WRITE));
  EXPECT_EQ(write(page(0), 3), 4U);
}

TEST_F(ForcedAccessTest, EndsAtTheFirstPageThatIsNotThere) {
  map(2, PROT_READ);
  EXPECT_EQ(write(page(1) + 4000, 1, 200), 96U);
  EXPECT_EQ(write(page(0), 1, 3 * kPageSize), 2 * kPageSize);
  EXPECT_EQ(read(page(2)), -1);
  EXPECT_EQ(read(VirtAddr(0)), -1);
  EXPECT_EQ(read(VirtAddr(0xffff800000000000)), -1);
  EXPECT_EQ(read(VirtAddr(~0ULL)), -1);
  EXPECT_EQ(space_->write_forced(page(0), {}), 0U);

  make_object(1);
  must_map({.hint = page(8),
            .length = 2 * kPageSize,
            .protection = PROT_NONE,
            .flags = MAP_PRIVATE | MAP_FIXED,
            .object = object_});
  EXPECT_EQ(read(page(8)), 1);
  EXPECT_EQ(read(page(9)), -1) << "past the object's end";
  EXPECT_EQ(write(page(9), 1), 0U);
  EXPECT_EQ(space_->unmap(page(8), 2 * kPageSize).has_value(), true);
}

TEST_F(ForcedAccessTest, GrowsAStackForItsFirstPage) {
  const VirtAddr top(0x7ffffffff000);
  ASSERT_TRUE(space_->map_stack(top, 0x21000, false));
  EXPECT_EQ(read(top - 0x30000), 0);
  EXPECT_EQ(space_->counts().stack, 48U);
}

TEST_F(ForcedAccessTest, WithoutMemoryNothingIsChanged) {
  map(1, PROT_READ);
  peek(page(0));
  frames_->fail_nth(1);
  EXPECT_EQ(write(page(0), 1), 0U);
  EXPECT_EQ(peek(page(0)), 0);
  EXPECT_EQ(write(page(0), 1), 4U);
}

}  // namespace
}  // namespace gonzo::test

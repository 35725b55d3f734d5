#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <gonzo/vma/vma.h>

namespace gonzo {
namespace {

using namespace vm_flags;

class NamelessObject final : public MappedObject {
 public:
  Result<ObjectPage> get_page(std::uint64_t, PageIntent) override { return fail(Errno::kFault); }
  void get_resident(std::uint64_t, std::span<Pfn>) override {}
  bool is_resident(std::uint64_t) override { return false; }
  void mark_dirty(std::uint64_t) override {}
  Result<void> sync(std::uint64_t, std::uint64_t) override { return {}; }
  ObjectName name() const override { return {}; }
  bool is_shmem() const override { return false; }
};

TEST(CanMerge, ConsecutiveAnonymousMemoryWithTheSameFlags) {
  EXPECT_TRUE(can_merge({.flags = kRead | kWrite, .page_offset = 100}, 7,
                        {.flags = kRead | kWrite, .page_offset = 107}));
}

TEST(CanMerge, NotWhenFlagsDiffer) {
  EXPECT_FALSE(can_merge({.flags = kRead, .page_offset = 100}, 7,
                         {.flags = kRead | kWrite, .page_offset = 107}));
  EXPECT_FALSE(can_merge({.flags = kRead | kMayWrite, .page_offset = 100}, 7,
                         {.flags = kRead, .page_offset = 107}));
}

TEST(CanMerge, SoftDirtyDoesNotCount) {
  EXPECT_TRUE(can_merge({.flags = kRead | kSoftDirty, .page_offset = 1}, 1,
                        {.flags = kRead, .page_offset = 2}));
}

TEST(CanMerge, NotWhenAnonymousMemoryWasMovedHere) {
  EXPECT_FALSE(
      can_merge({.flags = kRead, .page_offset = 100}, 7, {.flags = kRead, .page_offset = 50}));
}

TEST(CanMerge, FileMappingsNeedTheSameObjectAndConsecutiveOffsets) {
  const ObjectRef a(new NamelessObject);
  const ObjectRef b(new NamelessObject);
  const VmaAttributes first{.flags = kRead, .object = a, .page_offset = 0};
  EXPECT_TRUE(can_merge(first, 3, {.flags = kRead, .object = a, .page_offset = 3}));
  EXPECT_FALSE(can_merge(first, 3, {.flags = kRead, .object = a, .page_offset = 4}));
  EXPECT_FALSE(can_merge(first, 3, {.flags = kRead, .object = b, .page_offset = 3}));
  EXPECT_FALSE(can_merge(first, 3, {.flags = kRead, .page_offset = 3}));
}

TEST(CanMerge, NeverWhatMustNotExpandOrHasAName) {
  EXPECT_FALSE(can_merge({.flags = kRead | kDontExpand, .page_offset = 1}, 1,
                         {.flags = kRead | kDontExpand, .page_offset = 2}));
  EXPECT_FALSE(can_merge({.flags = kRead, .page_offset = 1, .special_name = "[vdso]"}, 1,
                         {.flags = kRead, .page_offset = 2, .special_name = "[vdso]"}));
}

TEST(Vma, PageIndexFollowsTheOffset) {
  const Vma vma({VirtAddr(0x10000), VirtAddr(0x20000)}, {.page_offset = 5});
  EXPECT_EQ(vma.page_index(VirtAddr(0x10000)), 5U);
  EXPECT_EQ(vma.page_index(VirtAddr(0x12fff)), 7U);
}

}  // namespace
}  // namespace gonzo

// Areas that come from a slab cache of the machine's.
#include "unit/mm/guest.h"
#include <gonzo/frame/slab_allocator.h>

namespace gonzo::test {
namespace {

class AreaCacheTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kBytes = 16 << 20;
  static constexpr VirtAddr kBase{0x1000'0000};

  void SetUp() override {
    memory_ = static_cast<std::byte*>(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    frames_ = *FrameAllocator::create({.memory = std::span(memory_, kBytes)});
    slabs_.emplace(*frames_);
    areas_ = &slabs_->add_cache(
        {.name = "vm_area_struct", .bytes = sizeof(Vma), .alignment = alignof(Vma)});
    manager_ = *MemoryManager::create(*frames_, {.area_cache = areas_});
    space_ = *AddressSpace::create(*manager_, cache_, {.index = vma_index_from_environment()});
  }
  void TearDown() override {
    EXPECT_EQ(space_->verify(), "");
    space_.reset();
    EXPECT_EQ(areas_->stats().active, 0U);
    EXPECT_EQ(slabs_->verify(), "");
    manager_.reset();
    slabs_.reset();
    EXPECT_EQ(frames_->check_all_free(), "");
    frames_.reset();
    ::munmap(memory_, kBytes);
  }
  Result<VirtAddr> map(std::uint64_t page, int protection = PROT_READ) {
    return space_->map({.hint = kBase + page * kPageSize,
                        .length = kPageSize,
                        .protection = protection,
                        .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED});
  }

  std::byte* memory_ = nullptr;
  NoTranslationCache cache_;
  std::unique_ptr<FrameAllocator> frames_;
  std::optional<SlabAllocator> slabs_;
  SlabCache* areas_ = nullptr;
  std::unique_ptr<MemoryManager> manager_;
  std::unique_ptr<AddressSpace> space_;
};

TEST_F(AreaCacheTest, EachAreaIsAnObject) {
  constexpr std::uint64_t kMost = 8;  // what is kept for the next call
  for (std::uint64_t i = 0; i < 300; ++i) ASSERT_TRUE(map(2 * i));
  EXPECT_EQ(space_->counts().areas, 300U);
  EXPECT_GE(areas_->stats().active, 300U);
  EXPECT_LE(areas_->stats().active, 300U + kMost);
  auto child = *space_->fork(cache_);
  EXPECT_GE(areas_->stats().active, 600U);
  child.reset();
  EXPECT_TRUE(space_->unmap(kBase, 600 * kPageSize));
  EXPECT_LE(areas_->stats().active, kMost);
}

TEST_F(AreaCacheTest, WithoutMemoryForAnAreaNothingChanges) {
  // All of it is used up, but for what the thread's list and the slabs have.
  std::vector<Pfn> hoard;
  while (const auto pfn = frames_->allocate(0, FrameState::kKernel, ZeroPolicy::kDontCare)) {
    hoard.push_back(*pfn);
  }
  std::uint64_t mapped = 0;
  Result<VirtAddr> last;
  while ((last = map(2 * mapped))) ++mapped;
  EXPECT_EQ(last.error(), Errno::kNoMem);
  EXPECT_EQ(space_->counts().areas, mapped);
  EXPECT_EQ(space_->verify(), "");
  for (const Pfn pfn : hoard) frames_->put(pfn);
  ASSERT_TRUE(map(2 * mapped));
  ASSERT_TRUE(space_->map({.hint = kBase + 10000 * kPageSize,
                           .length = 3 * kPageSize,
                           .protection = PROT_READ,
                           .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED}));
  // A cut fails as a whole, whichever allocation it is.
  slabs_->shrink();
  for (std::uint64_t nth = 1; nth < 4; ++nth) {
    frames_->fail_nth(nth);
    const auto cut = space_->protect(kBase + 10001 * kPageSize, kPageSize, PROT_NONE);
    frames_->fail_nth(0);
    EXPECT_EQ(space_->verify(), "");
    if (cut) break;
    EXPECT_EQ(cut, fail(Errno::kNoMem));
  }
}

}  // namespace
}  // namespace gonzo::test

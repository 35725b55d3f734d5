// Areas that come from a slab cache of the machine's.
#include <functional>

#include "unit/mm/guest.h"
#include <gonzo/frame/slab_allocator.h>

namespace gonzo::test {
namespace {

/// Ends nobody, but may let go of frames.
class CountingHandler final : public OutOfMemoryHandler {
 public:
  bool out_of_memory(int /*owner*/) override {
    ++calls;
    if (spare == nullptr || spare->empty()) return false;
    frames->put(spare->back());
    spare->pop_back();
    return true;
  }
  unsigned calls = 0;
  FrameAllocator* frames = nullptr;
  std::vector<Pfn>* spare = nullptr;
};

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

  std::vector<Pfn> hoard_all() {
    std::vector<Pfn> hoard;
    while (const auto pfn = frames_->allocate(0, FrameState::kKernel, ZeroPolicy::kDontCare)) {
      hoard.push_back(*pfn);
    }
    return hoard;
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
  const std::vector<Pfn> hoard = hoard_all();
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

TEST_F(AreaCacheTest, NobodyHasToEndForALimitOrAHole) {
  CountingHandler handler;
  manager_->set_out_of_memory_handler(&handler);
  ASSERT_TRUE(map(0));
  ASSERT_TRUE(map(2));
  std::vector<Pfn> hoard = hoard_all();
  EXPECT_EQ(space_->protect(kBase, 3 * kPageSize, PROT_READ | PROT_WRITE), fail(Errno::kNoMem));
  auto limits = space_->limits();
  limits.address_space = 2 * kPageSize;
  space_->set_limits(limits);
  EXPECT_EQ(map(4).error(), Errno::kNoMem);
  EXPECT_EQ(handler.calls, 0U);
  limits.address_space = ~0ULL;
  space_->set_limits(limits);
  for (std::uint64_t page = 4; map(page); page += 2) ASSERT_LT(page, 10000U);
  EXPECT_EQ(handler.calls, 1U);
  for (const Pfn pfn : hoard) frames_->put(pfn);
}

TEST_F(AreaCacheTest, EachCallThatNeedsAnAreaMakesRoom) {
  constexpr std::uint64_t kAreas = 100, kStride = 16;
  const auto far = [](VirtAddr at) { return at + (at - kBase) * 128 + (1ULL << 32); };
  struct Call {
    std::function<bool(VirtAddr)> make;
    bool on_a_page = false;  // else it would give its frame back
  };
  const std::vector<Call> calls = {
      {[&](VirtAddr at) { return space_->protect(at, kPageSize, PROT_NONE).has_value(); }},
      {[&](VirtAddr at) { return space_->advise(at, kPageSize, MADV_DONTFORK).has_value(); }},
      {[&](VirtAddr at) { return space_->lock_memory(at, kPageSize, MLOCK_ONFAULT).has_value(); }},
      {[&](VirtAddr at) { return space_->unmap(at, kPageSize).has_value(); }},
      {[&](VirtAddr at) { return space_->advise(at, kPageSize, 102).has_value(); }},  // guards
      {[&](VirtAddr at) { return space_->seal(at, kPageSize, 0).has_value(); }},
      {[&](VirtAddr at) {
        constexpr std::byte kOne[] = {std::byte{1}};
        return space_->protect(at, kPageSize, PROT_READ) && space_->write_forced(at, kOne) == 1;
      }},
      {[&](VirtAddr at) {
         constexpr int kFixed = MREMAP_MAYMOVE | MREMAP_FIXED;
         return space_->remap(at, kPageSize, kPageSize, kFixed, far(at)) == far(at);
       },
       true},
      {[&](VirtAddr at) {
        const SpecialArea area{
            .pages = 1, .flags = vm_flags::kRead, .object = {}, .name = "[vdso]"};
        return space_->map_special(at + 4 * kPageSize, {&area, 1}).has_value();
      }},
      {[&](VirtAddr at) { return space_->map_stack(at + 8 * kPageSize, 1, false).has_value(); }},
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    SCOPED_TRACE(i);
    const VirtAddr first = kBase + i * (1ULL << 26);
    const auto area = [&](std::uint64_t n) { return first + n * kStride * kPageSize; };
    for (std::uint64_t n = 0; n < kAreas; ++n) {
      ASSERT_TRUE(space_->map({.hint = area(n),
                               .length = 3 * kPageSize,
                               .protection = PROT_READ | PROT_WRITE,
                               .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED}));
      if (!calls[i].on_a_page) continue;
      ASSERT_TRUE(mended(space_->fault(area(n) + kPageSize, Access::kWrite)));
    }
    std::vector<Pfn> hoard = hoard_all();
    CountingHandler handler;
    handler.frames = frames_.get();
    handler.spare = &hoard;
    manager_->set_out_of_memory_handler(&handler);
    for (std::uint64_t n = 0; n < kAreas; ++n) EXPECT_TRUE(calls[i].make(area(n) + kPageSize)) << n;
    EXPECT_GT(handler.calls, 0U);
    manager_->set_out_of_memory_handler(nullptr);
    for (const Pfn pfn : hoard) frames_->put(pfn);
    EXPECT_EQ(space_->verify(), "");
  }
}

}  // namespace
}  // namespace gonzo::test

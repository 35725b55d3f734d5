// Areas of objects that set them up, as drivers do: frames that are mapped all at once.
#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

/// `pages` frames, one behind the other, the n-th full of n + 1, or nothing but faults.
class FakeDevice final : public MappedObject {
 public:
  FakeDevice(FrameAllocator& frames, unsigned order)
      : frames_(frames),
        pages_(1U << order),
        first_(*frames.allocate_split(order, FrameState::kKernel, ZeroPolicy::kZeroed)) {
    for (std::uint64_t i = 0; i < pages_; ++i) {
      std::memset(frames_.address(first_ + i), static_cast<int>(i + 1), kPageSize);
    }
  }
  ~FakeDevice() override {
    for (std::uint64_t i = 0; i < pages_; ++i) frames_.put(first_ + i);
    if (ended != nullptr) *ended = true;
  }
  Result<ObjectPage> get_page(std::uint64_t, PageIntent) override { return fail(Errno::kFault); }
  void get_resident(std::uint64_t, std::span<Pfn> out) override {
    for (Pfn& pfn : out) pfn = Pfn::none();
  }
  bool is_resident(std::uint64_t) override { return false; }
  void mark_dirty(std::uint64_t) override {}
  Result<void> sync(std::uint64_t, std::uint64_t) override { return {}; }
  ObjectName name() const override { return {.path = "/dev/fake"}; }
  bool is_shmem() const override { return false; }
  bool wants_write_notice() const override { return false; }
  Result<AreaSetup> set_up_area(const NewArea& area) override {
    if (area.first >= pages_ || area.pages > pages_ - area.first) return fail(Errno::kInval);
    return AreaSetup{.frames = first_ + area.first};
  }
  void area_opened(const AreaNotice&) override { ++areas; }
  void area_closed(const AreaNotice&) override { --areas; }

  Pfn first() const { return first_; }
  int areas = 0;
  bool* ended = nullptr;

 private:
  FrameAllocator& frames_;
  const std::uint64_t pages_;
  const Pfn first_;
};

class DeviceAreaTest : public Guest {
 protected:
  void SetUp() override {
    start({.manager = {.anonymous_fault_around = 4}});
    device_.reset(new FakeDevice(*frames_, 2));
  }
  void TearDown() override {
    space_.reset();
    device_.reset();
    Guest::TearDown();
  }
  Result<VirtAddr> map_device(std::uint64_t pages, int protection, int sharing,
                              std::uint64_t first = 0) {
    return space_->map({.hint = kBase,
                        .length = pages * kPageSize,
                        .protection = protection,
                        .flags = sharing | MAP_FIXED,
                        .object = device_,
                        .offset = first * kPageSize});
  }
  std::byte& device_byte(std::uint64_t page) { return *frames_->address(device_->first() + page); }

  boost::intrusive_ptr<FakeDevice> device_;
};

TEST_F(DeviceAreaTest, AllIsThereAtOnceAndCountedNowhere) {
  ASSERT_TRUE(map_device(3, kReadWrite, MAP_SHARED, 1));
  EXPECT_EQ(space_->area_at(kBase)->attributes.flags &
                (vm_flags::kPfnMap | vm_flags::kIo | vm_flags::kDontExpand | vm_flags::kDontDump),
            vm_flags::kPfnMap | vm_flags::kIo | vm_flags::kDontExpand | vm_flags::kDontDump);
  for (std::uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(entry(page(i)).pfn(), device_->first() + 1 + i);
    EXPECT_TRUE(entry(page(i)).is_writable());
    EXPECT_EQ(frame(page(i)).maps.load(), 0);
  }
  poke(kBase, 7);
  EXPECT_EQ(device_byte(1), std::byte{7});
  EXPECT_EQ(space_->counts().rss(), 0U);
  EXPECT_EQ(space_->counts().minor_faults, 0U);
  EXPECT_EQ(space_->verify(), "");
}

/// Ends nobody, but lets go of what it has hoarded, a frame a time.
class Hoarder final : public OutOfMemoryHandler {
 public:
  explicit Hoarder(FrameAllocator& frames) : frames_(frames) {
    while (const auto pfn = frames.allocate(0, FrameState::kKernel, ZeroPolicy::kDontCare)) {
      hoard_.push_back(*pfn);
    }
  }
  ~Hoarder() override {
    for (const Pfn pfn : hoard_) frames_.put(pfn);
  }
  bool out_of_memory(int /*owner*/) override {
    ++calls;
    if (hoard_.empty()) return false;
    frames_.put(hoard_.back());
    hoard_.pop_back();
    return true;
  }
  unsigned calls = 0;

 private:
  FrameAllocator& frames_;
  std::vector<Pfn> hoard_;
};

TEST_F(DeviceAreaTest, RoomIsMadeForItsTables) {
  Hoarder hoarder(*frames_);
  manager_->set_out_of_memory_handler(&hoarder);
  EXPECT_TRUE(map_device(4, kReadWrite, MAP_SHARED));
  EXPECT_GE(hoarder.calls, 3U) << "a table of each level";
  EXPECT_EQ(entry(page(3)).pfn(), device_->first() + 3);
  manager_->set_out_of_memory_handler(nullptr);
}

TEST_F(DeviceAreaTest, BeyondTheDeviceNothingIsLeftBehind) {
  map(4);
  poke(kBase, 1);
  EXPECT_EQ(map_device(5, kReadWrite, MAP_SHARED), fail(Errno::kInval));
  EXPECT_EQ(map_device(2, PROT_READ, MAP_PRIVATE, 3), fail(Errno::kInval));
  EXPECT_EQ(space_->counts().total, 0U);  // what was in its place has gone before
  EXPECT_EQ(device_->areas, 0);
}

TEST_F(DeviceAreaTest, PrivateWritesMakeCopies) {
  ASSERT_TRUE(map_device(4, kReadWrite, MAP_PRIVATE));
  EXPECT_FALSE(entry(kBase).is_writable());
  EXPECT_EQ(peek(page(1)), 2);
  poke(page(1), 9);
  EXPECT_EQ(device_byte(1), std::byte{2});
  EXPECT_EQ(peek(page(1) + 1), 2);  // the rest of the page came along
  EXPECT_EQ(peek(page(2)), 3);
  EXPECT_EQ(space_->counts().rss_anon, 1U);
  EXPECT_EQ(space_->verify(), "");
  auto child = *space_->fork(cache_);
  poke(*child, page(1), 5);
  poke(*child, page(3), 6);
  EXPECT_EQ(peek(page(1)), 9);
  EXPECT_EQ(peek(page(3)), 4);
  EXPECT_EQ(child->verify(), "");
}

TEST_F(DeviceAreaTest, ForkCopiesTheEntries) {
  ASSERT_TRUE(map_device(4, kReadWrite, MAP_SHARED));
  auto child = *space_->fork(cache_);
  EXPECT_EQ(entry_of(*child, page(3)).pfn(), device_->first() + 3);
  EXPECT_TRUE(entry_of(*child, page(3)).is_writable());
  poke(*child, page(3), 8);
  EXPECT_EQ(peek(page(3)), 8);
  EXPECT_EQ(child->counts().minor_faults, 0U);
  EXPECT_EQ(child->verify(), "");
}

TEST_F(DeviceAreaTest, ProtectionComesAndGoes) {
  ASSERT_TRUE(map_device(2, kReadWrite, MAP_SHARED));
  for (const int protection : {PROT_READ, PROT_NONE, kReadWrite}) {
    EXPECT_TRUE(space_->protect(kBase, 2 * kPageSize, protection));
    EXPECT_EQ(space_->verify(), "");
  }
  EXPECT_TRUE(entry(kBase).is_writable());
  EXPECT_EQ(write_fault(kBase), FaultOutcome::kMinor);  // spurious
}

TEST_F(DeviceAreaTest, TheDeviceLivesAsLongAsAnArea) {
  bool ended = false;
  device_->ended = &ended;
  ASSERT_TRUE(map_device(4, kReadWrite, MAP_SHARED));
  FakeDevice& device = *device_;
  device_.reset();
  auto child = *space_->fork(cache_);
  EXPECT_EQ(device.areas, 2);
  EXPECT_TRUE(space_->unmap(page(1), kPageSize));  // two areas where one was
  EXPECT_EQ(device.areas, 3);
  EXPECT_TRUE(space_->unmap(kBase, 4 * kPageSize));
  EXPECT_FALSE(ended);
  child.reset();
  EXPECT_TRUE(ended);
}

TEST_F(DeviceAreaTest, ItNeverGrowsButMoves) {
  ASSERT_TRUE(map_device(2, kReadWrite, MAP_SHARED));
  EXPECT_EQ(space_->remap(kBase, 2 * kPageSize, 3 * kPageSize, MREMAP_MAYMOVE, VirtAddr()),
            fail(Errno::kFault));
  EXPECT_TRUE(
      space_->remap(kBase, 2 * kPageSize, 2 * kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, page(100)));
  EXPECT_EQ(peek(page(101)), 2);
  EXPECT_EQ(read_fault(kBase), FaultOutcome::kNoMapping);
}

TEST_F(DeviceAreaTest, WithoutTablesNothingIsMapped) {
  for (std::uint64_t nth = 1;; ++nth) {
    frames_->fail_nth(nth);
    const auto mapped = map_device(4, kReadWrite, MAP_SHARED);
    frames_->fail_nth(0);
    if (mapped) break;
    EXPECT_EQ(mapped.error(), Errno::kNoMem);
    EXPECT_EQ(device_->areas, 0);
    EXPECT_EQ(space_->counts().total, 0U);
    EXPECT_EQ(space_->verify(), "");
    ASSERT_LT(nth, 10U);
  }
}

TEST_F(DeviceAreaTest, PinnedPagesOutliveTheDevice) {
  ASSERT_TRUE(map_device(4, kReadWrite, MAP_SHARED));
  std::array<AddressSpace::Piece, 1> piece;
  ASSERT_EQ(*space_->pin(page(2), 10, Access::kWrite, piece), 1U);
  EXPECT_TRUE(space_->unmap(kBase, 4 * kPageSize));
  device_.reset();
  std::memset(piece[0].data, 1, piece[0].size);
  space_->unpin(piece);
}

}  // namespace
}  // namespace gonzo::test

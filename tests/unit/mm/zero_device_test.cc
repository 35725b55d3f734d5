// Mappings of /dev/zero.
#include <algorithm>

#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

class FakeZeroDevice final : public MappedObject {
 public:
  Result<ObjectPage> get_page(std::uint64_t, PageIntent) override { return fail(Errno::kIo); }
  void get_resident(std::uint64_t, std::span<Pfn> out) override {
    std::ranges::fill(out, Pfn::none());
  }
  bool is_resident(std::uint64_t) override { return false; }
  void mark_dirty(std::uint64_t) override {}
  Result<void> sync(std::uint64_t, std::uint64_t) override { return {}; }
  ObjectName name() const override { return {.inode = 5, .path = "/dev/zero"}; }
  bool is_shmem() const override { return false; }
  bool is_zero_device() const override { return true; }
};

class ZeroDeviceTest : public Guest {
 protected:
  VirtAddr map_zero(std::uint64_t at, std::uint64_t pages, int flags, std::uint64_t first = 0) {
    return must_map({.hint = page(at),
                     .length = pages * kPageSize,
                     .protection = PROT_READ | PROT_WRITE,
                     .flags = flags | MAP_FIXED,
                     .object = ObjectRef(new FakeZeroDevice),
                     .offset = first * kPageSize,
                     .open_file = 3});
  }
};

TEST_F(ZeroDeviceTest, PrivateOnesAreAnonymousMemoryWithAName) {
  map_zero(0, 4, MAP_PRIVATE, 2);
  EXPECT_EQ(peek(page(1)), 0);
  poke(page(1), 5);
  EXPECT_EQ(peek(page(1)), 5);
  EXPECT_GT(space_->counts().rss_anon, 0u);
  EXPECT_NE(space_->maps_text().find("rw-p 00002000 00:00 5 "), std::string::npos);
  EXPECT_NE(space_->maps_text().find("/dev/zero\n"), std::string::npos);
  EXPECT_TRUE(space_->advise(page(0), kPageSize, MADV_FREE).has_value());
  EXPECT_FALSE(space_->advise(page(0), kPageSize, MADV_WIPEONFORK).has_value());
}

TEST_F(ZeroDeviceTest, NeighboursOfOneOpenMergeButNotWithUnnamedMemory) {
  map_zero(2, 2, MAP_PRIVATE, 2);
  map_zero(0, 2, MAP_PRIVATE, 0);
  EXPECT_EQ(space_->counts().areas, 1u);
  map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 4);
  EXPECT_EQ(space_->counts().areas, 2u);
}

TEST_F(ZeroDeviceTest, SharedOnesHaveMemoryOfTheirOwnButKeepTheOffset) {
  map_zero(0, 4, MAP_SHARED, 2);
  map_zero(10, 4, MAP_SHARED);
  poke(page(0), 5);
  EXPECT_EQ(peek(page(12)), 0);
  EXPECT_EQ(peek(page(1)), 0);
  EXPECT_EQ(space_->fault(page(2), Access::kRead), FaultOutcome::kBeyondObject);
  EXPECT_NE(space_->maps_text().find("/dev/zero (deleted)\n"), std::string::npos);
  EXPECT_NE(space_->maps_text().find("rw-s 00002000 00:01 "), std::string::npos);
}

}  // namespace
}  // namespace gonzo::test

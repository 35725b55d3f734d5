// What the kernel keeps of its programs lies in slabs, and goes with them.
#include "kernel/kernel_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "kernel/task.h"
#include "unit/kernel/soft_world.h"
#include <gonzo/cache/host_file.h>
#include <gonzo/cache/page_cache.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kMostSpareAreas = 8;  // what an address space keeps for its next change

class KernelMemoryTest : public testing::Test {
 protected:
  KernelMemory& memory() { return world_.system().kernel_memory(); }
  static std::uint64_t active(const SlabCache& cache) { return cache.stats().active; }
  Result<VirtAddr> map_page(AddressSpace& space, std::uint64_t page) {
    return space.map({.hint = VirtAddr(0x1000'0000 + page * kPageSize),
                      .length = kPageSize,
                      .protection = PROT_READ,
                      .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED});
  }

  SoftWorld world_;
};

TEST_F(KernelMemoryTest, ProcessesTasksAndAddressSpacesAreObjects) {
  EXPECT_EQ(active(memory().process_cache()), 1U);
  EXPECT_EQ(active(memory().space_cache()), 1U);
  EXPECT_EQ(active(memory().task_cache()), 0U);
  world_.start();
  EXPECT_EQ(active(memory().task_cache()), 1U);
  {
    const auto child = world_.process().fork(2, {});
    ASSERT_TRUE(child.has_value());
    EXPECT_EQ(active(memory().process_cache()), 2U);
    EXPECT_EQ(active(memory().space_cache()), 2U);
    const auto sharing = world_.process().fork(3, {.memory = Sharing::kShare});
    ASSERT_TRUE(sharing.has_value());
    EXPECT_EQ(active(memory().space_cache()), 2U);
  }
  EXPECT_EQ(active(memory().process_cache()), 1U);
  EXPECT_EQ(active(memory().space_cache()), 1U);
}

TEST_F(KernelMemoryTest, AreasAreObjectsOfAllAddressSpaces) {
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(map_page(world_.memory(), 2 * i));
  const std::uint64_t areas = world_.memory().counts().areas;
  EXPECT_GE(active(memory().area_cache()), areas);
  EXPECT_LE(active(memory().area_cache()), areas + kMostSpareAreas);
  const auto child = world_.process().fork(2, {});
  ASSERT_TRUE(child.has_value());
  EXPECT_GE(active(memory().area_cache()), 2 * areas);
}

TEST_F(KernelMemoryTest, WhatIsInSlabsIsChargedAndToldOf) {
  const auto before = memory().slabs().totals().all();
  for (std::uint64_t i = 0; i < 1000; ++i) ASSERT_TRUE(map_page(world_.memory(), 2 * i));
  const auto frames_needed = 1000 * sizeof(Vma) / kPageSize;
  EXPECT_GE(memory().slabs().totals().all(), before + frames_needed);
  EXPECT_EQ(world_.system().frames().stats().by_state[static_cast<int>(FrameState::kSlab)],
            memory().slabs().totals().all());
  EXPECT_NE(memory().slabs().info_text().find("vm_area_struct"), std::string::npos);
}

TEST_F(KernelMemoryTest, CachedFilesAreObjectsWhileTheyAreKnown) {
  {
    const int descriptor = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(descriptor, 0);
    auto backing = HostFile::open(descriptor);
    ::close(descriptor);
    ASSERT_TRUE(backing.has_value());
    const auto file = world_.system().page_cache().open(std::move(*backing));
    ASSERT_TRUE(file.has_value());
    EXPECT_EQ(active(memory().cached_file_cache()), 1U);
  }
  EXPECT_EQ(active(memory().cached_file_cache()), 1U);
}

TEST_F(KernelMemoryTest, ForkWithoutMemoryForItIsAnswered) {
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(map_page(world_.memory(), 2 * i));
  FrameAllocator& frames = world_.system().frames();
  unsigned failures = 0;
  for (std::uint64_t nth = 1;; ++nth) {
    memory().slabs().shrink();
    frames.fail_nth(nth);
    const auto child = world_.process().fork(2, {});
    frames.fail_nth(0);
    if (child) break;
    EXPECT_EQ(child.error(), Errno::kNoMem);
    EXPECT_EQ(active(memory().process_cache()), 1U);
    EXPECT_EQ(active(memory().space_cache()), 1U);
    ++failures;
  }
  EXPECT_GE(failures, 3U);
}

}  // namespace
}  // namespace gonzo

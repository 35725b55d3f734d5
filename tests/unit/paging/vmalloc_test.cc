#include <gtest/gtest.h>

#include <array>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "unit/paging/arena.h"
#include <gonzo/paging/kernel_access.h>
#include <gonzo/paging/software_mmu.h>
#include <gonzo/paging/vmalloc.h>

namespace gonzo::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

/// Written down from Documentation/arch/x86/x86_64/mm.rst, and for 32 bits from VMALLOC_OFFSET.
std::uint64_t first_address(PagingFormat format, std::uint64_t memory) {
  switch (format) {
    case PagingFormat::kFourLevel:
      return 0xffff'c900'0000'0000;
    case PagingFormat::kFiveLevel:
      return 0xffa0'0000'0000'0000;
    case PagingFormat::kClassic32:
    case PagingFormat::kPae:
      break;
  }
  return 0xc000'0000 + memory + 8 * kMiB;
}

/// Looks, whenever translations die, whether the frames behind them are still there.
class WatchingCache final : public TranslationCache {
 public:
  void invalidate(AddressRange range, Stricter what) override {
    const std::lock_guard guard(lock_);
    ranges.push_back(range);
    all_gone = all_gone && what == Stricter::kGone;
    frames_then.push_back(frames->stats().by_state[static_cast<int>(FrameState::kVmalloc)]);
  }
  FrameAllocator* frames = nullptr;
  std::vector<AddressRange> ranges;
  std::vector<std::uint64_t> frames_then;
  bool all_gone = true;

 private:
  std::mutex lock_;
};

class VmallocTest : public testing::TestWithParam<FormatFacts> {
 protected:
  static constexpr std::uint64_t kMemory = 32 * kMiB;

  VmallocTest() : half_(*KernelHalf::create(arena_.frames(), GetParam().format)) {
    cache_.frames = &arena_.frames();
    vmalloc_.emplace(arena_.frames(), *half_, cache_);
  }
  ~VmallocTest() override {
    EXPECT_EQ(vmalloc_->verify(), "");
    vmalloc_.reset();
    EXPECT_EQ(frames_used(), 0U);
  }

  std::uint64_t frames_used() {
    return arena_.frames().stats().by_state[static_cast<int>(FrameState::kVmalloc)];
  }
  VirtAddr allocate(std::uint64_t bytes, const char* caller = "test") {
    const auto made = vmalloc_->allocate(bytes, caller, VmallocUse::kKernel);
    EXPECT_TRUE(made.has_value());
    return made.value_or(VirtAddr());
  }
  std::unique_ptr<PageTable> table() {
    return *PageTable::create(arena_.frames(), GetParam().format, half_.get());
  }
  Result<void> write(PageTable* current, VirtAddr to, std::span<const std::byte> from) {
    return write_kernel(arena_.frames(), *half_, current, to, from);
  }
  Result<void> read(PageTable* current, VirtAddr from, std::span<std::byte> to) {
    return read_kernel(arena_.frames(), *half_, current, from, to);
  }

  Arena arena_{kMemory};
  std::unique_ptr<KernelHalf> half_;
  WatchingCache cache_;
  std::optional<Vmalloc> vmalloc_;
};

TEST_P(VmallocTest, AreasLieOneGuardPageApart) {
  const VirtAddr first = allocate(3 * kPageSize);
  EXPECT_EQ(first.value, first_address(GetParam().format, kMemory));
  const VirtAddr second = allocate(1);
  EXPECT_EQ(second, first + 4 * kPageSize);
  EXPECT_TRUE(half_->maps(first));
  EXPECT_TRUE(half_->maps(second - kPageSize - 1));
  EXPECT_FALSE(half_->maps(second - kPageSize));
  EXPECT_FALSE(half_->maps(second + kPageSize));
  EXPECT_EQ(vmalloc_->pages(), 4U);
  EXPECT_EQ(frames_used(), 4U);
  EXPECT_EQ(half_->verify(), "");
}

TEST_P(VmallocTest, FreedAddressesAreUsedAgain) {
  const VirtAddr first = allocate(kPageSize), second = allocate(2 * kPageSize);
  const VirtAddr third = allocate(kPageSize);
  vmalloc_->free(second);
  EXPECT_EQ(allocate(3 * kPageSize), third + 2 * kPageSize);  // does not fit with its guard
  EXPECT_EQ(allocate(2 * kPageSize), second);
  vmalloc_->free(first);
  EXPECT_EQ(allocate(kPageSize), first);
}

TEST_P(VmallocTest, TranslationsDieBeforeTheFramesGo) {
  const VirtAddr start = allocate(5 * kPageSize);
  vmalloc_->free(start);
  ASSERT_EQ(cache_.ranges.size(), 1U);
  EXPECT_EQ(cache_.ranges[0], (AddressRange{start, start + 5 * kPageSize}));
  EXPECT_TRUE(cache_.all_gone);
  EXPECT_EQ(cache_.frames_then[0], 5U);
  EXPECT_EQ(frames_used(), 0U);
  EXPECT_FALSE(half_->maps(start));
}

TEST_P(VmallocTest, EveryTableSeesItWhenTheKernelComesBy) {
  const auto before = table();
  const VirtAddr start = allocate(2 * kPageSize);
  const auto after = table();
  std::array<std::byte, 100> text;
  text.fill(std::byte{0x5a});
  const VirtAddr across = start + kPageSize - 50;
  EXPECT_TRUE(write(before.get(), across, text));
  for (PageTable* current : {before.get(), after.get(), static_cast<PageTable*>(nullptr)}) {
    std::array<std::byte, 100> seen{};
    EXPECT_TRUE(read(current, across, seen));
    EXPECT_EQ(seen, text);
  }
  EXPECT_EQ(before->verify(), "");
  EXPECT_EQ(after->verify(), "");
  // Programs never do.
  const auto denied = walk(arena_.frames(), GetParam().format, before->root(), start, Access::kRead,
                           Privilege::kUser);
  ASSERT_FALSE(denied.has_value());
  EXPECT_EQ(denied.error().error_code, fault_code::kPresent | fault_code::kUser);
}

TEST_P(VmallocTest, GuardsAndFreedMemoryFault) {
  const auto current = table();
  const VirtAddr start = allocate(kPageSize);
  std::array<std::byte, 2> bytes{};
  EXPECT_EQ(read(current.get(), start + kPageSize - 1, bytes), fail(Errno::kFault));
  vmalloc_->free(start);
  EXPECT_EQ(read(current.get(), start, bytes), fail(Errno::kFault));
  EXPECT_EQ(write(nullptr, start, bytes), fail(Errno::kFault));
}

TEST_P(VmallocTest, MemoryIsZeroed) {
  std::vector<std::byte> bytes(2 * kPageSize, std::byte{0xff});
  const VirtAddr first = allocate(bytes.size());
  EXPECT_TRUE(write(nullptr, first, bytes));
  vmalloc_->free(first);
  const VirtAddr second = allocate(bytes.size());
  EXPECT_TRUE(read(nullptr, second, bytes));
  EXPECT_EQ(bytes, std::vector<std::byte>(2 * kPageSize));
}

TEST_P(VmallocTest, WhatCannotBeHadLeavesNothing) {
  EXPECT_EQ(vmalloc_->allocate(0, "test", VmallocUse::kKernel), fail(Errno::kInval));
  EXPECT_EQ(vmalloc_->allocate(kMemory + 1, "test", VmallocUse::kKernel), fail(Errno::kNoMem));
  EXPECT_EQ(vmalloc_->allocate(kMemory, "test", VmallocUse::kKernel), fail(Errno::kNoMem));
  EXPECT_EQ(frames_used(), 0U);
  // Frames for pages and for tables, each in turn.
  for (std::uint64_t nth = 1;; ++nth) {
    arena_.frames().fail_nth(nth);
    const auto made = vmalloc_->allocate(3 * kPageSize, "test", VmallocUse::kKernel);
    arena_.frames().fail_nth(0);
    if (made) break;
    EXPECT_EQ(made.error(), Errno::kNoMem);
    EXPECT_EQ(frames_used(), 0U);
    EXPECT_EQ(vmalloc_->pages(), 0U);
    EXPECT_EQ(vmalloc_->verify(), "");
  }
}

TEST_P(VmallocTest, AFrameThatAProgramMapsOutlivesItsArea) {
  const VirtAddr start = allocate(kPageSize);
  const Pfn pfn = half_->page_at(start);
  arena_.frames().get(pfn);
  vmalloc_->free(start);
  EXPECT_EQ(frames_used(), 1U);
  EXPECT_TRUE(arena_.frames().put(pfn));
}

TEST_P(VmallocTest, ThreadsGetAreasOfTheirOwn) {
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([this, number] {
      std::vector<std::byte> bytes(2 * kPageSize, std::byte(number)), seen(bytes.size());
      for (int round = 0; round < 20; ++round) {
        const VirtAddr start = allocate(bytes.size());
        EXPECT_TRUE(write(nullptr, start, bytes));
        EXPECT_TRUE(read(nullptr, start, seen));
        EXPECT_EQ(seen, bytes);
        vmalloc_->free(start);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(vmalloc_->pages(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Formats, VmallocTest, testing::ValuesIn(kFormats),
                         [](const auto& facts) { return facts.param.name; });

TEST(VmallocInfo, IsAsLinuxWritesIt) {
  Arena arena(32 * kMiB);
  NoTranslationCache cache;
  const auto wide = *KernelHalf::create(arena.frames(), PagingFormat::kFourLevel);
  Vmalloc vmalloc(arena.frames(), *wide, cache);
  const VirtAddr first = *vmalloc.allocate(4 * kPageSize, "irq_init", VmallocUse::kKernel);
  ASSERT_TRUE(vmalloc.allocate(kPageSize, "driver_open", VmallocUse::kUser));
  EXPECT_EQ(
      vmalloc.info_text(),
      "0xffffc90000000000-0xffffc90000005000   20480 irq_init pages=4 vmalloc N0=4\n"
      "0xffffc90000005000-0xffffc90000007000    8192 driver_open pages=1 vmalloc user N0=1\n");
  vmalloc.free(first);
  const auto narrow = *KernelHalf::create(arena.frames(), PagingFormat::kClassic32);
  Vmalloc other(arena.frames(), *narrow, cache);
  ASSERT_TRUE(other.allocate(kPageSize, "probe", VmallocUse::kKernel));
  EXPECT_EQ(other.info_text(), "0xc2800000-0xc2802000    8192 probe pages=1 vmalloc N0=1\n");
}

TEST(VmallocDeathTest, FreesOnlyWhatIsAnArea) {
  Arena arena(16 * kMiB);
  NoTranslationCache cache;
  const auto half = *KernelHalf::create(arena.frames(), PagingFormat::kFourLevel);
  Vmalloc vmalloc(arena.frames(), *half, cache);
  const VirtAddr start = *vmalloc.allocate(2 * kPageSize, "test", VmallocUse::kKernel);
  EXPECT_DEATH(vmalloc.free(start + kPageSize), "");
  vmalloc.free(start);
  EXPECT_DEATH(vmalloc.free(start), "");
}

}  // namespace
}  // namespace gonzo::test

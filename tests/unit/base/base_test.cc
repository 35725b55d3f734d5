#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include <gonzo/base/address.h>
#include <gonzo/base/check.h>
#include <gonzo/base/function_ref.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>

namespace gonzo {
namespace {

TEST(Address, RoundsToPages) {
  EXPECT_EQ(VirtAddr(0x1fff).page_floor(), VirtAddr(0x1000));
  EXPECT_EQ(VirtAddr(0x1001).page_ceil(), VirtAddr(0x2000));
  EXPECT_EQ(VirtAddr(0x1000).page_ceil(), VirtAddr(0x1000));
  EXPECT_EQ(VirtAddr(0x1abc).page_offset(), 0xabcU);
  EXPECT_EQ(page_ceil(~0ULL), 0U) << "wraps, as PAGE_ALIGN does";
}

TEST(Address, FrameNumbersAndPhysicalAddressesConvert) {
  EXPECT_EQ(Pfn(3).address(), PhysAddr(0x3000));
  EXPECT_EQ(Pfn::of(PhysAddr(0x3fff)), Pfn(3));
  EXPECT_TRUE(Pfn().is_none());
  EXPECT_FALSE(Pfn(0).is_none());
}

TEST(Address, RangesAreHalfOpen) {
  const AddressRange range{VirtAddr(0x1000), VirtAddr(0x3000)};
  EXPECT_EQ(range.pages(), 2U);
  EXPECT_TRUE(range.contains(VirtAddr(0x1000)));
  EXPECT_FALSE(range.contains(VirtAddr(0x3000)));
  EXPECT_FALSE(range.overlaps({VirtAddr(0x3000), VirtAddr(0x4000)}));
  EXPECT_TRUE(range.overlaps({VirtAddr(0x2fff), VirtAddr(0x4000)}));
  EXPECT_TRUE(range.intersect({VirtAddr(0x5000), VirtAddr(0x6000)}).empty());
}

TEST(Errno, HasTheHostsNamesAndTexts) {
  EXPECT_EQ(errno_name(Errno::kNoMem), "ENOMEM");
  EXPECT_EQ(errno_text(Errno::kNoMem), "Cannot allocate memory");
  EXPECT_EQ(errno_name(static_cast<Errno>(99999)), "E?");
}

Result<int> twice(Result<int> value) {
  GONZO_ASSIGN(const int got, value);
  return 2 * got;
}

Result<void> passes_on(Result<void> value) {
  GONZO_TRY(value);
  return {};
}

TEST(ResultMacros, PassErrorsOnAndKeepValues) {
  EXPECT_EQ(twice(4), 8);
  EXPECT_EQ(twice(fail(Errno::kBusy)).error(), Errno::kBusy);
  EXPECT_TRUE(passes_on({}).has_value());
  EXPECT_EQ(passes_on(fail(Errno::kIo)).error(), Errno::kIo);
}

int call(FunctionRef<int(int)> f) { return f(20); }

TEST(FunctionRef, CallsWhatItRefersTo) {
  int calls = 0;
  auto add = [&calls](int x) { return ++calls, x + 1; };
  EXPECT_EQ(call(add), 21);
  EXPECT_EQ(call([](int x) { return x * 2; }), 40);
  EXPECT_EQ(calls, 1);
}

template <typename Lock>
int count_under(Lock& lock) {
  int counter = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        const LockGuard guard(lock);
        ++counter;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return counter;
}

TEST(Locks, Exclude) {
  SpinLock spin;
  Mutex mutex;
  SharedMutex shared;
  EXPECT_EQ(count_under(spin), 20000);
  EXPECT_EQ(count_under(mutex), 20000);
  EXPECT_EQ(count_under(shared), 20000);
  EXPECT_TRUE(spin.try_lock());
  EXPECT_FALSE(spin.try_lock());
  spin.unlock();
}

TEST(CheckDeathTest, NamesTheConditionAndThePlace) {
  EXPECT_DEATH(GONZO_CHECK(1 + 1 == 3), "1 \\+ 1 == 3 does not hold .*base_test.cc");
}

}  // namespace
}  // namespace gonzo

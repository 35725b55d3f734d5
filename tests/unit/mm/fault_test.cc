// Faults on private anonymous memory, and which faults are none of ours to mend.
#include <thread>

#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

class FaultTest : public Guest {
 protected:
  void start_with_around(unsigned pages, std::uint64_t bytes = 64 * kMiB) {
    start({.bytes = bytes, .manager = {.anonymous_fault_around = pages}});
  }
  std::uint64_t rss() { return space_->counts().rss_anon; }
};

TEST_F(FaultTest, OutsideOfAreasIsNoMapping) {
  map(1);
  EXPECT_EQ(read_fault(VirtAddr(0)), FaultOutcome::kNoMapping);
  EXPECT_EQ(read_fault(kBase - 1), FaultOutcome::kNoMapping);
  EXPECT_EQ(read_fault(page(1)), FaultOutcome::kNoMapping);
  EXPECT_EQ(read_fault(VirtAddr(~0ULL)), FaultOutcome::kNoMapping);
  EXPECT_EQ(read_fault(VirtAddr(0xffff'8000'0000'0000)), FaultOutcome::kNoMapping);
  EXPECT_EQ(space_->counts().minor_faults, 0U) << "a fault that was not mended is not counted";
}

TEST_F(FaultTest, ProtectionDecidesAccess) {
  struct {
    int protection;
    bool read, write, execute;
  } const cases[] = {
      {PROT_NONE, false, false, false},
      {PROT_READ, true, false, false},
      {PROT_WRITE, true, true, false},  // x86 has no write-only pages
      {PROT_EXEC, true, false, true},
      {PROT_READ | PROT_WRITE, true, true, false},
      {PROT_READ | PROT_EXEC, true, false, true},
  };
  std::uint64_t at = 0;
  for (const auto& c : cases) {
    const VirtAddr a = map(1, c.protection, MAP_PRIVATE | MAP_ANONYMOUS, at);
    at += 2;
    const auto expected = [](bool ok) {
      return ok ? FaultOutcome::kMinor : FaultOutcome::kNoAccess;
    };
    EXPECT_EQ(space_->fault(a, Access::kExecute), expected(c.execute)) << c.protection;
    EXPECT_EQ(read_fault(a), expected(c.read)) << c.protection;
    EXPECT_EQ(write_fault(a), expected(c.write)) << c.protection;
  }
}

TEST_F(FaultTest, WithoutNoExecuteWhatCanBeReadCanBeExecuted) {
  start({.space = {.format = PagingFormat::kClassic32}});
  map(1, PROT_READ);
  EXPECT_EQ(space_->fault(kBase, Access::kExecute), FaultOutcome::kMinor);
  map(1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, 4);
  EXPECT_EQ(space_->fault(page(4), Access::kExecute), FaultOutcome::kNoAccess);
}

TEST_F(FaultTest, ReadMapsTheZeroPage) {
  map(2);
  EXPECT_EQ(read_fault(page(1) + 123), FaultOutcome::kMinor);
  const Entry found = entry(page(1));
  EXPECT_EQ(found.pfn(), manager_->zero_page(kBase));
  EXPECT_TRUE(found.has(pte::kSpecial) && found.has(pte::kAccessed) && found.has(pte::kNoExecute));
  EXPECT_FALSE(found.is_writable());
  EXPECT_EQ(space_->counts().rss(), 0U) << "the zero page is nobody's memory";
  EXPECT_EQ(space_->counts().minor_faults, 1U);
  EXPECT_TRUE(entry(kBase).is_blank());
}

TEST_F(FaultTest, ReadMapsZeroPagesAroundAsOneRun) {
  start_with_around(16);
  map(24);
  write_fault(page(3));  // brings the first block
  map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 4);
  const auto rss_before = rss();
  EXPECT_EQ(read_fault(page(6)), FaultOutcome::kMinor);
  for (unsigned i = 4; i < 12; ++i) {
    ASSERT_TRUE(entry(page(i)).has(pte::kSpecial)) << i;
    EXPECT_EQ(entry(page(i)).pfn(), entry(page(4)).pfn() + (i - 4)) << "one run, to map at once";
  }
  EXPECT_FALSE(entry(page(3)).has(pte::kSpecial)) << "what was there stays";
  EXPECT_FALSE(entry(page(12)).has(pte::kSpecial));
  EXPECT_TRUE(entry(page(16)).is_blank()) << "beyond the block";
  EXPECT_EQ(rss(), rss_before);
}

TEST_F(FaultTest, WriteToZeroPagesReplacesTheBlock) {
  start_with_around(16);
  map(16);
  read_fault(page(5));
  cache_.calls.clear();
  EXPECT_EQ(write_fault(page(5)), FaultOutcome::kMinor);
  ASSERT_EQ(cache_.calls.size(), 1U) << "one flush for all";
  EXPECT_EQ(cache_.calls[0].first, (AddressRange{kBase, page(16)}));
  for (unsigned i = 0; i < 16; ++i) {
    EXPECT_TRUE(entry(page(i)).is_writable()) << i;
    EXPECT_EQ(frame(page(i)).index, page(i).page_number());
    EXPECT_EQ(*bytes(page(i)), std::byte{0});
  }
  EXPECT_EQ(rss(), 16U);
}

TEST_F(FaultTest, WriteGivesAZeroedFrame) {
  map(4);
  EXPECT_EQ(write_fault(page(2)), FaultOutcome::kMinor);
  const Entry found = entry(page(2));
  EXPECT_TRUE(found.is_present() && found.is_writable() && found.has(pte::kUser));
  EXPECT_TRUE(found.has(pte::kAccessed) && found.has(pte::kDirty) && found.has(pte::kNoExecute));
  EXPECT_EQ(frame(page(2)).state, FrameState::kAnonymous);
  EXPECT_EQ(frame(page(2)).index, page(2).page_number());
  for (std::uint64_t i = 0; i < kPageSize; ++i) ASSERT_EQ(bytes(page(2))[i], std::byte{0});
  EXPECT_EQ(rss(), 1U);
}

TEST_F(FaultTest, WriteAfterReadReplacesTheZeroPage) {
  map(1);
  read_fault(kBase);
  cache_.calls.clear();
  EXPECT_EQ(write_fault(kBase), FaultOutcome::kMinor);
  EXPECT_NE(entry(kBase).pfn(), manager_->zero_page(kBase));
  EXPECT_TRUE(entry(kBase).is_writable());
  EXPECT_FALSE(entry(kBase).has(pte::kSpecial));
  EXPECT_EQ(*bytes(kBase), std::byte{0});
  EXPECT_EQ(rss(), 1U);
  ASSERT_EQ(cache_.calls.size(), 1U) << "a processor may still read the zero page";
  EXPECT_EQ(cache_.calls[0].first, (AddressRange{kBase, page(1)}));
  EXPECT_EQ(cache_.calls[0].second, Stricter::kGone);
}

TEST_F(FaultTest, SpuriousFaultsChangeNothingButTheUsedBits) {
  map(1);
  write_fault(kBase);
  const Entry before = entry(kBase);
  space_->page_table().find(kBase).store(before.without(pte::kAccessed | pte::kDirty));
  EXPECT_EQ(read_fault(kBase), FaultOutcome::kMinor);
  EXPECT_EQ(entry(kBase), before.without(pte::kDirty));
  EXPECT_EQ(write_fault(kBase), FaultOutcome::kMinor);
  EXPECT_EQ(entry(kBase), before);
  EXPECT_EQ(rss(), 1U);
  EXPECT_EQ(space_->counts().minor_faults, 3U) << "as on Linux, each counts";
  EXPECT_TRUE(cache_.calls.empty());
}

TEST_F(FaultTest, AroundBringsTheAlignedBlockOfContiguousFrames) {
  start_with_around(16);
  map(64);
  write_fault(page(21));
  const Pfn first = entry(page(16)).pfn();
  EXPECT_EQ(first.value % 16, 0U);
  for (std::uint64_t i = 16; i < 32; ++i) {
    EXPECT_EQ(entry(page(i)).pfn(), first + (i - 16));
    EXPECT_TRUE(entry(page(i)).is_writable() && entry(page(i)).has(pte::kDirty));
    EXPECT_EQ(frame(page(i)).index, page(i).page_number());
    EXPECT_EQ(*bytes(page(i)), std::byte{0});
  }
  EXPECT_TRUE(entry(page(15)).is_blank());
  EXPECT_TRUE(entry(page(32)).is_blank());
  EXPECT_EQ(rss(), 16U);
  EXPECT_EQ(space_->counts().minor_faults, 1U);
}

TEST_F(FaultTest, AroundIsCutAtTheArea) {
  start_with_around(16);
  map(7, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 3);
  map(4, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 10);
  write_fault(page(5));
  EXPECT_EQ(rss(), 7U);
  EXPECT_TRUE(entry(page(10)).is_blank());
  EXPECT_EQ(entry(page(4)).pfn().value % 4, 0U) << "as aligned as the addresses are";
}

TEST_F(FaultTest, AroundLeavesWhatIsThere) {
  start_with_around(16);
  map(16);
  poke(page(4), 1);
  poke(page(12), 1);
  for (const auto& [start, pages] : {std::pair{0, 4}, {5, 7}, {13, 3}}) {
    ASSERT_TRUE(space_->advise(page(start), pages * kPageSize, MADV_DONTNEED));
  }
  EXPECT_EQ(rss(), 2U);
  poke(page(8), 1);
  EXPECT_EQ(rss(), 9U) << "the pages between the two that were there";
  EXPECT_TRUE(entry(page(3)).is_blank());
  EXPECT_TRUE(entry(page(13)).is_blank());
  EXPECT_EQ(peek(page(4)), 1);
}

TEST_F(FaultTest, SequentialWritesNeedFewFaults) {
  start_with_around(16);
  map(2048);
  for (std::uint64_t i = 0; i < 2048; ++i) poke(page(i), 1);
  EXPECT_EQ(rss(), 2048U);
  // 16, 16, 32, 64, 128, 256, then 512 each.
  EXPECT_EQ(space_->counts().minor_faults, 9U);
}

TEST_F(FaultTest, ScatteredWritesKeepTheBlockSmall) {
  start_with_around(16);
  map(4096);
  for (std::uint64_t i = 0; i < 4096; i += 256) poke(page(4095 - i), 1);
  EXPECT_EQ(rss(), 16U * 16U);
}

TEST_F(FaultTest, ScarceMemoryStillGivesTheOnePage) {
  start_with_around(16, kMiB);
  map(256);
  std::uint64_t served = 0;
  while (served < 256 && write_fault(page(served)) == FaultOutcome::kMinor) ++served;
  EXPECT_LT(served, 256U);
  EXPECT_GT(served, 256U - 16 - MemoryManager::kMaxZeroPages) << "nearly all of the 256 frames";
  EXPECT_EQ(write_fault(page(served)), FaultOutcome::kOutOfMemory);
  EXPECT_TRUE(entry(page(served)).is_blank());
  EXPECT_EQ(space_->verify(), "");
}

TEST_F(FaultTest, EachFailedAllocationLeavesThingsAsTheyWere) {
  for (const unsigned around : {1U, 16U}) {
    for (std::uint64_t nth = 1;; ++nth) {
      start_with_around(around);
      map(64);
      frames_->fail_nth(nth);
      unsigned failed = 0;
      for (std::uint64_t i = 0; i < 64; i += 9) {
        const std::uint64_t before = rss();
        while (write_fault(page(i)) == FaultOutcome::kOutOfMemory) {
          EXPECT_EQ(rss(), before);
          EXPECT_EQ(space_->verify(), "");
          ++failed;
        }
      }
      frames_->fail_nth(0);
      ASSERT_LE(failed, 1U);
      if (nth > 32) break;
    }
  }
}

TEST_F(FaultTest, ThreadsMayFaultAtOnce) {
  constexpr std::uint64_t kPages = 512;
  for (const unsigned around : {1U, 16U}) {
    start_with_around(around);
    map(kPages);
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([this, t] {
        for (std::uint64_t i = 0; i < kPages; ++i) {
          // Overlapping ranges in different orders, reads and writes.
          const VirtAddr a = page(t % 2 == 0 ? i : kPages - 1 - i);
          if ((i + t) % 3 == 0) read_fault(a);
          access(*space_, a + t, Access::kWrite)[0] = static_cast<std::byte>(t + 1);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(space_->verify(), "");
    EXPECT_EQ(rss(), kPages);
    for (std::uint64_t i = 0; i < kPages; ++i) {
      for (unsigned t = 0; t < 4; ++t) ASSERT_EQ(peek(page(i) + t), static_cast<int>(t + 1));
    }
  }
}

}  // namespace
}  // namespace gonzo::test

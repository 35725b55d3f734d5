// Devices around a device: one that fails, one that is slow.
#include <gtest/gtest.h>

#include "unit/swap/fake_device.h"
#include <gonzo/swap/failing_swap_device.h>
#include <gonzo/swap/slow_swap_device.h>

namespace gonzo {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

struct Page {
  std::vector<std::byte> memory = std::vector<std::byte>(kPageSize);
  std::vector<std::byte*> in(std::size_t n = 1) { return std::vector(n, memory.data()); }
  std::vector<const std::byte*> out(std::size_t n = 1) const {
    return std::vector<const std::byte*>(n, memory.data());
  }
};

class FailingSwapDeviceTest : public testing::Test {
 protected:
  std::shared_ptr<test::FakeMedium> medium_ = std::make_shared<test::FakeMedium>();
  FailingSwapDevice device_{std::make_unique<test::FakeDevice>(medium_, 100)};
  Page page_;
};

TEST_F(FailingSwapDeviceTest, PassesOnUntilToldToFail) {
  EXPECT_TRUE(device_.write(3, page_.out(2)));
  EXPECT_TRUE(device_.read(3, page_.in(2)));
  device_.discard(3);
  EXPECT_EQ(medium_->discards, std::vector<std::uint64_t>{3});
  EXPECT_EQ(device_.slots(), 100U);
}

TEST_F(FailingSwapDeviceTest, FailsTheNthCall) {
  device_.fail_writes({.first = 2, .count = 1, .error = Errno::kNoSpc});
  EXPECT_TRUE(device_.write(0, page_.out()));
  EXPECT_EQ(device_.write(1, page_.out(3)).error(), Errno::kNoSpc);
  EXPECT_TRUE(device_.write(1, page_.out()));
  EXPECT_TRUE(device_.read(0, page_.in()));
  EXPECT_EQ(device_.stats().write_errors, 3U);
  EXPECT_EQ(medium_->writes.size(), 2U);
}

TEST_F(FailingSwapDeviceTest, FailsFromTheNthOnUntilItRecovers) {
  EXPECT_TRUE(device_.write(0, page_.out()));
  device_.fail_reads({.first = 2});
  EXPECT_TRUE(device_.read(0, page_.in()));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(device_.read(0, page_.in()).error(), Errno::kIo);
  device_.recover();
  EXPECT_TRUE(device_.read(0, page_.in()));
}

class SlowSwapDeviceTest : public testing::Test {
 protected:
  SlowSwapDevice device(SlowSwapDevice::Speed speed) {
    return SlowSwapDevice(std::make_unique<test::FakeDevice>(medium_, 100), speed,
                          {[this] { return now_; },
                           [this](SlowSwapDevice::Time end) { now_ = std::max(now_, end); }});
  }

  std::shared_ptr<test::FakeMedium> medium_ = std::make_shared<test::FakeMedium>();
  SlowSwapDevice::Time now_ = milliseconds(1000);
  Page page_;
};

TEST_F(SlowSwapDeviceTest, EachCallTakesTheLatency) {
  auto slow = device({.latency = microseconds(80)});
  ASSERT_TRUE(slow.write(0, page_.out(8)));
  EXPECT_EQ(now_, milliseconds(1000) + microseconds(80));
  ASSERT_TRUE(slow.read(0, page_.in()));
  EXPECT_EQ(now_, milliseconds(1000) + microseconds(160));
  EXPECT_EQ(slow.latency(), SwapLatency::kStorage);
}

TEST_F(SlowSwapDeviceTest, PagesTakeTheirShareOfTheLine) {
  auto slow = device({.bytes_per_second = 4096 * 1000});
  ASSERT_TRUE(slow.write(0, page_.out(8)));
  EXPECT_EQ(now_, milliseconds(1008));
  slow.set_speed({.latency = milliseconds(5), .bytes_per_second = 4096 * 500});
  ASSERT_TRUE(slow.read(0, page_.in()));
  EXPECT_EQ(now_, milliseconds(1015));
}

TEST_F(SlowSwapDeviceTest, ErrorsComeThrough) {
  auto slow = device({.latency = microseconds(80)});
  EXPECT_EQ(slow.read(0, page_.in()).error(), Errno::kIo);
}

}  // namespace
}  // namespace gonzo

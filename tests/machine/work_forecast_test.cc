#include "machine/host/work_forecast.h"

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/syscall.h>

namespace gonzo {
namespace {

WorkForecast::Kind kind(std::uint64_t number, std::uint64_t first, std::uint64_t second) {
  CpuRegisters registers;
  registers.rax = number;
  registers.rdi = first;
  registers.rsi = second;
  return WorkForecast::kind_of(registers);
}

TEST(WorkForecastTest, OneLongCallIsEnoughAndSomeShortOnesUndoIt) {
  WorkForecast forecast;
  const auto read = kind(SYS_read, 3, 0x7fff'0000);
  EXPECT_FALSE(forecast.is_long(read));
  forecast.learn(read, true);
  EXPECT_TRUE(forecast.is_long(read));
  forecast.learn(read, false);
  EXPECT_TRUE(forecast.is_long(read));
  forecast.learn(read, false);
  EXPECT_FALSE(forecast.is_long(read));
  for (int i = 0; i < 1000; ++i) forecast.learn(read, false);
  forecast.learn(read, true);
  EXPECT_TRUE(forecast.is_long(read));
}

TEST(WorkForecastTest, DescriptorsAndOperationsTellCallsApartButNotAddresses) {
  EXPECT_NE(kind(SYS_read, 3, 0x7fff'0000), kind(SYS_read, 4, 0x7fff'0000));
  EXPECT_NE(kind(SYS_read, 3, 0x7fff'0000), kind(SYS_write, 3, 0x7fff'0000));
  EXPECT_NE(kind(SYS_futex, 0x5555'0000, FUTEX_WAIT_PRIVATE),
            kind(SYS_futex, 0x5555'0000, FUTEX_WAKE_PRIVATE));
  EXPECT_EQ(kind(SYS_futex, 0x5555'0000, FUTEX_WAIT_PRIVATE),
            kind(SYS_futex, 0x7fff'1230, FUTEX_WAIT_PRIVATE));
  EXPECT_EQ(kind(SYS_read, 3, 0x7fff'0000), kind(SYS_read, 3, 0x7fff'1000));
}

TEST(WorkForecastTest, AFaultIsAKindToo) {
  WorkForecast forecast;
  forecast.learn(WorkForecast::kFault, true);
  EXPECT_TRUE(forecast.is_long(WorkForecast::kFault));
}

}  // namespace
}  // namespace gonzo

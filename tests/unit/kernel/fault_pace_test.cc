#include "kernel/fault_pace.h"

#include <gtest/gtest.h>

namespace gonzo {
namespace {

TEST(FaultPaceTest, EachInstructionPaysOnce) {
  FaultPace pace;
  EXPECT_TRUE(pace.allows_eviction(0x1000));
  EXPECT_FALSE(pace.allows_eviction(0x1000));
  EXPECT_FALSE(pace.allows_eviction(0x1000));
  EXPECT_TRUE(pace.allows_eviction(0x1004));
  EXPECT_TRUE(pace.allows_eviction(0x1000)) << "again, after another";
}

TEST(FaultPaceTest, OneThatGoesOverMemoryPaysNowAndThen) {
  FaultPace pace;
  unsigned paid = 0;
  for (int i = 0; i < 1000; ++i) paid += pace.allows_eviction(0x1000) ? 1 : 0;
  EXPECT_GE(paid, 10U);
  EXPECT_LE(paid, 1000U / 40);
}

}  // namespace
}  // namespace gonzo

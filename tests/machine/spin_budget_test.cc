#include "machine/host/spin_budget.h"

#include <gtest/gtest.h>

namespace gonzo {
namespace {

using Outcome = SpinBudget::Outcome;
constexpr std::uint64_t kShort = SpinBudget::kShortWork / 10;
constexpr std::uint64_t kLong = SpinBudget::kShortWork * 10;

/// A wait as StubLink makes it. Returns whether it spun.
bool wait(SpinBudget& budget, std::uint64_t work, bool other_side_runs) {
  const bool spins = budget.ticks() > 0;
  const bool in_time = other_side_runs && work < budget.ticks();
  budget.learn(work, !spins ? Outcome::kDidNotTry : in_time ? Outcome::kSpun : Outcome::kGaveUp);
  return spins;
}

TEST(SpinBudgetTest, ShortWorkIsWorthSpinning) {
  SpinBudget budget(SpinPolicy::kAdaptive);
  for (unsigned i = 0; i < 100; ++i) EXPECT_TRUE(wait(budget, kShort, true));
}

TEST(SpinBudgetTest, LongWorkIsNotAndShortWorkIsNoticedAgain) {
  SpinBudget budget(SpinPolicy::kAdaptive);
  unsigned spun = 0;
  for (unsigned i = 0; i < 100; ++i) spun += wait(budget, kLong, true);
  EXPECT_LE(spun, 4U);
  wait(budget, kShort, true);
  EXPECT_TRUE(wait(budget, kShort, true));
}

TEST(SpinBudgetTest, SpinningInVainBecomesRare) {
  SpinBudget budget(SpinPolicy::kAdaptive);
  unsigned spun = 0;
  for (unsigned i = 0; i < 10'000; ++i) spun += wait(budget, kShort, false);
  EXPECT_LE(spun, 20U);
}

TEST(SpinBudgetTest, OneProcessorNeverSpins) {
  SpinBudget budget(SpinPolicy::kNever);
  EXPECT_FALSE(wait(budget, kShort, true));
  EXPECT_FALSE(wait(budget, kShort, true));
}

}  // namespace
}  // namespace gonzo

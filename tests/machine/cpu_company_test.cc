#include "machine/host/cpu_company.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gonzo/base/processor_binding.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kMiddle = SpinBudget::kShortWork;  // the least work that wants company
constexpr std::uint64_t kAlone = 1000;
constexpr int kTurnsUntilWanted = 8;

class CpuCompanyTest : public testing::Test {
 protected:
  CpuCompanyTest() : guest_(fork()) {
    if (guest_ == 0) {
      for (;;) pause();
    }
  }
  ~CpuCompanyTest() override {
    unbind_from_processor();
    kill(guest_, SIGKILL);
    waitpid(guest_, nullptr, 0);
  }

  void SetUp() override {
    if (processors(0) < 2) GTEST_SKIP() << "one processor: there is nothing to choose";
  }

  static int processors(pid_t thread) {
    cpu_set_t set;
    CPU_ZERO(&set);
    EXPECT_EQ(sched_getaffinity(thread, sizeof set, &set), 0);
    return CPU_COUNT(&set);
  }
  void take_turns(CpuCompany& company, int turns, std::uint64_t work,
                  std::uint64_t beside = kAlone) {
    for (int i = 0; i < turns; ++i) {
      company.join(guest_);
      company.leave(work, beside);
    }
  }
  void expect_together(CpuCompany& company) {
    EXPECT_TRUE(company.join(guest_));
    EXPECT_EQ(processors(0), 1);
    EXPECT_EQ(processors(guest_), 1);
  }

  pid_t guest_;
};

TEST_F(CpuCompanyTest, JoinsAfterSomeTurnsOfMiddleLength) {
  CpuCompany company(SpinPolicy::kAdaptive, CallerBinding::kForTheTurn);
  take_turns(company, kTurnsUntilWanted - 1, kMiddle);
  EXPECT_FALSE(company.join(guest_));
  company.leave(kMiddle, kAlone);
  expect_together(company);
}

TEST_F(CpuCompanyTest, TheCallerIsFreeAfterEachTurn) {
  CpuCompany company(SpinPolicy::kAdaptive, CallerBinding::kForTheTurn);
  for (int i = 0; i < 200; ++i) {
    take_turns(company, 1, kMiddle);
    ASSERT_GT(processors(0), 1);
  }
}

TEST_F(CpuCompanyTest, OrStaysWhereNobodyElseIsSeen) {
  CpuCompany company(SpinPolicy::kAdaptive, CallerBinding::kWhileItPays);
  take_turns(company, kTurnsUntilWanted + CpuCompany::kCalm, kMiddle);
  EXPECT_EQ(processors(0), 1);
  take_turns(company, 1, kMiddle, CpuCompany::kDisturbance);
  EXPECT_GT(processors(0), 1) << "somebody else wants the processor";
  take_turns(company, CpuCompany::kCalm - 1, kMiddle);
  EXPECT_GT(processors(0), 1);
  take_turns(company, 1, kMiddle);
  EXPECT_EQ(processors(0), 1);
}

TEST_F(CpuCompanyTest, ShortAndLongWorkEndIt) {
  for (const std::uint64_t work : {std::uint64_t{0}, CpuCompany::kLongWork}) {
    CpuCompany company(SpinPolicy::kAdaptive, CallerBinding::kWhileItPays);
    take_turns(company, 2 * CpuCompany::kCalm, kMiddle);
    take_turns(company, kTurnsUntilWanted, work);
    EXPECT_GT(processors(0), 1);
    EXPECT_FALSE(company.join(guest_));
    EXPECT_GT(processors(guest_), 1);
  }
}

TEST_F(CpuCompanyTest, ALongTurnLetsBothGo) {
  CpuCompany company(SpinPolicy::kAdaptive, CallerBinding::kWhileItPays);
  take_turns(company, 2 * CpuCompany::kCalm, kMiddle);
  expect_together(company);
  company.part(guest_);
  EXPECT_GT(processors(0), 1);
  EXPECT_GT(processors(guest_), 1);
}

}  // namespace
}  // namespace gonzo

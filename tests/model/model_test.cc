// Random lives of address spaces on every page-table format, index and fault-around, against a
// model that knows only pages. A failing one is shrunk to the few steps that matter.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <tuple>

#include "model/life.h"

namespace gonzo::model {
namespace {

rc::Gen<Action> any_action() {
  return rc::gen::weightedElement<Action>({{6, Action::kMap},
                                           {2, Action::kPlace},
                                           {3, Action::kUnmap},
                                           {4, Action::kProtect},
                                           {3, Action::kMove},
                                           {3, Action::kResize},
                                           {2, Action::kDontNeed},
                                           {2, Action::kGuard},
                                           {1, Action::kUnguard},
                                           {2, Action::kLock},
                                           {1, Action::kUnlock},
                                           {7, Action::kRead},
                                           {10, Action::kWrite},
                                           {1, Action::kTruncate},
                                           {2, Action::kFork},
                                           {3, Action::kSwitch},
                                           {1, Action::kExit}});
}

rc::Gen<std::uint8_t> below(unsigned end) {
  return rc::gen::inRange<std::uint8_t>(0, static_cast<std::uint8_t>(end));
}

rc::Gen<Operation> any_operation() {
  return rc::gen::build<Operation>(
      rc::gen::set(&Operation::action, any_action()),
      rc::gen::set(&Operation::backing,
                   rc::gen::map(below(kBackings), [](std::uint8_t n) { return Backing{n}; })),
      rc::gen::set(&Operation::page, below(kWindowPages)),
      rc::gen::set(&Operation::pages, rc::gen::inRange<std::uint8_t>(1, kMaxPages + 1)),
      rc::gen::set(&Operation::protection,
                   rc::gen::weightedOneOf<std::uint8_t>(
                       {{3, rc::gen::just<std::uint8_t>(3)}, {1, below(8)}})),
      rc::gen::set(&Operation::object, below(kObjects)),
      rc::gen::set(&Operation::offset, below(kWindowPages)),
      rc::gen::set(&Operation::value, rc::gen::arbitrary<std::uint8_t>()));
}

class ModelTest
    : public ::testing::TestWithParam<std::tuple<PagingFormat, VmaIndexKind, unsigned>> {
 protected:
  Setting setting() const {
    const auto [format, index, around] = GetParam();
    return {.format = format, .index = index, .fault_around = around};
  }
};

TEST_P(ModelTest, AgreesStepByStep) {
  const bool held = rc::check([this] {
    const auto operations = *rc::gen::container<std::vector<Operation>>(any_operation());
    Life life(setting());
    for (const Operation& operation : operations) RC_ASSERT(life.step(operation) == "");
    RC_ASSERT(life.compare_contents() == "");
    RC_ASSERT(life.end() == "");
  });
  EXPECT_TRUE(held);
}

/// Each frame allocation of each life fails in turn: the step that needed it is refused as a whole,
/// all else goes on, and nothing is lost.
TEST_P(ModelTest, SurvivesEachFailedAllocation) {
  const bool held = rc::check([this] {
    const auto operations = *rc::gen::container<std::vector<Operation>>(any_operation());
    const auto nth = *rc::gen::inRange<std::uint64_t>(1, 60);
    Life life(setting());
    life.expect_scarcity();
    life.frames().fail_nth(nth);
    for (const Operation& operation : operations) RC_ASSERT(life.step(operation) == "");
    life.frames().fail_nth(0);
    RC_ASSERT(life.compare_contents() == "");
    RC_ASSERT(life.end() == "");
  });
  EXPECT_TRUE(held);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, ModelTest,
    ::testing::Combine(::testing::Values(PagingFormat::kClassic32, PagingFormat::kPae,
                                         PagingFormat::kFourLevel, PagingFormat::kFiveLevel),
                       ::testing::ValuesIn(kVmaIndexKinds), ::testing::Values(1U, 16U)));

}  // namespace
}  // namespace gonzo::model

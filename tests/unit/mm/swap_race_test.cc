// Several who ask for the same swapped page at once.
#include <atomic>
#include <thread>
#include <vector>

#include "unit/mm/swap_guest.h"

namespace gonzo::test {
namespace {

class SwapRaceTest : public SwapGuest {};

/// One of them maps it, whichever; in the end it is a page like all others, which can leave again.
TEST_F(SwapRaceTest, APageThatTwoBringBackKnowsItsPlace) {
  constexpr std::uint64_t kPages = 64;
  constexpr int kRounds = 60;
  map(kPages);
  fill(kPages);
  for (int round = 0; round < kRounds; ++round) {
    push_out();
    ASSERT_EQ(space_->counts().rss_anon, 0U) << "in round " << round;
    std::atomic<std::uint64_t> arrived{0};
    const auto touch_all = [&] {
      for (std::uint64_t i = 0; i < kPages; ++i) {
        ++arrived;
        while (arrived < 2 * (i + 1)) std::this_thread::yield();
        EXPECT_TRUE(mended(space_->fault(page(i), Access::kRead)));
      }
    };
    std::thread other(touch_all);
    touch_all();
    other.join();
    ASSERT_EQ(space_->verify(), "") << "in round " << round;
  }
  expect_filled(*space_, kPages);
}

}  // namespace
}  // namespace gonzo::test

// What holds for each policy, whatever it chooses.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo {
namespace {

constexpr std::uint32_t kFrames = 64;
constexpr PageKind kAnon = PageKind::kAnonymous, kFile = PageKind::kFile;

constexpr auto unused = [](std::uint32_t /*frame*/) { return References{}; };

class EveryPolicy : public ::testing::TestWithParam<std::string_view> {
 protected:
  void TearDown() override { EXPECT_EQ(policy_->verify(), ""); }

  void fill(PageKind kind, std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t frame = from; frame < to; ++frame) policy_->added(frame, kind, {});
  }
  std::vector<std::uint32_t> select(std::size_t wanted, SwapRoom swap = SwapRoom::kAvailable,
                                    FunctionRef<References(std::uint32_t)> harvest = unused) {
    std::vector<std::uint32_t> victims(wanted);
    victims.resize(select_at_any_price(*policy_, {.swap = swap}, victims, harvest));
    EXPECT_EQ(policy_->verify(), "");
    return victims;
  }

  std::unique_ptr<ReclaimPolicy> policy_ = make_policy(GetParam(), kFrames);
};

INSTANTIATE_TEST_SUITE_P(, EveryPolicy,
                         ::testing::ValuesIn(policy_names().begin(), policy_names().end()),
                         [](const auto& test) { return "of_" + std::string(test.param); });

TEST_P(EveryPolicy, has_the_name_that_made_it) { EXPECT_EQ(policy_->name(), GetParam()); }

TEST_P(EveryPolicy, proposes_each_page_once_until_none_is_left) {
  fill(kAnon, 0, 20);
  fill(kFile, 20, 40);
  const std::vector<std::uint32_t> victims = select(kFrames);
  EXPECT_EQ(std::set(victims.begin(), victims.end()).size(), 40U);
  EXPECT_EQ(victims.size(), 40U);
  EXPECT_TRUE(select(1).empty()) << "isolated pages are not proposed again";
  for (const std::uint32_t frame : victims) {
    EXPECT_FALSE(policy_->evicted(frame, Eviction::kDropped).is_none());
    EXPECT_FALSE(policy_->knows(frame));
  }
  EXPECT_EQ(policy_->stats().pgsteal.anon, 20U);
  EXPECT_EQ(policy_->stats().pgsteal.file, 20U);
}

TEST_P(EveryPolicy, proposes_no_anonymous_page_without_swap) {
  fill(kAnon, 0, 30);
  fill(kFile, 30, 33);
  std::vector<std::uint32_t> victims = select(kFrames, SwapRoom::kNone);
  std::ranges::sort(victims);
  EXPECT_EQ(victims, (std::vector<std::uint32_t>{30, 31, 32}));
  EXPECT_EQ(select(kFrames).size(), 30U);
}

TEST_P(EveryPolicy, proposes_kept_pages_again) {
  fill(kAnon, 0, 3);
  for (const Kept why : {Kept::kBusy, Kept::kDirty, Kept::kReferenced}) {
    for (const std::uint32_t frame : select(3)) policy_->kept(frame, why);
    EXPECT_EQ(policy_->verify(), "");
    EXPECT_EQ(policy_->stats().nr_isolated.total(), 0U);
  }
  EXPECT_EQ(select(3).size(), 3U);
}

TEST_P(EveryPolicy, forgets_removed_pages_wherever_they_are) {
  fill(kFile, 0, 10);
  const std::vector<std::uint32_t> victims = select(2);
  policy_->accessed(victims[0]);
  policy_->cooled(victims[0]);
  policy_->written(victims[1]);
  for (std::uint32_t frame = 0; frame < 10; ++frame) policy_->removed(frame);
  EXPECT_TRUE(select(1).empty());
  fill(kAnon, 0, 10);
  EXPECT_EQ(select(kFrames).size(), 10U);
}

TEST_P(EveryPolicy, finds_a_victim_among_pages_that_were_all_used_once) {
  fill(kAnon, 0, 40);
  std::set<std::uint32_t> used;
  for (std::uint32_t frame = 0; frame < 40; ++frame) used.insert(frame);
  const auto harvest = [&](std::uint32_t frame) {
    return References{.entries = static_cast<std::uint32_t>(used.erase(frame))};
  };
  EXPECT_EQ(select(1, SwapRoom::kAvailable, harvest).size(), 1U);
}

TEST_P(EveryPolicy, isolates_what_the_caller_takes) {
  fill(kAnon, 0, 3);
  EXPECT_TRUE(policy_->take(1));
  EXPECT_FALSE(policy_->take(1));
  EXPECT_FALSE(policy_->take(7));
  EXPECT_EQ(select(3).size(), 2U);
  policy_->evicted(1, Eviction::kWritten);
  EXPECT_FALSE(policy_->knows(1));
}

TEST_P(EveryPolicy, counts_those_that_come_back) {
  policy_->added(0, kFile, {});
  ASSERT_TRUE(policy_->take(0));
  const Shadow shadow = policy_->evicted(0, Eviction::kDropped);
  EXPECT_EQ(shadow.word >> 62, 0U);
  policy_->added(5, kFile, shadow);
  EXPECT_EQ(policy_->stats().workingset_refault.file, 1U);
}

TEST_P(EveryPolicy, has_figures_with_names) {
  fill(kAnon, 0, 3);
  fill(kFile, 3, 5);
  ASSERT_TRUE(policy_->take(4));
  std::uint64_t listed = 0, isolated = 0;
  policy_->stats().for_each([&](std::string_view name, std::uint64_t value) {
    if (name.starts_with("nr_active") || name.starts_with("nr_inactive")) listed += value;
    if (name.starts_with("nr_isolated")) isolated += value;
  });
  EXPECT_EQ(listed, 4U);
  EXPECT_EQ(isolated, 1U);
}

using EveryPolicyDeathTest = EveryPolicy;
INSTANTIATE_TEST_SUITE_P(, EveryPolicyDeathTest, ::testing::Values(kDefaultPolicy));

TEST_P(EveryPolicyDeathTest, aborts_when_a_page_is_counted_twice) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  fill(kAnon, 0, 1);
  EXPECT_DEATH(policy_->added(0, kAnon, {}), "");
  EXPECT_DEATH(policy_->removed(1), "");
  EXPECT_DEATH(policy_->evicted(0, Eviction::kDropped), "");
  EXPECT_DEATH(policy_->accessed(kFrames), "");
}

TEST(MakePolicy, knows_no_other_names) {
  EXPECT_EQ(make_policy("", 1), nullptr);
  EXPECT_EQ(make_policy("Linux", 1), nullptr);
  EXPECT_EQ(policy_names().front(), kDefaultPolicy);
}

}  // namespace
}  // namespace gonzo

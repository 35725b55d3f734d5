// Known facts of the multi-generational lists.
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo {
namespace {

constexpr std::uint32_t kFrames = 1024;
constexpr PageKind kAnon = PageKind::kAnonymous, kFile = PageKind::kFile;

class MglruPolicyTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(policy_->verify(), ""); }

  void fill(PageKind kind, std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t frame = from; frame < to; ++frame) policy_->added(frame, kind, {});
  }
  /// Evicts, as if the pages of `used` had been used since each last look.
  std::set<std::uint32_t> evict(std::size_t wanted, const std::set<std::uint32_t>& used = {}) {
    std::vector<std::uint32_t> victims(wanted);
    victims.resize(select_at_any_price(*policy_, {}, victims, [&](std::uint32_t frame) {
      return References{.entries = used.contains(frame) ? 1U : 0U};
    }));
    for (const std::uint32_t frame : victims) {
      shadows_[frame] = policy_->evicted(frame, Eviction::kDropped);
    }
    return {victims.begin(), victims.end()};
  }

  std::unique_ptr<ReclaimPolicy> policy_ = make_policy("mglru", kFrames);
  std::vector<Shadow> shadows_ = std::vector<Shadow>(kFrames);
};

TEST_F(MglruPolicyTest, pages_used_at_each_look_outlive_all_others) {
  fill(kAnon, 0, 100);
  const std::set<std::uint32_t> used = {3, 50, 99};
  for (const std::uint32_t frame : evict(97, used)) EXPECT_FALSE(used.contains(frame));
  EXPECT_EQ(policy_->stats().pgsteal.anon, 97U);
}

TEST_F(MglruPolicyTest, a_fault_brings_a_page_into_a_young_generation_a_read_into_the_oldest) {
  fill(kAnon, 0, 10);
  fill(kFile, 10, 20);
  EXPECT_EQ(policy_->stats().nr_active.anon, 10U);
  EXPECT_EQ(policy_->stats().nr_active.file, 0U);
  for (const std::uint32_t frame : evict(10)) EXPECT_GE(frame, 10U) << "the stream leaves first";
}

TEST_F(MglruPolicyTest, cold_pages_leave_first) {
  fill(kAnon, 0, 100);
  policy_->cooled(70);
  policy_->cooled(20);
  EXPECT_EQ(evict(2), (std::set<std::uint32_t>{20, 70}));
}

TEST_F(MglruPolicyTest, a_tier_is_spared_while_it_comes_back_more_than_the_lowest) {
  // A stream that never comes back, and pages read twice that always do.
  fill(kFile, 0, 500);
  const auto read_twice = [&](std::uint32_t frame) {
    policy_->accessed(frame);
    policy_->accessed(frame);
  };
  std::uint64_t lost = 0;
  for (int round = 0; round < 60; ++round) {
    for (std::uint32_t frame = 0; frame < 100; ++frame) {
      if (policy_->knows(frame)) read_twice(frame);
    }
    lost = 0;
    for (const std::uint32_t frame : evict(200)) {
      const bool hot = frame < 100;
      lost += hot ? 1U : 0U;
      policy_->added(frame, kFile, hot ? shadows_[frame] : Shadow{});
    }
  }
  EXPECT_GE(policy_->stats().workingset_refault.file, 64U) << "so many it takes to learn it";
  EXPECT_LT(lost, 10U);
}

}  // namespace
}  // namespace gonzo

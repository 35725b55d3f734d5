// Known facts of Linux's active and inactive lists.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo {
namespace {

constexpr std::uint32_t kFrames = 4096;
constexpr PageKind kAnon = PageKind::kAnonymous, kFile = PageKind::kFile;

class LinuxPolicyTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(policy_->verify(), ""); }

  PolicyStats stats() const { return policy_->stats(); }
  void fill(PageKind kind, std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t frame = from; frame < to; ++frame) policy_->added(frame, kind, {});
  }
  void activate(std::uint32_t frame) {
    policy_->accessed(frame);
    policy_->accessed(frame);
  }
  /// Isolates one page and judges it.
  Verdict judge(std::uint32_t frame, References references) {
    EXPECT_TRUE(policy_->take(frame));
    const Verdict verdict = policy_->judge(frame, references);
    if (verdict == Verdict::kEvict) policy_->kept(frame, Kept::kBusy);
    return verdict;
  }
  std::vector<std::uint32_t> select(const ScanRequest& request, std::size_t wanted) {
    std::vector<std::uint32_t> victims(wanted);
    ScanPass pass = policy_->begin(request);
    victims.resize(
        select_victims(*policy_, pass, victims, [](std::uint32_t) { return References{}; }));
    return victims;
  }

  std::unique_ptr<ReclaimPolicy> policy_ = make_policy("linux", kFrames);
};

TEST_F(LinuxPolicyTest, a_page_is_active_at_its_second_use) {
  fill(kFile, 0, 2);
  policy_->accessed(0);
  EXPECT_EQ(stats().nr_active.file, 0U);
  policy_->accessed(0);
  EXPECT_EQ(stats().nr_active.file, 1U);
  EXPECT_EQ(stats().pgactivate, 1U);
}

TEST_F(LinuxPolicyTest, an_entry_that_was_used_twice_in_two_looks_makes_a_page_active) {
  fill(kAnon, 0, 1);
  EXPECT_EQ(judge(0, {.entries = 1}), Verdict::kKeep);
  EXPECT_EQ(stats().nr_active.anon, 0U);
  EXPECT_EQ(judge(0, {.entries = 1}), Verdict::kKeep);
  EXPECT_EQ(stats().nr_active.anon, 1U);
}

TEST_F(LinuxPolicyTest, two_entries_or_code_need_one_look) {
  fill(kAnon, 0, 2);
  fill(kFile, 2, 3);
  judge(0, {.entries = 2});
  EXPECT_EQ(stats().nr_active.anon, 1U);
  judge(1, {.entries = 1, .executable = true});
  EXPECT_EQ(stats().nr_active.anon, 1U) << "only a file's code";
  judge(2, {.entries = 1, .executable = true});
  EXPECT_EQ(stats().nr_active.file, 1U);
}

TEST_F(LinuxPolicyTest, of_active_pages_only_used_code_gets_another_round) {
  fill(kFile, 0, 2);
  fill(kAnon, 2, 3);
  for (std::uint32_t frame = 0; frame < 3; ++frame) activate(frame);
  judge(0, {.entries = 1, .executable = true});
  EXPECT_EQ(stats().nr_active.file, 2U);
  judge(1, {.entries = 1});
  EXPECT_EQ(stats().nr_active.file, 1U);
  judge(2, {.entries = 1, .executable = true});
  EXPECT_EQ(stats().nr_active.anon, 0U);
  EXPECT_EQ(stats().pgdeactivate, 2U);
}

TEST_F(LinuxPolicyTest, a_page_that_comes_back_soon_is_active_at_once) {
  fill(kFile, 0, 20);
  for (std::uint32_t frame = 0; frame < 10; ++frame) activate(frame);
  std::vector<Shadow> shadows;
  for (std::uint32_t frame = 10; frame < 20; ++frame) {
    ASSERT_TRUE(policy_->take(frame));
    shadows.push_back(policy_->evicted(frame, Eviction::kDropped));
  }
  // Ten pages are active: the last ten that left would fit in their place. The first is the tenth.
  policy_->added(10, kFile, shadows[0]);
  EXPECT_EQ(stats().workingset_activate.file, 1U);
  EXPECT_EQ(stats().workingset_restore.file, 0U);
  EXPECT_EQ(stats().nr_active.file, 11U);
  for (std::uint32_t frame = 0; frame < 9; ++frame) policy_->removed(frame);
  policy_->added(11, kFile, shadows[1]);
  EXPECT_EQ(stats().workingset_refault.file, 2U);
  EXPECT_EQ(stats().workingset_activate.file, 1U) << "two are active now: too long ago";
}

TEST_F(LinuxPolicyTest, a_page_that_was_in_use_is_restored) {
  fill(kAnon, 0, 10);
  activate(0);
  judge(0, {});  // to the inactive list
  ASSERT_TRUE(policy_->take(0));
  const Shadow shadow = policy_->evicted(0, Eviction::kWritten);
  fill(kFile, 20, 30);
  policy_->added(0, kAnon, shadow);
  EXPECT_EQ(stats().workingset_restore.anon, 1U);
}

TEST_F(LinuxPolicyTest, streaming_through_a_file_leaves_anonymous_pages_alone) {
  fill(kAnon, 0, 1000);
  fill(kFile, 1000, 2000);
  for (int i = 0; i < 10; ++i) {
    for (const std::uint32_t frame : select({.priority = 4}, 32)) {
      EXPECT_GE(frame, 1000U);
      policy_->evicted(frame, Eviction::kDropped);
      policy_->added(frame, kFile, {});
    }
  }
  EXPECT_EQ(stats().pgsteal.anon, 0U);
  EXPECT_EQ(stats().pgsteal.file, 320U);
}

TEST_F(LinuxPolicyTest, swappiness_divides_a_pass) {
  const auto anon_of = [&](unsigned swappiness) {
    policy_ = make_policy("linux", kFrames);
    fill(kAnon, 0, 1000);
    fill(kFile, 1000, 2000);
    for (std::uint32_t frame = 1000; frame < 1600; ++frame) activate(frame);  // no cache to trim
    const std::vector<std::uint32_t> victims =
        select({.priority = 1, .swappiness = swappiness}, 100);
    EXPECT_EQ(victims.size(), 100U);
    for (const std::uint32_t frame : victims) policy_->kept(frame, Kept::kBusy);
    return std::ranges::count_if(victims, [](std::uint32_t frame) { return frame < 1000; });
  };
  EXPECT_EQ(anon_of(0), 0);
  EXPECT_EQ(anon_of(200), 100);
  const auto some = anon_of(60), more = anon_of(140);
  EXPECT_GT(some, 0);
  EXPECT_GT(more, some);
}

TEST_F(LinuxPolicyTest, too_few_file_pages_are_left_alone) {
  fill(kAnon, 0, 1000);
  fill(kFile, 1000, 1100);
  for (const std::uint32_t frame : select({.priority = 4, .least_file = 200}, 32)) {
    EXPECT_LT(frame, 1000U);
  }
}

TEST_F(LinuxPolicyTest, the_inactive_list_is_refilled_when_it_is_short) {
  fill(kFile, 0, 100);
  for (std::uint32_t frame = 0; frame < 90; ++frame) activate(frame);
  select({.priority = 1, .swap = SwapRoom::kNone}, 64);
  EXPECT_EQ(stats().pgrefill.file, 45U) << "half of the active list";
  EXPECT_EQ(stats().nr_active.file, 45U);
}

TEST_F(LinuxPolicyTest, written_pages_leave_first) {
  fill(kFile, 0, 100);
  ASSERT_TRUE(policy_->take(70));
  policy_->kept(70, Kept::kDirty);
  policy_->written(70);
  EXPECT_EQ(stats().pgrotated, 1U);
  EXPECT_EQ(select({.priority = 1}, 1), std::vector<std::uint32_t>{70});
}

}  // namespace
}  // namespace gonzo

#include "reclaim/ghost_lists.h"

#include <gtest/gtest.h>

#include <vector>

namespace gonzo {
namespace {

TEST(GhostLists, a_ghost_is_recalled_once_and_by_its_own_shadow) {
  GhostLists ghosts(4);
  const Shadow one = ghosts.remember(0), two = ghosts.remember(1);
  EXPECT_FALSE(one == two);
  EXPECT_EQ(ghosts.recall(two), 1U);
  EXPECT_EQ(ghosts.recall(two), std::nullopt);
  EXPECT_EQ(ghosts.recall(one), 0U);
  EXPECT_EQ(ghosts.recall(Shadow{}), std::nullopt);
  EXPECT_EQ(ghosts.recall(GhostLists::stranger()), std::nullopt);
  EXPECT_EQ(ghosts.recall(Shadow{~std::uint64_t{0}}), std::nullopt);
  EXPECT_EQ(ghosts.verify(), "");
}

TEST(GhostLists, a_forgotten_ghosts_place_serves_another_unmistaken) {
  GhostLists ghosts(1);
  std::vector<Shadow> old;
  old.reserve(5);
  for (int i = 0; i < 5; ++i) old.push_back(ghosts.remember(0));
  const Shadow latest = old.back();
  old.pop_back();
  for (const Shadow shadow : old) EXPECT_EQ(ghosts.recall(shadow), std::nullopt);
  EXPECT_EQ(ghosts.recall(latest), 0U);
  EXPECT_EQ(ghosts.verify(), "");
}

TEST(GhostLists, the_last_is_forgotten_first) {
  GhostLists ghosts(3);
  const Shadow first = ghosts.remember(0), second = ghosts.remember(0), third = ghosts.remember(0);
  ghosts.drop_last(0);
  EXPECT_EQ(ghosts.recall(first), std::nullopt);
  EXPECT_EQ(ghosts.recall(third), 0U);
  EXPECT_EQ(ghosts.size(0), 1U);
  EXPECT_EQ(ghosts.recall(second), 0U);
  EXPECT_EQ(ghosts.size(0), 0U);
}

TEST(GhostLists, when_there_is_no_room_a_list_forgets_its_own) {
  GhostLists ghosts(2);
  ghosts.remember(0);
  const Shadow kept = ghosts.remember(0);
  EXPECT_EQ(ghosts.remember(1), GhostLists::stranger());
  EXPECT_FALSE(ghosts.remember(0) == GhostLists::stranger());
  EXPECT_EQ(ghosts.size(0), 2U);
  EXPECT_EQ(ghosts.recall(kept), 0U);
  EXPECT_EQ(ghosts.verify(), "");
}

}  // namespace
}  // namespace gonzo

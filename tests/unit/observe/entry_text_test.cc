// Entries in words.
#include "observe/entry_text.h"

#include <gmock/gmock.h>

namespace gonzo::test {
namespace {

using ::testing::ElementsAre;
using enum PagingFormat;

TableStep leaf(std::uint64_t raw) {
  return {
      .level = 1,
      .entry = Entry(raw),
      .leads = Entry(raw).is_mapping() ? TableStep::Leads::kToPage : TableStep::Leads::kNowhere};
}

TEST(EntryText, LeafBits) {
  EXPECT_THAT(entry_flags(kFourLevel, leaf(0x80000000000009e7)),
              ElementsAre("P", "R/W", "U/S", "A", "D", "PAT", "G", "NX"));
  EXPECT_THAT(entry_flags(kClassic32, leaf(0x1067)), ElementsAre("P", "R/W", "U/S", "A", "D"));
  EXPECT_THAT(entry_flags(kPae, leaf(0x101d)), ElementsAre("P", "U/S", "PWT", "PCD"));
}

TEST(EntryText, WhatIsNoMapping) {
  EXPECT_THAT(entry_flags(kFourLevel, leaf(0)), ElementsAre("blank"));
  EXPECT_THAT(entry_flags(kFourLevel, leaf(Entry::swap(3, 77).raw())), ElementsAre("swap"));
  EXPECT_THAT(entry_flags(kFourLevel, leaf(Entry::guard().raw())), ElementsAre("guard"));
  EXPECT_THAT(entry_flags(kFourLevel, leaf(0x1164)), ElementsAre("PROT_NONE", "U/S", "A", "D"));
}

TEST(EntryText, DirectoriesHaveNoDirtyBit) {
  const TableStep table{.level = 2, .entry = Entry(0x1067), .leads = TableStep::Leads::kToTable};
  EXPECT_THAT(entry_flags(kFourLevel, table), ElementsAre("P", "R/W", "U/S", "A"));
  const TableStep large{.level = 2, .entry = Entry(0x2010e3), .leads = TableStep::Leads::kToPage};
  EXPECT_THAT(entry_flags(kFourLevel, large), ElementsAre("P", "R/W", "A", "D", "PS", "PAT"));
  const TableStep root{.level = 3, .entry = Entry(0x1001), .leads = TableStep::Leads::kToTable};
  EXPECT_THAT(entry_flags(kPae, root), ElementsAre("P"));
}

TEST(EntryText, LevelsHaveLinuxNames) {
  EXPECT_EQ(level_name(kClassic32, 2), "PGD");
  EXPECT_EQ(level_name(kPae, 3), "PGD");
  EXPECT_EQ(level_name(kPae, 2), "PMD");
  EXPECT_EQ(level_name(kFourLevel, 3), "PUD");
  EXPECT_EQ(level_name(kFiveLevel, 4), "P4D");
  EXPECT_EQ(level_name(kFiveLevel, 5), "PGD");
  EXPECT_EQ(level_name(kFourLevel, 1), "PTE");
}

TEST(EntryText, AsWideAsTheFormat) {
  EXPECT_EQ(raw_text(kClassic32, Entry(0x1067)), "0x00001067");
  EXPECT_EQ(raw_text(kPae, Entry(0x1067)), "0x0000000000001067");
}

}  // namespace
}  // namespace gonzo::test

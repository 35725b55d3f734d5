#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include <gonzo/paging/entry.h>
#include <gonzo/paging/entry_ref.h>

namespace gonzo {
namespace {

TEST(Entry, FlagsHaveTheManualsPlaces) {
  EXPECT_EQ(pte::kPresent, 0x1U);
  EXPECT_EQ(pte::kWrite, 0x2U);
  EXPECT_EQ(pte::kUser, 0x4U);
  EXPECT_EQ(pte::kWriteThrough, 0x8U);
  EXPECT_EQ(pte::kCacheDisable, 0x10U);
  EXPECT_EQ(pte::kAccessed, 0x20U);
  EXPECT_EQ(pte::kDirty, 0x40U);
  EXPECT_EQ(pte::kPageSize, 0x80U);
  EXPECT_EQ(pte::kGlobal, 0x100U);
  EXPECT_EQ(pte::kLargePat, 0x1000U);
  EXPECT_EQ(pte::kNoExecute, 0x8000'0000'0000'0000U);
}

TEST(Entry, BlankIsNothingElse) {
  constexpr Entry blank;
  EXPECT_TRUE(blank.is_blank());
  EXPECT_FALSE(blank.is_present());
  EXPECT_FALSE(blank.is_mapping());
  EXPECT_FALSE(blank.is_swap());
}

TEST(Entry, MappingKeepsFrameBesideEveryFlag) {
  for (const std::uint64_t flag : {pte::kWrite, pte::kUser, pte::kWriteThrough, pte::kCacheDisable,
                                   pte::kAccessed, pte::kDirty, pte::kPageSize, pte::kGlobal,
                                   pte::kSpecial, pte::kSoftDirty, pte::kNoExecute}) {
    const Entry entry = Entry::map(Pfn(0xabcde), pte::kPresent | flag);
    EXPECT_TRUE(entry.has(flag));
    EXPECT_TRUE(entry.is_present());
    EXPECT_FALSE(entry.is_swap());
    EXPECT_EQ(entry.pfn(), Pfn(0xabcde));
    EXPECT_FALSE(entry.without(flag).has(flag));
    EXPECT_EQ(entry.without(flag).with(flag), entry);
    EXPECT_EQ(entry.without(flag).pfn(), Pfn(0xabcde));
  }
}

TEST(Entry, ProtNoneKeepsTheFrameAndIsNotPresent) {
  const Entry entry = Entry::map(Pfn(0x12345), pte::kProtNone | pte::kDirty | pte::kUser);
  EXPECT_FALSE(entry.is_present());
  EXPECT_TRUE(entry.is_prot_none());
  EXPECT_TRUE(entry.is_mapping());
  EXPECT_FALSE(entry.is_swap());
  EXPECT_EQ(entry.pfn(), Pfn(0x12345));
  EXPECT_TRUE(entry.has(pte::kDirty));
}

TEST(Entry, GlobalAndPresentIsNotProtNone) {
  EXPECT_FALSE(Entry::map(Pfn(1), pte::kPresent | pte::kGlobal).is_prot_none());
}

TEST(Entry, GuardIsOfItsOwnKind) {
  constexpr Entry kGuard = Entry::guard();
  EXPECT_TRUE(kGuard.is_guard());
  EXPECT_FALSE(kGuard.is_blank() || kGuard.is_mapping() || kGuard.is_swap());
  EXPECT_EQ(kGuard.raw() >> 32, 0U) << "fits a 4-byte entry";
  EXPECT_FALSE(Entry().is_guard() || Entry::swap(30, 0).is_guard());
}

TEST(Entry, SwapGivesBackTypeAndOffset) {
  for (const unsigned type : {0U, 1U, 17U, 30U}) {
    for (const std::uint64_t offset : {0ULL, 1ULL, 0x7ffffeULL, (1ULL << 40) + 5}) {
      const Entry entry = Entry::swap(type, offset);
      EXPECT_TRUE(entry.is_swap()) << type << ' ' << offset;
      EXPECT_FALSE(entry.is_blank());
      EXPECT_FALSE(entry.is_mapping());
      EXPECT_FALSE(entry.has(pte::kPresent | pte::kWrite | pte::kPageSize | pte::kProtNone));
      EXPECT_EQ(entry.swap_type(), type);
      EXPECT_EQ(entry.swap_offset(), offset);
    }
  }
}

TEST(Entry, LargeFrameIgnoresPat) {
  const Entry entry =
      Entry::map(Pfn(0x200), pte::kPresent | pte::kPageSize | pte::kLargePat | pte::kNoExecute);
  EXPECT_EQ(entry.large_pfn(), Pfn(0x200));
}

/// A small table of one width.
template <typename Raw>
class EntryRefTest : public ::testing::Test {
 protected:
  EntryRef at(unsigned i) { return EntryRef(slots_.data(), EntryWidth{sizeof(Raw)}).at(i); }
  std::array<Raw, 64> slots_{};
};
using Widths = ::testing::Types<std::uint32_t, std::uint64_t>;
TYPED_TEST_SUITE(EntryRefTest, Widths);

TYPED_TEST(EntryRefTest, TouchesItsOwnSlotOnly) {
  this->slots_.fill(static_cast<TypeParam>(-1));
  this->at(3).store(Entry(0x1067));
  EXPECT_EQ(this->slots_[2], static_cast<TypeParam>(-1));
  EXPECT_EQ(this->slots_[3], 0x1067U);
  EXPECT_EQ(this->slots_[4], static_cast<TypeParam>(-1));
  EXPECT_EQ(this->at(2).next().load(), Entry(0x1067));
}

TYPED_TEST(EntryRefTest, ExchangeReturnsTheOld) {
  this->at(0).store(Entry(0x5067));
  EXPECT_EQ(this->at(0).exchange(Entry()), Entry(0x5067));
  EXPECT_TRUE(this->at(0).load().is_blank());
}

TYPED_TEST(EntryRefTest, CompareExchangeRefreshesOnFailure) {
  this->at(0).store(Entry(0x5067));
  Entry expected(0x5007);
  EXPECT_FALSE(this->at(0).compare_exchange(expected, Entry(0x9067)));
  EXPECT_EQ(expected, Entry(0x5067));
  EXPECT_EQ(this->at(0).load(), Entry(0x5067));
  EXPECT_TRUE(this->at(0).compare_exchange(expected, Entry(0x9067)));
  EXPECT_EQ(this->at(0).load(), Entry(0x9067));
}

TYPED_TEST(EntryRefTest, SetBitsKeepsTheRest) {
  this->at(1).store(Entry(0x5007));
  this->at(1).set_bits(pte::kAccessed | pte::kDirty);
  EXPECT_EQ(this->at(1).load(), Entry(0x5067));
}

TYPED_TEST(EntryRefTest, LeadingBlanksFromAnyPlaceToAnyOther) {
  for (unsigned filled = 0; filled < 64; ++filled) {
    this->slots_.fill(0);
    this->slots_[filled] = 1;
    for (unsigned from = 0; from <= filled; ++from) {
      for (const unsigned count : {0U, 1U, 7U, 64U - from}) {
        if (from + count > 64) continue;
        EXPECT_EQ(this->at(from).leading_blanks(count), std::min(count, filled - from));
      }
    }
  }
}

TEST(EntryRef, NarrowSlotDropsNoExecute) {
  std::uint32_t slot = 0;
  const EntryRef entry(&slot, EntryWidth::kNarrow);
  entry.store(Entry::map(Pfn(0xfffff), pte::kPresent | pte::kNoExecute));
  EXPECT_EQ(entry.load(), Entry::map(Pfn(0xfffff), pte::kPresent));
}

TEST(EntryRef, EmptyIsFalse) { EXPECT_FALSE(EntryRef()); }

}  // namespace
}  // namespace gonzo

// verify() must find what is wrong: each test breaks one thing, sees it named, and mends it.
#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

using ::testing::Test;

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

class VerifyTest : public Guest {
 protected:
  void SetUp() override {
    Guest::SetUp();
    map(4);
    poke(page(0), 1);
    read_fault(page(1));
    ASSERT_EQ(space_->verify(), "");
  }
  EntryRef slot(VirtAddr a) { return space_->page_table().find(a); }
  void expect_wrong(const char* part) {
    const std::string wrong = space_->verify();
    EXPECT_NE(wrong.find(part), std::string::npos) << "verify() said: '" << wrong << "'";
  }
  /// With another entry in `a`'s slot, verify() complains of `part`.
  void expect_wrong_with(VirtAddr a, Entry entry, const char* part) {
    const Entry right = slot(a).exchange(entry);
    expect_wrong(part);
    slot(a).store(right);
    EXPECT_EQ(space_->verify(), "");
  }
};

TEST_F(VerifyTest, EntryOutsideOfAreas) {
  const EntryRef stray = slot(page(7));
  stray.store(Entry::map(manager_->zero_page(kBase), pte::kPresent | pte::kUser | pte::kSpecial));
  space_->page_table().entry_filled(stray);
  expect_wrong("lies in no area");
  stray.store(Entry());
  space_->page_table().entry_blanked(stray);
}

TEST_F(VerifyTest, EntryAgainstItsArea) {
  const Entry right = entry(page(0));
  expect_wrong_with(page(0), right.without(pte::kPresent | pte::kWrite).with(pte::kProtNone),
                    "PROT_NONE");
  expect_wrong_with(page(0), right.without(pte::kNoExecute), "PROT_EXEC");
  expect_wrong_with(page(1), entry(page(1)).with(pte::kWrite), "zero page writable");
  expect_wrong_with(page(0), right.without(pte::kWrite).with(pte::kSpecial), "not a zero page");
  expect_wrong_with(page(0), Entry::swap(1, 2), "is in swap, but there is none");
}

TEST_F(VerifyTest, Counters) {
  expect_wrong_with(page(0), entry(page(1)), "rss_anon");
  space_->page_table().entry_filled(slot(page(0)));
  expect_wrong("entries of one table");
  space_->page_table().entry_blanked(slot(page(0)));
}

TEST_F(VerifyTest, Frames) {
  Frame& own = frame(page(0));
  own.maps.store(0);
  expect_wrong("maps=0");
  own.maps.store(2);
  expect_wrong("maps=2 refs=1");
  own.refs.store(2);
  expect_wrong("shared frame writable");
  own.maps.store(1);
  own.refs.store(1);
  const auto index = std::exchange(own.index, 5);
  expect_wrong("maps page 0x5");
  own.index = index;
}

}  // namespace
}  // namespace gonzo::test

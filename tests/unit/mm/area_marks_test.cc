// Seals, names and policies.
#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

class AreaMarksTest : public Contracts {
 protected:
  Errno seal(std::uint64_t first, std::uint64_t pages, std::uint64_t flags = 0) {
    return error(space_->seal(page(first), pages * kPageSize, flags));
  }
  Errno name(std::uint64_t first, std::uint64_t pages, const char* text) {
    return error(space_->name_area(page(first), pages * kPageSize,
                                   text != nullptr ? AreaNameRef(new AreaName(text)) : nullptr));
  }
  std::string maps() { return space_->maps_text(); }
};

TEST_F(AreaMarksTest, SealArguments) {
  map(2);
  EXPECT_EQ(seal(0, 1, 1), Errno::kInval);
  EXPECT_EQ(error(space_->seal(kBase + 1, kPageSize, 0)), Errno::kInval);
  EXPECT_EQ(error(space_->seal(kBase, ~0ULL, 0)), Errno::kInval);
  EXPECT_EQ(seal(9, 0), Errno{});
  EXPECT_EQ(seal(1, 2), Errno::kNoMem);
  EXPECT_THAT(areas(), ElementsAre("0-2 rw-p"));
}

TEST_F(AreaMarksTest, ASealForbidsWhatTakesTheAreaAway) {
  map(4);
  poke(page(1), 5);
  EXPECT_EQ(seal(1, 1), Errno{});
  EXPECT_EQ(seal(1, 1), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "1-2 rw-p", "2-4 rw-p"));
  EXPECT_EQ(unmap(0, 4), Errno::kPerm);
  EXPECT_EQ(protect(1, 1, PROT_READ), Errno::kPerm);
  EXPECT_EQ(protect(1, 1, kReadWrite), Errno::kPerm);
  EXPECT_EQ(error(remap(1, 1, 1, MREMAP_MAYMOVE)), Errno::kPerm);
  EXPECT_EQ(error(remap(0, 2, 1, 0)), Errno::kPerm);
  EXPECT_EQ(error(remap(3, 1, 1, MREMAP_MAYMOVE | MREMAP_FIXED, 1)), Errno::kPerm);
  EXPECT_EQ(map_error({.hint = page(0), .length = 4 * kPageSize, .flags = kPrivate | MAP_FIXED}),
            Errno::kPerm);
  EXPECT_EQ(peek(page(1)), 5);
  EXPECT_EQ(advise(1, 1, MADV_DONTNEED), Errno{}) << "it could be overwritten just as well";
}

TEST_F(AreaMarksTest, ASealKeepsContentsThatCannotBeWritten) {
  map(1);
  poke(page(0), 5);
  EXPECT_EQ(protect(0, 1, PROT_READ), Errno{});
  EXPECT_EQ(seal(0, 1), Errno{});
  for (const int advice : {MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_WIPEONFORK,
                           102 /* MADV_GUARD_INSTALL */}) {
    EXPECT_EQ(advise(0, 1, advice), Errno::kPerm) << advice;
  }
  EXPECT_EQ(advise(0, 1, MADV_SEQUENTIAL), Errno{});
  EXPECT_EQ(peek(page(0)), 5);
}

TEST_F(AreaMarksTest, NamesShowAndKeepAreasApart) {
  map(4);
  EXPECT_EQ(name(1, 2, "pool"), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "1-3 rw-p", "3-4 rw-p"));
  EXPECT_NE(maps().find(" [anon:pool]\n"), std::string::npos) << maps();
  EXPECT_EQ(name(3, 1, "pool"), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "1-4 rw-p"));
  EXPECT_EQ(name(0, 4, nullptr), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-4 rw-p"));
  EXPECT_EQ(maps().find("pool"), std::string::npos);
}

TEST_F(AreaMarksTest, NamesOfSharedMemoryAndFiles) {
  map(1, kReadWrite, kSharedAnonymous);
  EXPECT_EQ(name(0, 1, "ring"), Errno{});
  EXPECT_NE(maps().find(" [anon_shmem:ring]\n"), std::string::npos) << maps();
  make_object(1);
  map_object(1, PROT_READ, MAP_PRIVATE);
  EXPECT_EQ(name(0, 1, "file"), Errno::kBadF);
}

TEST_F(AreaMarksTest, NameArguments) {
  map(1);
  EXPECT_EQ(error(space_->name_area(kBase + 1, kPageSize, nullptr)), Errno::kInval);
  EXPECT_EQ(error(space_->name_area(kBase, ~0ULL, nullptr)), Errno::kInval);
  EXPECT_EQ(name(0, 0, "x"), Errno{});
  EXPECT_EQ(name(0, 2, "x"), Errno::kNoMem);
  EXPECT_NE(maps().find("[anon:x]"), std::string::npos);
}

TEST_F(AreaMarksTest, PoliciesKeepAreasApart) {
  map(4);
  auto* const bind = new MemoryPolicy;
  const MemoryPolicyRef policy(bind);
  bind->mode = 2;
  using Holes = AddressSpace::Holes;
  EXPECT_EQ(error(space_->set_policy(page(3), 2 * kPageSize, policy, Holes::kRefuse)),
            Errno::kFault);
  EXPECT_TRUE(space_->set_policy(page(1), kPageSize, policy, Holes::kRefuse));
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "1-2 rw-p", "2-4 rw-p"));
  EXPECT_TRUE(space_->set_policy(page(0), 9 * kPageSize, nullptr, Holes::kSkip));
  EXPECT_THAT(areas(), ElementsAre("0-4 rw-p"));
}

}  // namespace
}  // namespace gonzo::test

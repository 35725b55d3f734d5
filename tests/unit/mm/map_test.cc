#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

constexpr VirtAddr kUserEnd{0x7fff'ffff'f000};

class MapTest : public Contracts {};

TEST_F(MapTest, Lengths) {
  EXPECT_EQ(map_error({.length = 0, .flags = kPrivate}), Errno::kInval);
  EXPECT_EQ(map_error({.length = ~0ULL, .flags = kPrivate}), Errno::kNoMem);
  EXPECT_EQ(map_error({.length = 1ULL << 47, .flags = kPrivate}), Errno::kNoMem);
  map(1);
  EXPECT_EQ(map_error({.hint = page(4), .length = 1, .flags = kPrivate | MAP_FIXED}), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "4-5 ---p"));
}

TEST_F(MapTest, Types) {
  EXPECT_EQ(map_error({.length = kPageSize, .flags = MAP_ANONYMOUS}), Errno::kInval);
  EXPECT_EQ(map_error({.length = kPageSize, .flags = MAP_SHARED_VALIDATE | MAP_ANONYMOUS}),
            Errno::kInval);
  EXPECT_EQ(map_error({.length = kPageSize, .flags = MAP_PRIVATE}), Errno::kBadF);
  EXPECT_EQ(map_error({.length = kPageSize, .flags = kPrivate | MAP_HUGETLB}), Errno::kNoMem);
  EXPECT_EQ(map_error({.length = 0, .flags = kPrivate | MAP_HUGETLB}), Errno::kInval);
  EXPECT_EQ(map_error({.length = kPageSize, .flags = kPrivate | MAP_HUGETLB | (16 << 26)}),
            Errno::kInval);
  EXPECT_EQ(map_error({.length = kPageSize, .flags = kSharedAnonymous | MAP_GROWSDOWN}),
            Errno::kInval);
}

TEST_F(MapTest, FixedPlaces) {
  const auto at = [&](VirtAddr hint) {
    return map_error({.hint = hint, .length = kPageSize, .flags = kPrivate | MAP_FIXED});
  };
  EXPECT_EQ(at(kUserEnd), Errno::kNoMem);
  EXPECT_EQ(at(kUserEnd + 1), Errno::kNoMem);
  EXPECT_EQ(at(kBase + 1), Errno::kInval);
  EXPECT_EQ(at(VirtAddr(0)), Errno::kPerm);
  EXPECT_EQ(at(VirtAddr(65536 - kPageSize)), Errno::kPerm);
  EXPECT_EQ(at(VirtAddr(65536)), Errno{});
  EXPECT_EQ(at(kUserEnd - kPageSize), Errno{});
}

TEST_F(MapTest, FixedReplacesWhatIsThere) {
  map(8);
  poke(page(3), 7);
  map(2, PROT_READ, kPrivate, 3);
  EXPECT_THAT(areas(), ElementsAre("0-3 rw-p", "3-5 r--p", "5-8 rw-p"));
  EXPECT_EQ(peek(page(3)), 0);
  EXPECT_EQ(space_->counts().rss_anon, 0U);
  EXPECT_EQ(space_->counts().total, 8U);
}

TEST_F(MapTest, FixedNoReplace) {
  map(2);
  const int flags = kPrivate | MAP_FIXED_NOREPLACE;
  EXPECT_EQ(map_error({.hint = page(1), .length = kPageSize, .flags = flags}), Errno::kExist);
  EXPECT_EQ(map_error({.hint = page(2), .length = kPageSize, .flags = flags}), Errno{});
}

TEST_F(MapTest, Offsets) {
  make_object(4);
  const auto at = [&](std::uint64_t offset, std::uint64_t length = kPageSize) {
    return map_error({.length = length, .flags = MAP_PRIVATE, .object = object_, .offset = offset});
  };
  EXPECT_EQ(at(1), Errno::kInval);
  EXPECT_EQ(at((1ULL << 63) - kPageSize), Errno::kOverflow);
  EXPECT_EQ(at((1ULL << 63) - 2 * kPageSize), Errno{});
  EXPECT_EQ(at(~0ULL << kPageShift), Errno::kOverflow);
  EXPECT_EQ(map_error({.length = kPageSize, .flags = kPrivate, .offset = 1}), Errno::kInval);
}

TEST_F(MapTest, WhatTheFileWasOpenedFor) {
  make_object(4);
  MapRequest shared{.length = kPageSize,
                    .protection = kReadWrite,
                    .flags = MAP_SHARED,
                    .object = object_,
                    .object_writable = false};
  EXPECT_EQ(map_error(shared), Errno::kAcces);
  shared.flags = MAP_PRIVATE;
  EXPECT_EQ(map_error(shared), Errno{});
  shared.object_readable = false;
  EXPECT_EQ(map_error(shared), Errno::kAcces);
  MapRequest code{.length = kPageSize,
                  .protection = PROT_EXEC,
                  .flags = MAP_PRIVATE,
                  .object = object_,
                  .object_executable = false};
  EXPECT_EQ(map_error(code), Errno::kPerm);
  code.protection = PROT_READ;
  const VirtAddr at = must_map(code);
  EXPECT_EQ(error(space_->protect(at, kPageSize, PROT_EXEC)), Errno::kAcces);
}

TEST_F(MapTest, SharedReadOnlyFileIsNeverWritable) {
  make_object(4);
  const VirtAddr at = must_map({.hint = page(0),
                                .length = kPageSize,
                                .protection = PROT_READ,
                                .flags = MAP_SHARED | MAP_FIXED,
                                .object = object_,
                                .object_writable = false});
  EXPECT_THAT(areas(), ElementsAre("0-1 r--s"));
  EXPECT_EQ(error(space_->protect(at, kPageSize, kReadWrite)), Errno::kAcces);
}

TEST_F(MapTest, SharedValidateKnowsItsFlags) {
  make_object(4);
  const auto with = [&](int flags) {
    return map_error({.hint = page(20),
                      .length = kPageSize,
                      .protection = PROT_READ,
                      .flags = flags,
                      .object = object_});
  };
  EXPECT_EQ(with(MAP_SHARED_VALIDATE), Errno{});
  EXPECT_EQ(with(MAP_SHARED_VALIDATE | MAP_SYNC), Errno::kOpNotSupp);
  EXPECT_EQ(with(MAP_SHARED_VALIDATE | 1 << 25), Errno::kOpNotSupp);
  EXPECT_EQ(with(MAP_SHARED | 1 << 25), Errno{});
  EXPECT_EQ(with(MAP_PRIVATE | MAP_GROWSDOWN), Errno::kInval);
}

TEST_F(MapTest, SharedAnonymousMemoryHasAnObject) {
  map(2, kReadWrite, kSharedAnonymous);
  poke(page(1), 5);
  EXPECT_EQ(peek(page(1)), 5);
  EXPECT_EQ(space_->counts().rss_shmem, 1U);
  EXPECT_NE(space_->area_at(page(0))->attributes.object, nullptr);
  // Two are two, even side by side.
  map(2, kReadWrite, kSharedAnonymous, 2);
  EXPECT_THAT(areas(), ElementsAre("0-2 rw-s", "2-4 rw-s"));
}

TEST_F(MapTest, AddressSpaceLimitCountsWhatIsReplaced) {
  map(8);
  limit(&AddressSpaceLimits::address_space, 10 * kPageSize);
  EXPECT_EQ(map_error({.length = 3 * kPageSize, .flags = kPrivate}), Errno::kNoMem);
  EXPECT_EQ(map_error({.hint = page(7), .length = 3 * kPageSize, .flags = kPrivate | MAP_FIXED}),
            Errno{});
  EXPECT_EQ(space_->counts().total, 10U);
}

TEST_F(MapTest, DataLimitIsForPrivateWritableMemory) {
  limit(&AddressSpaceLimits::data, 2 * kPageSize);
  map(2);
  const std::uint64_t one = kPageSize;
  EXPECT_EQ(map_error({.length = one, .protection = kReadWrite, .flags = kPrivate}), Errno::kNoMem);
  EXPECT_EQ(map_error({.length = one, .protection = PROT_READ, .flags = kPrivate}), Errno{});
  EXPECT_EQ(map_error({.length = one, .protection = kReadWrite, .flags = kSharedAnonymous}),
            Errno{});
}

TEST_F(MapTest, MoreThanCouldEverBeCommitted) {
  MapRequest request{.length = 65 * kMiB, .protection = kReadWrite, .flags = kPrivate};
  EXPECT_EQ(map_error(request), Errno::kNoMem);
  request.flags = kSharedAnonymous;
  EXPECT_EQ(map_error(request), Errno::kNoMem);
  request.flags = kPrivate | MAP_NORESERVE;
  EXPECT_EQ(map_error(request), Errno{});
  request = {.length = 65 * kMiB, .protection = PROT_NONE, .flags = kPrivate};
  EXPECT_EQ(map_error(request), Errno{});
}

TEST_F(MapTest, LockedMemoryIsLimitedAndThere) {
  MapRequest request{.hint = page(0),
                     .length = 4 * kPageSize,
                     .protection = kReadWrite,
                     .flags = kPrivate | MAP_FIXED | MAP_LOCKED};
  limit(&AddressSpaceLimits::locked, 0);
  EXPECT_EQ(map_error(request), Errno::kPerm);
  limit(&AddressSpaceLimits::locked, 3 * kPageSize);
  EXPECT_EQ(map_error(request), Errno::kAgain);
  limit(&AddressSpaceLimits::locked, 4 * kPageSize);
  must_map(request);
  EXPECT_EQ(space_->counts().locked, 4U);
  EXPECT_EQ(space_->counts().rss_anon, 4U);
  unmap(0, 3);
  EXPECT_EQ(space_->counts().locked, 1U);
}

TEST_F(MapTest, PopulateBringsEveryPage) {
  map(5, kReadWrite, kPrivate | MAP_POPULATE);
  EXPECT_EQ(space_->counts().rss_anon, 5U);
  map(5, PROT_NONE, kPrivate | MAP_POPULATE, 10);
  EXPECT_EQ(space_->counts().rss(), 5U);
  map(5, kReadWrite, kPrivate | MAP_POPULATE | MAP_NONBLOCK, 20);
  EXPECT_EQ(space_->counts().rss(), 5U);
}

TEST_F(MapTest, TooManyAreas) {
  start({.manager = {.max_map_count = 3}});
  // The count may go one above the limit, as on Linux.
  for (std::uint64_t i = 0; i < 4; ++i) map(1, kReadWrite, kPrivate, 2 * i);
  EXPECT_EQ(map_error({.length = kPageSize, .flags = kPrivate}), Errno::kNoMem);
}

TEST_F(MapTest, ReservedRangeIsNotForTheGuest) {
  start({.space = {.reserved = {page(4), page(6)}}});
  const auto fixed = [&](std::uint64_t first, std::uint64_t pages) {
    return map_error(
        {.hint = page(first), .length = pages * kPageSize, .flags = kPrivate | MAP_FIXED});
  };
  EXPECT_EQ(fixed(5, 4), Errno::kNoMem);
  EXPECT_EQ(fixed(0, 5), Errno::kNoMem);
  EXPECT_EQ(fixed(0, 4), Errno{});
  EXPECT_EQ(fixed(6, 1), Errno{});
  EXPECT_NE(must_map({.hint = page(5), .length = kPageSize, .flags = kPrivate}), page(5));
}

TEST_F(MapTest, CountsByKind) {
  map(1, kReadWrite);
  map(2, PROT_READ | PROT_EXEC, kPrivate, 10);
  map(4, kReadWrite, kPrivate | MAP_GROWSDOWN, 20);
  map(8, kReadWrite, kSharedAnonymous, 30);
  const AddressSpaceCounts counts = space_->counts();
  EXPECT_EQ(counts.data, 1U);
  EXPECT_EQ(counts.exec, 2U);
  EXPECT_EQ(counts.stack, 4U);
  EXPECT_EQ(counts.total, 15U);
  EXPECT_EQ(counts.areas, 4U);
  unmap(0, 100);
  EXPECT_EQ(space_->counts().total, 0U);
  EXPECT_EQ(space_->counts().peak_total, 15U);
}

}  // namespace
}  // namespace gonzo::test

#include "kernel/shm_namespace.h"

#include <gtest/gtest.h>
#include <sys/shm.h>

#include "unit/frame/arena.h"

namespace gonzo {
namespace {

using test::Arena;

const IpcCaller kOwner{.pid = 10, .user = 1000, .group = 100};
const IpcCaller kColleague{.pid = 11, .user = 1001, .group = 7, .groups = {5, 100}};
const IpcCaller kStranger{.pid = 12, .user = 1002, .group = 102};
const IpcCaller kRoot{.pid = 13, .may_use = {true, true, true}};

class Shm : public testing::Test {
 protected:
  void TearDown() override {
    namespace_.reset();
    memory_.reset();
    arena_->drain();
    EXPECT_EQ(arena_->check_all_free(), "");
  }
  void limit(const ShmNamespace::Limits& limits) {
    namespace_ = std::make_unique<ShmNamespace>(*memory_, limits);
  }
  int make(int mode = 0600, std::uint64_t bytes = kPageSize, key_t key = IPC_PRIVATE) {
    const auto id = namespace_->get(key, bytes, IPC_CREAT | mode, kOwner);
    EXPECT_TRUE(id.has_value());
    return id.value_or(-1);
  }
  ShmSegmentRef attach(int id) {
    auto segment = namespace_->begin_attach(id, 0444, kRoot);
    EXPECT_TRUE(segment.has_value());
    (*segment)->area_opened({.flags = 0, .owner = 77});
    namespace_->end_attach(**segment);
    return *segment;
  }
  static void detach(const ShmSegmentRef& segment, int pid = 78) {
    segment->area_closed({.flags = 0, .owner = pid});
  }
  ShmStatus status(int id) {
    const auto status = namespace_->status(id, kRoot);
    EXPECT_TRUE(status.has_value());
    return status.value_or(ShmStatus{});
  }
  static Errno error_of(const auto& result) {
    EXPECT_FALSE(result.has_value());
    return result.has_value() ? Errno{} : result.error();
  }

  Arena arena_{256};
  std::unique_ptr<MemoryManager> memory_ = *MemoryManager::create(*arena_, {});
  std::unique_ptr<ShmNamespace> namespace_ = std::make_unique<ShmNamespace>(*memory_);
};

TEST_F(Shm, IdsTellTheUsersOfAnIndexApart) {
  const int first = make(), second = make();
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
  ASSERT_TRUE(namespace_->remove(first, kOwner).has_value());
  const int third = make();
  EXPECT_EQ(third, 32768);
  EXPECT_EQ(error_of(namespace_->status(first, kRoot)), Errno::kInval);
  EXPECT_EQ(namespace_->status_at(0, ShmNamespace::Access::kAny, kStranger)->id, third);
  EXPECT_EQ(status(third).permissions.sequence, 1);
}

TEST_F(Shm, ModeSaysWhoMayAttach) {
  const int id = make(0640);
  EXPECT_TRUE(namespace_->begin_attach(id, 0666, kOwner).has_value());
  EXPECT_TRUE(namespace_->begin_attach(id, 0444, kColleague).has_value());
  EXPECT_EQ(error_of(namespace_->begin_attach(id, 0666, kColleague)), Errno::kAcces);
  EXPECT_EQ(error_of(namespace_->begin_attach(id, 0444, kStranger)), Errno::kAcces);
  EXPECT_EQ(error_of(namespace_->begin_attach(id, 0555, kOwner)), Errno::kAcces);
  EXPECT_TRUE(namespace_->begin_attach(id, 0777, kRoot).has_value());
  EXPECT_EQ(status(id).attachments, 3u);
}

TEST_F(Shm, ModeSaysWhoMayLook) {
  const int id = make(0600, kPageSize, 99);
  EXPECT_EQ(error_of(namespace_->status(id, kStranger)), Errno::kAcces);
  EXPECT_EQ(error_of(namespace_->status_at(0, ShmNamespace::Access::kChecked, kStranger)),
            Errno::kAcces);
  EXPECT_TRUE(namespace_->status_at(0, ShmNamespace::Access::kAny, kStranger).has_value());
  EXPECT_EQ(error_of(namespace_->get(99, 0, 0600, kStranger)), Errno::kAcces);
  EXPECT_TRUE(namespace_->get(99, 0, 0, kStranger).has_value());
  // The size is looked at before the mode.
  EXPECT_EQ(error_of(namespace_->get(99, 2 * kPageSize, 0600, kStranger)), Errno::kInval);
}

TEST_F(Shm, OnlyOwnerAndCreatorChangeIt) {
  const int id = make(0666);
  EXPECT_EQ(error_of(namespace_->change(id, {.mode = 0600}, kStranger)), Errno::kPerm);
  EXPECT_EQ(error_of(namespace_->remove(id, kStranger)), Errno::kPerm);
  ASSERT_TRUE(namespace_->change(id, {.user = kStranger.user, .group = 3, .mode = 07600}, kOwner)
                  .has_value());
  EXPECT_EQ(status(id).permissions.mode, 0600);
  EXPECT_EQ(status(id).permissions.creator_user, kOwner.user);
  // The new owner may, and the creator still may.
  EXPECT_TRUE(namespace_->begin_attach(id, 0666, kStranger).has_value());
  EXPECT_TRUE(namespace_->change(id, {.mode = 0644}, kOwner).has_value());
  EXPECT_EQ(error_of(namespace_->change(id, {.group = static_cast<gid_t>(-1)}, kOwner)),
            Errno::kInval);
}

TEST_F(Shm, LimitsAreTheKernelsOwn) {
  EXPECT_EQ(namespace_->limits().segment_bytes, 18446744073692774399u);
  EXPECT_EQ(namespace_->limits().pages, 18446744073692774399u);
  EXPECT_EQ(namespace_->limits().segments, 4096u);
  // The file behind a segment is shorter than that.
  EXPECT_EQ(error_of(namespace_->get(IPC_PRIVATE, 18446744073692774399u, 0600, kOwner)),
            Errno::kInval);
  EXPECT_EQ(error_of(namespace_->get(IPC_PRIVATE, 1ULL << 63, 0600, kOwner)), Errno::kInval);
  EXPECT_EQ(error_of(namespace_->get(IPC_PRIVATE, (1ULL << 63) - kPageSize, 0600, kOwner)),
            Errno::kNoMem);
}

TEST_F(Shm, LimitsHold) {
  limit({.segment_bytes = 4 * kPageSize, .pages = 6, .segments = 3});
  EXPECT_EQ(error_of(namespace_->get(IPC_PRIVATE, 4 * kPageSize + 1, 0600, kOwner)), Errno::kInval);
  EXPECT_EQ(error_of(namespace_->get(IPC_PRIVATE, 0, 0600, kOwner)), Errno::kInval);
  const int large = make(0600, 4 * kPageSize);
  EXPECT_EQ(error_of(namespace_->get(IPC_PRIVATE, 2 * kPageSize + 1, 0600, kOwner)), Errno::kNoSpc);
  make(), make();
  EXPECT_EQ(error_of(namespace_->get(IPC_PRIVATE, 1, 0600, kOwner)), Errno::kNoSpc);
  ASSERT_TRUE(namespace_->remove(large, kOwner).has_value());
  make(0600, 4 * kPageSize);
  const ShmNamespace::Totals totals = namespace_->totals();
  EXPECT_EQ(totals.segments, 3u);
  EXPECT_EQ(totals.pages, 6u);
  EXPECT_EQ(totals.highest_index, 2);
}

TEST_F(Shm, MoreThanTheMachineHasIsRefusedUnlessNotReserved) {
  EXPECT_EQ(error_of(namespace_->get(IPC_PRIVATE, 257 * kPageSize, 0600, kOwner)), Errno::kNoMem);
  EXPECT_TRUE(
      namespace_->get(IPC_PRIVATE, 257 * kPageSize, 0600 | SHM_NORESERVE, kOwner).has_value());
  EXPECT_EQ(error_of(namespace_->get(IPC_PRIVATE, kPageSize, SHM_HUGETLB, kOwner)), Errno::kNoMem);
}

TEST_F(Shm, WhatIsReservedIsCommittedUntilItGoes) {
  const int id = make(0600, 3 * kPageSize - 1);
  EXPECT_EQ(memory_->commitments().committed(), 3U);
  const auto sparse = namespace_->get(IPC_PRIVATE, 8 * kPageSize, SHM_NORESERVE | 0600, kOwner);
  ASSERT_TRUE(sparse.has_value());
  EXPECT_EQ(memory_->commitments().committed(), 3U);
  const ShmSegmentRef segment = attach(*sparse);
  const auto page = segment->get_page(5, PageIntent::kWrite);
  ASSERT_TRUE(page.has_value());
  arena_->put(page->pfn);
  EXPECT_EQ(memory_->commitments().committed(), 4U) << "page by page";
  EXPECT_TRUE(namespace_->remove(id, kOwner).has_value());
  EXPECT_EQ(memory_->commitments().committed(), 1U);
  detach(segment);
}

TEST_F(Shm, CapabilitiesOpenOneDoorEach) {
  const int id = make(0600);
  IpcCaller user = kStranger;
  user.may_use = {.any_object = true};
  EXPECT_TRUE(namespace_->status(id, user).has_value());
  EXPECT_EQ(error_of(namespace_->remove(id, user)), Errno::kPerm);
  user.may_use = {.any_lock = true};
  EXPECT_EQ(error_of(namespace_->status(id, user)), Errno::kAcces);
  EXPECT_TRUE(namespace_->set_locked(id, ShmNamespace::Locking::kLock, user).has_value());
  user.may_use = {.any_owner = true};
  EXPECT_EQ(error_of(namespace_->status(id, user)), Errno::kAcces);
  EXPECT_TRUE(namespace_->remove(id, user).has_value());
}

TEST_F(Shm, RemovedOnesLiveUntilTheLastAttachmentGoes) {
  const int id = make(0600, 4 * kPageSize, 5);
  ShmSegmentRef segment = attach(id);
  const auto page = segment->get_page(2, PageIntent::kWrite);
  ASSERT_TRUE(page.has_value());
  arena_->put(page->pfn);
  segment->area_opened({.flags = 0, .owner = 77});
  EXPECT_EQ(status(id).attachments, 2u);
  EXPECT_EQ(status(id).last_pid, 77);
  EXPECT_EQ(status(id).creator_pid, 10);
  EXPECT_EQ(namespace_->totals().resident_pages, 1u);

  ASSERT_TRUE(namespace_->remove(id, kOwner).has_value());
  EXPECT_EQ(error_of(namespace_->get(5, 0, 0, kOwner)), Errno::kNoEnt);
  EXPECT_EQ(status(id).permissions.mode, 0600 | SHM_DEST);
  detach(segment);
  EXPECT_EQ(status(id).attachments, 1u);
  EXPECT_EQ(status(id).last_pid, 78);
  detach(segment);
  EXPECT_EQ(error_of(namespace_->status(id, kRoot)), Errno::kInval);
  EXPECT_EQ(namespace_->totals().pages, 0u);
}

TEST_F(Shm, AnAttachmentInTheMakingKeepsIt) {
  const int id = make();
  ASSERT_TRUE(namespace_->begin_attach(id, 0444, kOwner).has_value());
  ASSERT_TRUE(namespace_->remove(id, kOwner).has_value());
  const ShmSegmentRef segment = attach(id);
  detach(segment);
  EXPECT_EQ(status(id).attachments, 1u);
  namespace_->end_attach(*segment);
  EXPECT_EQ(error_of(namespace_->status(id, kRoot)), Errno::kInval);
}

TEST_F(Shm, LockingIsCountedAgainstTheLimit) {
  IpcCaller limited = kOwner;
  limited.locked_bytes_limit = 3 * kPageSize;
  const int one = make(0600, 2 * kPageSize), two = make(0600, 2 * kPageSize);
  const auto lock = ShmNamespace::Locking::kLock, unlock = ShmNamespace::Locking::kUnlock;
  EXPECT_TRUE(namespace_->set_locked(one, lock, limited).has_value());
  EXPECT_TRUE(namespace_->set_locked(one, lock, limited).has_value());
  EXPECT_EQ(error_of(namespace_->set_locked(two, lock, limited)), Errno::kNoMem);
  EXPECT_EQ(error_of(namespace_->set_locked(two, lock, kStranger)), Errno::kPerm);
  EXPECT_EQ(status(one).permissions.mode, 0600 | SHM_LOCKED);
  EXPECT_TRUE(namespace_->set_locked(one, unlock, limited).has_value());
  EXPECT_TRUE(namespace_->set_locked(two, lock, limited).has_value());
  // A removed segment gives its share back.
  ASSERT_TRUE(namespace_->remove(two, kOwner).has_value());
  EXPECT_TRUE(namespace_->set_locked(one, lock, limited).has_value());
  limited.locked_bytes_limit = 0;
  EXPECT_EQ(error_of(namespace_->set_locked(one, lock, limited)), Errno::kPerm);
}

}  // namespace
}  // namespace gonzo

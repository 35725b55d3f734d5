#include "kernel/record_locks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "kernel/file_table.h"

namespace gonzo {
namespace {

class RecordLocksTest : public testing::Test {
 protected:
  RecordLocksTest() {
    std::string name = testing::TempDir() + "gonzo-record-locks-XXXXXX";
    const int fd = mkstemp(name.data());
    file_ = std::make_shared<OpenFile>(fd);
    other_ = std::make_shared<OpenFile>(open(name.c_str(), O_RDONLY | O_CLOEXEC));
    unlink(name.c_str());
  }

  OpenFileRef file_, other_;
  RecordLocks locks_;
};

TEST_F(RecordLocksTest, OneDescriptionForAllOpensOfAFile) {
  const auto first = locks_.description(*file_), second = locks_.description(*other_);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
  EXPECT_NE((*first)->host_fd(), file_->host_fd());
}

TEST_F(RecordLocksTest, KnowsWhoIsInTheWay) {
  const OpenFileRef description = *locks_.description(*file_);
  const FileIdentity identity = *identity_of(*file_);
  locks_.note(description, {.first = 10, .last = 19, .type = F_WRLCK, .pid = 7});
  locks_.note(description, {.first = 30, .last = 39, .type = F_RDLCK, .pid = 7});
  const auto owner = [&](std::int64_t first, std::int64_t last, short type) {
    return locks_.owner_against(identity, {.first = first, .last = last, .type = type}).value_or(0);
  };
  EXPECT_EQ(owner(0, 9, F_WRLCK), 0);
  EXPECT_EQ(owner(0, 10, F_RDLCK), 7);
  EXPECT_EQ(owner(35, 35, F_RDLCK), 0);
  EXPECT_EQ(owner(35, 35, F_WRLCK), 7);
  // A hole in the middle.
  locks_.note(description, {.first = 12, .last = 13, .type = F_UNLCK});
  EXPECT_EQ(owner(12, 13, F_WRLCK), 0);
  EXPECT_EQ(owner(11, 11, F_WRLCK), 7);
  EXPECT_EQ(owner(14, 14, F_WRLCK), 7);
}

TEST_F(RecordLocksTest, AnyCloseEndsAll) {
  const OpenFileRef description = *locks_.description(*file_);
  locks_.note(description, {.first = 0, .last = 9, .type = F_WRLCK, .pid = 7});
  locks_.file_closed(*other_);
  EXPECT_FALSE(locks_.owner_against(*identity_of(*file_), {.last = 9, .type = F_WRLCK}));
  EXPECT_NE(*locks_.description(*file_), description);
  // One that waited for the lock while the file was closed has it no more.
  locks_.note(description, {.first = 0, .last = 9, .type = F_WRLCK, .pid = 7});
  EXPECT_FALSE(locks_.owner_against(*identity_of(*file_), {.last = 9, .type = F_WRLCK}));
}

}  // namespace
}  // namespace gonzo

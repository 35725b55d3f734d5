#include "kernel/file_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace gonzo {
namespace {

OpenFileRef null_file() {
  return std::make_shared<OpenFile>(open("/dev/null", O_RDWR | O_CLOEXEC));
}

TEST(FileTable, GivesTheLowestFreeNumber) {
  FileTable table(8);
  EXPECT_EQ(table.insert(null_file(), CloseOnExec::kNo).value(), 0);
  EXPECT_EQ(table.insert(null_file(), CloseOnExec::kNo).value(), 1);
  EXPECT_EQ(table.insert(null_file(), CloseOnExec::kNo, 5).value(), 5);
  EXPECT_EQ(table.insert(null_file(), CloseOnExec::kNo).value(), 2);
  ASSERT_TRUE(table.close(1).has_value());
  EXPECT_EQ(table.insert(null_file(), CloseOnExec::kNo).value(), 1);
  EXPECT_EQ(table.numbers(), (std::vector<int>{0, 1, 2, 5}));
}

TEST(FileTable, KeepsToItsLimit) {
  FileTable table(2);
  EXPECT_EQ(table.insert(null_file(), CloseOnExec::kNo, 2).error(), Errno::kInval);
  EXPECT_EQ(table.insert(null_file(), CloseOnExec::kNo, -1).error(), Errno::kInval);
  ASSERT_TRUE(table.insert_at(1, null_file(), CloseOnExec::kNo).has_value());
  ASSERT_TRUE(table.insert(null_file(), CloseOnExec::kNo).has_value());
  EXPECT_EQ(table.insert(null_file(), CloseOnExec::kNo).error(), Errno::kMFile);
  EXPECT_EQ(table.insert_at(2, null_file(), CloseOnExec::kNo).error(), Errno::kBadF);
  EXPECT_EQ(table.insert_at(-1, null_file(), CloseOnExec::kNo).error(), Errno::kBadF);
  table.set_limit(3);
  EXPECT_EQ(table.insert(null_file(), CloseOnExec::kNo).value(), 2);
}

TEST(FileTable, KnowsNothingAtFreeNumbers) {
  FileTable table(8);
  for (const int fd : {-1, 0, 7, 8, 1 << 30}) {
    EXPECT_EQ(table.get(fd).error(), Errno::kBadF);
    EXPECT_EQ(table.close(fd).error(), Errno::kBadF);
    EXPECT_EQ(table.cloexec(fd).error(), Errno::kBadF);
    EXPECT_EQ(table.set_cloexec(fd, CloseOnExec::kYes).error(), Errno::kBadF);
  }
}

TEST(FileTable, ClosesTheHostsDescriptorWithTheLastUser) {
  FileTable table(8);
  const OpenFileRef file = null_file();
  const int host = file->host_fd();
  ASSERT_TRUE(table.insert_at(0, file, CloseOnExec::kNo).has_value());
  ASSERT_TRUE(table.insert_at(1, file, CloseOnExec::kNo).has_value());
  std::weak_ptr<OpenFile> watch = file;
  const_cast<OpenFileRef&>(file).reset();
  ASSERT_TRUE(table.insert_at(0, null_file(), CloseOnExec::kNo).has_value());
  EXPECT_FALSE(watch.expired());
  ASSERT_TRUE(table.close(1).has_value());
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(fcntl(host, F_GETFD), -1);
}

TEST(FileTable, ExecClosesWhatIsMarked) {
  FileTable table(8);
  ASSERT_TRUE(table.insert(null_file(), CloseOnExec::kYes).has_value());
  ASSERT_TRUE(table.insert(null_file(), CloseOnExec::kNo).has_value());
  ASSERT_TRUE(table.insert(null_file(), CloseOnExec::kNo).has_value());
  ASSERT_TRUE(table.set_cloexec(2, CloseOnExec::kYes).has_value());
  table.close_on_exec();
  EXPECT_EQ(table.numbers(), std::vector<int>{1});
  EXPECT_EQ(table.cloexec(1).value(), CloseOnExec::kNo);
}

TEST(MoveHigh, LeavesTheLowNumberFree) {
  const int low = open("/dev/null", O_RDONLY);
  const int high = move_high(low).value();
  EXPECT_GT(high, low);
  EXPECT_EQ(fcntl(low, F_GETFD), -1);
  EXPECT_EQ(fcntl(high, F_GETFD), FD_CLOEXEC);
  close(high);
  EXPECT_EQ(move_high(-1).error(), Errno::kBadF);
}

}  // namespace
}  // namespace gonzo

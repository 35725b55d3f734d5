#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstring>

#include "kernel/kernel_memory.h"
#include "unit/syscall/guest_caller.h"

namespace gonzo {
namespace {

class PassThroughTest : public ::testing::Test {
 protected:
  GuestCaller guest_;
};

TEST_F(PassThroughTest, FillsAStructure) {
  const VirtAddr out = guest_.map(1);
  ASSERT_EQ(guest_.call(SYS_uname, out), 0);
  EXPECT_STREQ(guest_.load<utsname>(out).sysname, "Linux");
}

TEST_F(PassThroughTest, AnOpenFileIsAnObjectInASlab) {
  System& system = guest_.task().process().system();
  const auto active = [&] { return system.kernel_memory().open_file_cache().stats().active; };
  const VirtAddr path = guest_.put(std::string("/dev/null") + '\0');
  const auto before = active();
  const auto fd = guest_.call(SYS_openat, AT_FDCWD, path, O_RDONLY);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(active(), before + 1);
  const auto copy = guest_.call(SYS_dup, fd);
  EXPECT_EQ(guest_.call(SYS_close, fd), 0);
  EXPECT_EQ(active(), before + 1);
  EXPECT_EQ(guest_.call(SYS_close, copy), 0);
  EXPECT_EQ(active(), before);
  // Its memory comes first: nothing of the host's stays behind for want of it.
  system.kernel_memory().slabs().shrink();
  system.frames().fail_nth(1);
  EXPECT_EQ(guest_.call(SYS_openat, AT_FDCWD, path, O_RDONLY), -ENOMEM);
  system.frames().fail_nth(0);
}

TEST_F(PassThroughTest, CopiesAsManyBytesAsAreReturned) {
  const VirtAddr out = guest_.put(std::string(300, '#'));
  std::array<char, PATH_MAX> directory{};
  ASSERT_NE(getcwd(directory.data(), directory.size()), nullptr);
  const auto length = static_cast<std::int64_t>(std::strlen(directory.data()) + 1);
  EXPECT_EQ(guest_.call(SYS_getcwd, out, 300), length);
  EXPECT_STREQ(guest_.text(out, 300).c_str(), directory.data());
  EXPECT_EQ(guest_.text(out + static_cast<std::uint64_t>(length), 1), "#");
  EXPECT_EQ(guest_.call(SYS_getcwd, out, 1), -ERANGE);
}

TEST_F(PassThroughTest, ABufferThatEndsAtAHoleIsNoFaultWhenTheResultFits) {
  const VirtAddr area = guest_.map_before_hole(1);
  EXPECT_GT(guest_.call(SYS_getcwd, area, 1 << 20), 0);
  EXPECT_EQ(guest_.call(SYS_getcwd, area + (kPageSize - 1), 4096), -EFAULT);
}

TEST_F(PassThroughTest, AnAbsurdLengthAllocatesNothingAbsurd) {
  const int directory = guest_.open("/", O_RDONLY | O_DIRECTORY);
  const VirtAddr out = guest_.map(16);
  EXPECT_GT(guest_.call(SYS_getdents64, directory, out, 0xffff'ffffU), 0);
  EXPECT_EQ(guest_.call(SYS_setsockopt, directory, 0, 0, out, INT_MAX), -ENOTSOCK);
  EXPECT_EQ(guest_.call(SYS_setsockopt, directory, 0, 0, out, -1), -ENOTSOCK);
}

TEST_F(PassThroughTest, TranslatesDescriptors) {
  const int file = guest_.adopt_at(::open("/etc/passwd", O_RDONLY | O_CLOEXEC), 77);
  const VirtAddr out = guest_.map(1);
  EXPECT_EQ(guest_.call(SYS_fstatfs, file, out), 0);
  EXPECT_EQ(guest_.call(SYS_fstatfs, 78, out), -EBADF);
  // A host descriptor's number means nothing to the guest.
  EXPECT_EQ(guest_.call(SYS_fstatfs, STDERR_FILENO, out), -EBADF);
  EXPECT_EQ(guest_.call(SYS_fchdir, -1), -EBADF);
}

TEST_F(PassThroughTest, ADirectoryMattersOnlyToRelativePaths) {
  const VirtAddr absolute = guest_.put("/nonexistent-file"), relative = guest_.put("nonexistent");
  EXPECT_EQ(guest_.call(SYS_unlinkat, 99, absolute, 0), -ENOENT);
  EXPECT_EQ(guest_.call(SYS_unlinkat, 99, relative, 0), -EBADF);
  EXPECT_EQ(guest_.call(SYS_unlinkat, AT_FDCWD, relative, 0), -ENOENT);
  EXPECT_EQ(guest_.call(SYS_unlinkat, guest_.open("/dev/null"), relative, 0), -ENOTDIR);
}

TEST_F(PassThroughTest, PathsHaveALimit) {
  const VirtAddr longest = guest_.put(std::string(PATH_MAX - 1, 'x'));
  const VirtAddr longer = guest_.put(std::string(PATH_MAX, 'x'));
  EXPECT_EQ(guest_.call(SYS_chdir, longest), -ENAMETOOLONG);  // a component over NAME_MAX
  EXPECT_EQ(guest_.call(SYS_chdir, longer), -ENAMETOOLONG);
  const VirtAddr area = guest_.map_before_hole(1);
  guest_.write(area, std::string(kPageSize, 'x'));
  EXPECT_EQ(guest_.call(SYS_chdir, area + 10), -EFAULT);
}

TEST_F(PassThroughTest, NewDescriptorsAreTheGuests) {
  EXPECT_EQ(guest_.call(SYS_epoll_create1, 0), 0);
  EXPECT_EQ(guest_.call(SYS_eventfd2, 0, O_CLOEXEC), 1);
  EXPECT_EQ(*guest_.files().cloexec(0), CloseOnExec::kNo);
  EXPECT_EQ(*guest_.files().cloexec(1), CloseOnExec::kYes);
  EXPECT_EQ(guest_.call(SYS_close, 0), 0);
  EXPECT_EQ(guest_.call(SYS_memfd_create, guest_.put("name"), 0), 0);
  // On the host every one is close-on-exec.
  EXPECT_EQ(fcntl((*guest_.files().get(0))->host_fd(), F_GETFD), FD_CLOEXEC);
}

TEST_F(PassThroughTest, AFullTableGivesEmfileAndKeepsNothing) {
  guest_.files().set_limit(2);
  EXPECT_EQ(guest_.call(SYS_epoll_create1, 0), 0);
  EXPECT_EQ(guest_.call(SYS_epoll_create1, 0), 1);
  EXPECT_EQ(guest_.call(SYS_epoll_create1, 0), -EMFILE);
  EXPECT_EQ(guest_.call(SYS_openat, AT_FDCWD, guest_.put("/dev/null"), O_RDONLY, 0), -EMFILE);
  EXPECT_EQ(guest_.call(SYS_pipe2, guest_.map(1), 0), -EMFILE);
  EXPECT_EQ(guest_.files().numbers().size(), 2U);
}

TEST_F(PassThroughTest, LengthsGoInAndOut) {
  const auto socket = guest_.call(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(socket, 0);
  const VirtAddr name = guest_.put(std::string(200, '#')), length = guest_.map(1);
  ASSERT_TRUE(guest_.memory().store(length, 100).has_value());
  EXPECT_EQ(guest_.call(SYS_getsockname, socket, name, length), 0);
  EXPECT_EQ(guest_.load<int>(length), 2);
  EXPECT_EQ(guest_.load<short>(name), AF_UNIX);
  EXPECT_EQ(guest_.text(name + 2, 1), "#");
  ASSERT_TRUE(guest_.memory().store(length, 1).has_value());
  EXPECT_EQ(guest_.call(SYS_getsockname, socket, name, length), 0);
  EXPECT_EQ(guest_.load<int>(length), 2);  // the whole length, though one byte fitted
  ASSERT_TRUE(guest_.memory().store(length, -1).has_value());
  EXPECT_EQ(guest_.call(SYS_getsockname, socket, name, length), -EINVAL);
}

TEST_F(PassThroughTest, WhatTheKernelLacks) {
  EXPECT_EQ(guest_.call(SYS_rseq, 0, 0, 0, 0), -ENOSYS);
  EXPECT_EQ(guest_.call(SYS_reboot, 0, 0, 0, 0), -EPERM);
  EXPECT_EQ(guest_.call(400), -ENOSYS);
  EXPECT_EQ(guest_.call(0xffff'ffff'ffffULL), -ENOSYS);
}

}  // namespace
}  // namespace gonzo

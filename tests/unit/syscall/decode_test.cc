#include "syscall/decode.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "unit/syscall/guest_caller.h"

namespace gonzo {
namespace {

class DecodeTest : public ::testing::Test {
 protected:
  /// The line of a call that ended with `result`.
  std::string line(std::uint64_t number, Arguments arguments, std::int64_t result) {
    Call call{.task = guest_.task(),
              .row = *guest_.syscalls().table().find(number),
              .bad_pointer = bad_pointer_,
              .arguments = arguments};
    const CallText text(call);
    std::string line = text.finished(call, result);
    while (line.find("  ") != std::string::npos) line.erase(line.find("  "), 1);
    return line;
  }

  GuestCaller guest_;
  BadPointer bad_pointer_ = std::move(*BadPointer::create());
};

TEST_F(DecodeTest, PathsAndFlags) {
  const std::uint64_t path = guest_.put("/etc/\"x\"").value;
  EXPECT_EQ(line(SYS_openat, {0xffffff9c, path, O_RDONLY | O_CLOEXEC}, 3),
            R"(openat(AT_FDCWD, "/etc/\"x\"", O_RDONLY|O_CLOEXEC) = 3)");
  EXPECT_EQ(
      line(SYS_openat, {5, path, O_RDWR | O_CREAT | O_TRUNC, 0644}, -ENOENT),
      R"(openat(5, "/etc/\"x\"", O_RDWR|O_CREAT|O_TRUNC, 0644) = -1 ENOENT (No such file or directory))");
  EXPECT_EQ(line(SYS_access, {path, R_OK | W_OK}, 0), R"(access("/etc/\"x\"", R_OK|W_OK) = 0)");
  EXPECT_EQ(line(SYS_access, {path, F_OK}, 0), R"(access("/etc/\"x\"", F_OK) = 0)");
  EXPECT_EQ(line(SYS_chdir, {kUnmapped.value}, -EFAULT),
            "chdir(0x10000000) = -1 EFAULT (Bad address)");
  EXPECT_EQ(line(SYS_chdir, {0}, -EFAULT), "chdir(NULL) = -1 EFAULT (Bad address)");
}

TEST_F(DecodeTest, Memory) {
  EXPECT_EQ(line(SYS_mmap,
                 {0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                  static_cast<std::uint64_t>(-1), 0},
                 0x7ffff7000000),
            "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
            "0x7ffff7000000");
  EXPECT_EQ(line(SYS_mprotect, {0x1000, 4096, PROT_NONE}, 0),
            "mprotect(0x1000, 4096, PROT_NONE) = 0");
  EXPECT_EQ(line(SYS_mremap, {0x1000, 1, 2, MREMAP_MAYMOVE, 7}, 0x2000),
            "mremap(0x1000, 1, 2, MREMAP_MAYMOVE) = 0x2000");
  EXPECT_EQ(line(SYS_brk, {0}, 0x5000), "brk(NULL) = 0x5000");
  EXPECT_EQ(line(SYS_madvise, {0x1000, 4096, MADV_DONTNEED}, 0),
            "madvise(0x1000, 4096, MADV_DONTNEED) = 0");
}

TEST_F(DecodeTest, BuffersAreEscapedAndCut) {
  const std::uint64_t text = guest_
                                 .put(std::string("a\n\0"
                                                  "1\377\t",
                                                  6))
                                 .value;
  EXPECT_EQ(line(SYS_write, {1, text, 6}, 6), R"(write(1, "a\n\0001\377\t", 6) = 6)");
  const std::uint64_t much = guest_.put(std::string(100, 'x')).value;
  EXPECT_EQ(line(SYS_write, {1, much, 100}, 100),
            fmt::format(R"(write(1, "{}"..., 100) = 100)", std::string(32, 'x')));
  // What was not read is not shown.
  EXPECT_EQ(line(SYS_read, {0, much, 100}, 3), R"(read(0, "xxx", 100) = 3)");
  EXPECT_EQ(line(SYS_read, {0, 0x1234, 100}, -EINTR),
            "read(0, 0x1234, 100) = -1 EINTR (Interrupted system call)");
}

TEST_F(DecodeTest, Structures) {
  const VirtAddr page = guest_.map(1);
  struct stat status{};
  status.st_mode = S_IFREG | 0644;
  status.st_size = 77;
  ASSERT_TRUE(guest_.memory().store(page, status).has_value());
  EXPECT_EQ(line(SYS_fstat, {3, page.value}, 0),
            "fstat(3, {st_mode=S_IFREG|0644, st_size=77, ...}) = 0");
  ASSERT_TRUE(guest_.memory().store(page, std::array<int, 2>{3, 4}).has_value());
  EXPECT_EQ(line(SYS_pipe2, {page.value, O_CLOEXEC}, 0), "pipe2([3, 4], O_CLOEXEC) = 0");
  ASSERT_TRUE(guest_.memory().store(page, signal_bit(10) | signal_bit(2)).has_value());
  EXPECT_EQ(line(SYS_rt_sigprocmask, {0, page.value, 0, 8}, 0),
            "rt_sigprocmask(SIG_BLOCK, [INT USR1], NULL, 8) = 0");
  ASSERT_TRUE(guest_.memory().store(page, ResourceLimit{.soft = 8 << 20}).has_value());
  EXPECT_EQ(line(SYS_getrlimit, {3, page.value}, 0),
            "getrlimit(RLIMIT_STACK, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0");
  const std::array<iovec, 1> vectors = {{{reinterpret_cast<void*>(guest_.put("hi").value), 2}}};
  ASSERT_TRUE(guest_.memory().store(page, vectors).has_value());
  EXPECT_EQ(line(SYS_writev, {1, page.value, 1}, 2),
            R"(writev(1, [{iov_base="hi", iov_len=2}], 1) = 2)");
}

TEST_F(DecodeTest, NumbersWithoutNames) {
  EXPECT_EQ(line(SYS_socket, {77, 1 | O_CLOEXEC, 0}, -EAFNOSUPPORT),
            "socket(77, SOCK_STREAM|SOCK_CLOEXEC, 0) = -1 EAFNOSUPPORT (Address family not "
            "supported by protocol)");
  EXPECT_EQ(line(SYS_ioctl, {1, 0x5401, 0x1000}, -ENOTTY),
            "ioctl(1, TCGETS, 0x1000) = -1 ENOTTY (Inappropriate ioctl for device)");
  EXPECT_EQ(line(SYS_ioctl, {1, 0xdead, 0x1000}, -ENOTTY),
            "ioctl(1, 0xdead, 0x1000) = -1 ENOTTY (Inappropriate ioctl for device)");
  EXPECT_EQ(line(SYS_kill, {1, 15}, 0), "kill(1, SIGTERM) = 0");
  EXPECT_EQ(line(SYS_umask, {022}, 077), "umask(022) = 077");
  EXPECT_EQ(line(SYS_rseq, {1, 2, 3, 4}, -ENOSYS),
            "rseq(0x1, 0x2, 0x3, 0x4, 0x0, 0x0) = -1 ENOSYS (Function not implemented)");
}

TEST_F(DecodeTest, InterruptedCalls) {
  EXPECT_EQ(line(SYS_pause, {}, -restart::kNoHand),
            "pause() = ? ERESTARTNOHAND (To be restarted if no handler)");
  EXPECT_EQ(line(SYS_read, {0, 0, 1}, -restart::kSys),
            "read(0, NULL, 1) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)");
}

}  // namespace
}  // namespace gonzo

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>

#include "unit/syscall/guest_caller.h"

namespace gonzo {
namespace {

class TransferTest : public ::testing::Test {
 protected:
  /// A file in memory with `bytes`, at its start; the guest's descriptor, and the host's in host_.
  int file_of(std::string_view bytes) {
    host_ = memfd_create("test", MFD_CLOEXEC);
    EXPECT_EQ(::write(host_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    lseek(host_, 0, SEEK_SET);
    return guest_.adopt(host_);
  }

  GuestCaller guest_;
  int host_ = -1;
};

TEST_F(TransferTest, ReadsIntoFrames) {
  const int file = file_of("0123456789");
  const VirtAddr buffer = guest_.map(1);
  EXPECT_EQ(guest_.call(SYS_read, file, buffer, 4), 4);
  EXPECT_EQ(guest_.call(SYS_read, file, buffer + 4, 100), 6);
  EXPECT_EQ(guest_.text(buffer, 10), "0123456789");
  EXPECT_EQ(guest_.call(SYS_read, file, buffer, 100), 0);
}

TEST_F(TransferTest, TouchesNoMorePagesThanThereAreBytes) {
  const int file = file_of(std::string(100, 'x'));
  const VirtAddr buffer = guest_.map(512);
  const std::uint64_t before = guest_.resident();
  EXPECT_EQ(guest_.call(SYS_read, file, buffer, 512 * kPageSize), 100);
  EXPECT_EQ(guest_.resident(), before + 1);
}

TEST_F(TransferTest, CrossesPagesThatLieApart) {
  constexpr std::uint64_t kPages = 2500;  // more than one host call takes
  std::string bytes(kPages * kPageSize, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i / 4096 + i);
  const int file = file_of(bytes);
  const VirtAddr buffer = guest_.map(kPages);
  for (std::uint64_t page = kPages; page > 0; page -= 2) {  // touch backwards, every second
    ASSERT_TRUE(guest_.memory().store(buffer + (page - 1) * kPageSize, 1).has_value());
  }
  EXPECT_EQ(guest_.call(SYS_read, file, buffer, bytes.size()),
            static_cast<std::int64_t>(bytes.size()));
  EXPECT_EQ(guest_.text(buffer, bytes.size()), bytes);
  const int copy = file_of("");
  EXPECT_EQ(guest_.call(SYS_write, copy, buffer, bytes.size()),
            static_cast<std::int64_t>(bytes.size()));
  std::string written(bytes.size(), '\0');
  EXPECT_EQ(pread(host_, written.data(), written.size(), 0), static_cast<ssize_t>(written.size()));
  EXPECT_EQ(written, bytes);
}

TEST_F(TransferTest, StopsAtABadPage) {
  const int file = file_of(std::string(3 * kPageSize, 'x'));
  const VirtAddr area = guest_.map_before_hole(2);
  EXPECT_EQ(guest_.call(SYS_read, file, area + kPageSize, 3 * kPageSize),
            static_cast<std::int64_t>(kPageSize));
  EXPECT_EQ(lseek(host_, 0, SEEK_CUR), static_cast<off_t>(kPageSize));
  EXPECT_EQ(guest_.call(SYS_read, file, area + 2 * kPageSize, 10), -EFAULT);
  EXPECT_EQ(lseek(host_, 0, SEEK_CUR), static_cast<off_t>(kPageSize));
  EXPECT_EQ(guest_.call(SYS_pwrite64, file, area + kPageSize, 2 * kPageSize, 0),
            static_cast<std::int64_t>(kPageSize));
}

TEST_F(TransferTest, RefusesReadOnlyMemory) {
  const int file = file_of("data");
  EXPECT_EQ(guest_.call(SYS_read, file, guest_.map(1, PROT_READ), 4), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_read, file, guest_.map(1, PROT_NONE), 4), -EFAULT);
}

TEST_F(TransferTest, DescriptorsAreCheckedBeforePointers) {
  EXPECT_EQ(guest_.call(SYS_read, 9, kUnmapped, 4), -EBADF);
  EXPECT_EQ(guest_.call(SYS_read, guest_.open("/dev/null", O_WRONLY), kUnmapped, 4), -EBADF);
  EXPECT_EQ(guest_.call(SYS_read, guest_.open("/"), kUnmapped, 4), -EISDIR);
  const int file = file_of("");
  EXPECT_EQ(guest_.call(SYS_read, file, kUnmapped, 4), 0);  // the end of the file comes first
  EXPECT_EQ(guest_.call(SYS_read, file, BadPointer::kernel(), 4), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_read, file, guest_.map(1), ~0ULL), -EFAULT);
}

TEST_F(TransferTest, Vectors) {
  const int file = file_of("abcdefghij");
  const VirtAddr buffer = guest_.map(2), vectors = guest_.map(1);
  const auto base = [&](std::uint64_t offset) {
    return reinterpret_cast<void*>((buffer + offset).value);
  };
  const std::array<iovec, 3> parts = {{{base(4094), 4}, {base(0), 0}, {base(0), 3}}};
  ASSERT_TRUE(guest_.memory().store(vectors, parts).has_value());
  EXPECT_EQ(guest_.call(SYS_readv, file, vectors, 3), 7);
  EXPECT_EQ(guest_.text(buffer + 4094, 4), "abcd");
  EXPECT_EQ(guest_.text(buffer, 3), "efg");
  EXPECT_EQ(guest_.call(SYS_preadv, file, vectors, 3, 8), 2);
  EXPECT_EQ(guest_.call(SYS_readv, file, vectors, 1025), -EINVAL);
  EXPECT_EQ(guest_.call(SYS_readv, file, kUnmapped, 1), -EFAULT);
}

TEST_F(TransferTest, APipeTakesWholePagesBeforeABadOne) {
  std::array<int, 2> ends{};
  const VirtAddr out = guest_.map(1);
  ASSERT_EQ(guest_.call(SYS_pipe2, out, O_NONBLOCK), 0);
  ends = guest_.load<std::array<int, 2>>(out);
  const VirtAddr area = guest_.map_before_hole(2);
  EXPECT_EQ(guest_.call(SYS_write, ends[1], area + 100, 2 * kPageSize),
            static_cast<std::int64_t>(kPageSize));
  EXPECT_EQ(guest_.call(SYS_read, ends[0], area, 2 * kPageSize),
            static_cast<std::int64_t>(kPageSize));
  EXPECT_EQ(guest_.call(SYS_read, ends[0], area, 10), -EAGAIN);
}

TEST_F(TransferTest, AClosedPipeRaisesSigpipe) {
  const VirtAddr out = guest_.map(1);
  ASSERT_EQ(guest_.call(SYS_pipe2, out, 0), 0);
  const auto ends = guest_.load<std::array<int, 2>>(out);
  ASSERT_EQ(guest_.call(SYS_close, ends[0]), 0);
  struct sigaction ignore{}, before{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  EXPECT_EQ(guest_.call(SYS_write, ends[1], out, 1), -EPIPE);
  EXPECT_NE(guest_.task().pending().set() & signal_bit(SIGPIPE), 0U);
  sigaction(SIGPIPE, &before, nullptr);
}

TEST_F(TransferTest, WritesShowInMappings) {
  const int file = file_of(std::string(2 * kPageSize, 'a'));
  const auto shared =
      guest_.call(SYS_mmap, 0, 2 * kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ASSERT_GT(shared, 0);
  const VirtAddr at(static_cast<std::uint64_t>(shared));
  EXPECT_EQ(guest_.text(at, 3), "aaa");
  EXPECT_EQ(guest_.call(SYS_pwrite64, file, guest_.put("new"), 3, 0), 3);
  EXPECT_EQ(guest_.text(at, 4), "newa");
  guest_.write(at + 1, "EW");
  const VirtAddr buffer = guest_.map(1);
  EXPECT_EQ(guest_.call(SYS_pread64, file, buffer, 4, 0), 4);
  EXPECT_EQ(guest_.text(buffer, 4), "nEWa");
  EXPECT_EQ(guest_.call(SYS_ftruncate, file, 10), 0);
  EXPECT_EQ(guest_.memory().load<char>(at + kPageSize), fail(Errno::kFault));
  EXPECT_EQ(guest_.text(at + 10, 1), std::string(1, '\0'));
}

}  // namespace
}  // namespace gonzo

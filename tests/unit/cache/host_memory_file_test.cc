// Files in memory that the host has.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include <gonzo/base/address.h>
#include <gonzo/cache/host_file.h>

namespace gonzo {
namespace {

class HostMemoryFile : public testing::Test {
 protected:
  HostMemoryFile() {
    EXPECT_EQ(ftruncate(fd_, 4 * kPageSize), 0);
    auto opened = HostFile::open(fd_);
    EXPECT_TRUE(opened.has_value());
    file_ = *opened;
  }
  ~HostMemoryFile() override { ::close(fd_); }

  Result<void> write(std::uint64_t offset, const std::string& text) {
    const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
    return file_->write_at(offset, {&bytes, 1});
  }
  std::string read(off_t offset, std::size_t size) const {
    std::string text(size, '?');
    text.resize(static_cast<std::size_t>(pread(fd_, text.data(), size, offset)));
    return text;
  }

  int fd_ = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  std::shared_ptr<HostFile> file_;
};

TEST_F(HostMemoryFile, KnowsItsHoles) {
  EXPECT_TRUE(file_->is_memory());
  EXPECT_EQ(file_->data_end(0), 0u);
  ASSERT_TRUE(write(kPageSize, "data").has_value());
  EXPECT_EQ(file_->data_end(kPageSize), 2 * kPageSize);
  EXPECT_EQ(file_->data_end(2 * kPageSize), 2 * kPageSize);
  ASSERT_TRUE(file_->punch_hole(kPageSize, kPageSize).has_value());
  EXPECT_EQ(file_->data_end(kPageSize), kPageSize);
  EXPECT_EQ(file_->data_end(~std::uint64_t{0}), ~std::uint64_t{0});
}

TEST_F(HostMemoryFile, AllocatesWithinItsSize) {
  ASSERT_TRUE(file_->allocate(2 * kPageSize, kPageSize).has_value());
  struct stat status;
  ASSERT_EQ(fstat(fd_, &status), 0);
  EXPECT_EQ(status.st_blocks, 8);
  EXPECT_EQ(status.st_size, 4 * kPageSize);
}

TEST_F(HostMemoryFile, WritesPastASealAgainstFutureWrites) {
  ASSERT_TRUE(file_->keep_write_access().has_value());
  ASSERT_EQ(fcntl(fd_, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  ASSERT_TRUE(write(kPageSize - 2, "over an edge").has_value());
  EXPECT_EQ(read(kPageSize - 2, 12), "over an edge");
  // It may still grow.
  ASSERT_EQ(ftruncate(fd_, 100 * kPageSize), 0);
  ASSERT_TRUE(write(99 * kPageSize, "far").has_value());
  EXPECT_EQ(read(99 * kPageSize, 3), "far");
  // Past the end is an error, not a signal.
  EXPECT_FALSE(write(200 * kPageSize, "x").has_value());
  file_->drop_write_access();
  EXPECT_EQ(write(0, "x").error(), Errno::kPerm);
  EXPECT_EQ(fcntl(fd_, F_ADD_SEALS, F_SEAL_WRITE), 0);
}

TEST_F(HostMemoryFile, WithoutKeptAccessASealHolds) {
  ASSERT_EQ(fcntl(fd_, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  EXPECT_EQ(write(0, "x").error(), Errno::kPerm);
  EXPECT_EQ(file_->keep_write_access().error(), Errno::kPerm);
}

}  // namespace
}  // namespace gonzo

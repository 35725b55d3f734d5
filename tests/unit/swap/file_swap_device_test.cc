#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "unit/frame/arena.h"
#include <gonzo/swap/file_swap_device.h>

namespace gonzo {
namespace {

using Space = FileSwapDevice::Space;

class FileSwapDeviceTest : public testing::Test {
 protected:
  FileSwapDeviceTest() {
    std::string path = (std::filesystem::temp_directory_path() / "gonzo-swap-test-XXXXXX").string();
    directory_ = ::mkdtemp(path.data());
  }
  ~FileSwapDeviceTest() override { std::filesystem::remove_all(directory_); }

  std::string file(const std::string& name) const { return directory_ + "/" + name; }
  void make(const std::string& name, const std::string& content) const {
    std::ofstream(file(name)) << content;
  }
  /// Pages of the arena, each filled with its number.
  std::vector<std::byte*> pages(std::size_t count) {
    std::vector<std::byte*> all;
    for (std::size_t i = 0; i < count; ++i) {
      const Pfn pfn(i + 1);
      arena_.fill(pfn, static_cast<int>(i % 251));
      all.push_back(arena_->address(pfn));
    }
    return all;
  }
  void round_trip(FileSwapDevice& device) {
    const auto out = pages(700);
    ASSERT_TRUE(device.write(5, std::vector<const std::byte*>(out.begin(), out.end())));
    for (std::size_t i = 0; i < out.size(); ++i) arena_.fill(Pfn(i + 1), 0xee);
    ASSERT_TRUE(device.read(5, out));
    for (std::size_t i = 0; i < out.size(); ++i)
      EXPECT_TRUE(arena_.is_filled(Pfn(i + 1), static_cast<int>(i % 251)));
    EXPECT_EQ(device.stats().writes, 700U);
    EXPECT_EQ(device.stats().reads, 700U);
  }

  test::Arena arena_{1024};
  std::string directory_;
};

TEST_F(FileSwapDeviceTest, ATemporaryFileHasNoName) {
  for (const Space space : {Space::kAllocated, Space::kSparse}) {
    const auto device = FileSwapDevice::create_temporary(directory_, 4 << 20, space);
    ASSERT_TRUE(device.has_value());
    EXPECT_EQ((*device)->slots(), 1024U);
    EXPECT_TRUE(std::filesystem::is_empty(directory_));
    round_trip(**device);
  }
}

TEST_F(FileSwapDeviceTest, PagesAtAnyAddressDo) {
  const auto device = FileSwapDevice::create_temporary(directory_, 1 << 20, Space::kSparse);
  ASSERT_TRUE(device.has_value());
  std::vector<std::byte> memory(kPageSize + 1, std::byte{7}), back(kPageSize + 1);
  const std::byte* const out = memory.data() + 1;
  std::byte* const in = back.data() + 1;
  ASSERT_TRUE((*device)->write(0, std::span(&out, 1)));
  ASSERT_TRUE((*device)->read(0, std::span(&in, 1)));
  EXPECT_EQ(back[kPageSize], std::byte{7});
}

TEST_F(FileSwapDeviceTest, ANamedFileIsMadeWithAHeader) {
  {
    const auto device = FileSwapDevice::open(file("swap"), 4 << 20, Space::kSparse);
    ASSERT_TRUE(device.has_value());
    EXPECT_EQ((*device)->slots(), 1023U);
    EXPECT_EQ((*device)->name(), file("swap"));
    round_trip(**device);
  }
  struct stat status{};
  ASSERT_EQ(::stat(file("swap").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  std::ifstream content(file("swap"));
  std::string header(kPageSize, '\0');
  content.read(header.data(), static_cast<std::streamsize>(header.size()));
  EXPECT_EQ(header.substr(4086), "SWAPSPACE2");
  const auto again = FileSwapDevice::open(file("swap"), 0, Space::kSparse);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ((*again)->slots(), 1023U);
}

TEST_F(FileSwapDeviceTest, OtherFilesAreNotTouched) {
  make("letter", std::string(10000, 'x'));
  EXPECT_EQ(FileSwapDevice::open(file("letter"), 1 << 20, Space::kSparse).error(), Errno::kInval);
  EXPECT_EQ(std::filesystem::file_size(file("letter")), 10000U);
  make("note", "short");
  EXPECT_EQ(FileSwapDevice::open(file("note"), 1 << 20, Space::kSparse).error(), Errno::kInval);
  EXPECT_EQ(FileSwapDevice::open("/dev/null", 1 << 20, Space::kSparse).error(), Errno::kInval);
  EXPECT_EQ(FileSwapDevice::open(directory_, 1 << 20, Space::kSparse).error(), Errno::kIsDir);
  EXPECT_EQ(FileSwapDevice::open(file("new"), 0, Space::kSparse).error(), Errno::kInval);
  EXPECT_EQ(FileSwapDevice::open(file("no/new"), 1 << 20, Space::kSparse).error(), Errno::kNoEnt);
}

TEST_F(FileSwapDeviceTest, OneUserAtATime) {
  const auto device = FileSwapDevice::open(file("swap"), 1 << 20, Space::kSparse);
  ASSERT_TRUE(device.has_value());
  EXPECT_EQ(FileSwapDevice::open(file("swap"), 1 << 20, Space::kSparse).error(), Errno::kBusy);
}

TEST_F(FileSwapDeviceTest, AFileThatWasCutIsAnIoError) {
  const auto device = FileSwapDevice::open(file("swap"), 1 << 20, Space::kSparse);
  ASSERT_TRUE(device.has_value());
  const auto all = pages(4);
  ASSERT_TRUE((*device)->write(0, std::vector<const std::byte*>(all.begin(), all.end())));
  ASSERT_EQ(::truncate(file("swap").c_str(), 3 * kPageSize), 0);
  EXPECT_TRUE((*device)->read(0, std::span(all).first(2)));
  EXPECT_EQ((*device)->read(0, all).error(), Errno::kIo);
  EXPECT_EQ((*device)->stats().read_errors, 4U);
}

TEST_F(FileSwapDeviceTest, AFullMediumIsNoSpace) {
  const auto device =
      FileSwapDevice::create_temporary("/dev/shm", ~std::uint64_t{0} >> 2, Space::kAllocated);
  ASSERT_FALSE(device.has_value());
  EXPECT_TRUE(device.error() == Errno::kNoSpc || device.error() == Errno::kFBig);
  EXPECT_EQ(FileSwapDevice::create_temporary(directory_, 100, Space::kSparse).error(),
            Errno::kInval);
}

}  // namespace
}  // namespace gonzo

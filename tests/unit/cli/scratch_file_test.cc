#include "cli/curve/scratch_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace gonzo::test {
namespace {

ScratchFile file_of(std::string_view text) {
  auto file = ScratchFile::create();
  EXPECT_TRUE(file.has_value());
  EXPECT_EQ(::write(file->fd(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  return std::move(*file);
}

TEST(ScratchFile, HasNoName) {
  const ScratchFile file = file_of("x");
  struct stat status{};
  ASSERT_EQ(fstat(file.fd(), &status), 0);
  EXPECT_EQ(status.st_nlink, 0U);
}

TEST(ScratchFile, ComparesAllBytes) {
  const std::string large(200'000, 'a');
  std::string other = large;
  EXPECT_TRUE(file_of("").equals(file_of("")));
  EXPECT_TRUE(file_of(large).equals(file_of(large)));
  EXPECT_FALSE(file_of(large).equals(file_of(large + "b")));
  other.back() = 'b';
  EXPECT_FALSE(file_of(large).equals(file_of(other)));
  const std::string piece(1 << 16, 'c');
  EXPECT_TRUE(file_of(piece).equals(file_of(piece)));
}

TEST(ScratchFile, StartsAnew) {
  ScratchFile file = file_of("something");
  ASSERT_TRUE(file.empty().has_value());
  EXPECT_EQ(::write(file.fd(), "new", 3), 3);
  EXPECT_EQ(file.tail(100), "new");
  EXPECT_EQ(file.tail(2), "ew");
  ASSERT_TRUE(file.empty().has_value());
  EXPECT_EQ(file.tail(100), "");
}

TEST(ScratchFile, IsCopied) {
  const auto path =
      std::filesystem::temp_directory_path() / ("gonzo-scratch-" + std::to_string(getpid()));
  const std::string large(100'000, 'q');
  ASSERT_TRUE(file_of(large).copy_to(path).has_value());
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), large);
  std::filesystem::remove(path);
  EXPECT_EQ(file_of("").copy_to("/nonexistent/file").error(), Errno::kNoEnt);
}

}  // namespace
}  // namespace gonzo::test

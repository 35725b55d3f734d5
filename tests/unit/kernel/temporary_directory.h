// A directory for the files of one test, removed with it.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

namespace gonzo {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(std::filesystem::path(testing::TempDir()) / "gonzo-XXXXXX") {
    std::string pattern = path_.string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = std::filesystem::canonical(pattern);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string path(std::string_view name) const { return (path_ / name).string(); }
  std::string write(std::string_view name, std::string_view text, mode_t mode = 0755) const {
    const std::string file = path(name);
    std::ofstream(file, std::ios::binary) << text;
    chmod(file.c_str(), mode);
    return file;
  }
  std::string write(std::string_view name, std::span<const std::byte> bytes,
                    mode_t mode = 0755) const {
    return write(name, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
                 mode);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace gonzo

// The fuzzer's bytes as a host file.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include <gonzo/cache/backing_file.h>

namespace gonzo::fuzz {

class BytesFile final : public BackingFile {
 public:
  explicit BytesFile(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  FileIdentity identity() const override { return {.inode = 1}; }
  Result<std::uint64_t> size() override { return bytes_.size(); }
  Result<FileStatus> status() override { return FileStatus{.size = bytes_.size()}; }
  Result<std::size_t> read_at(std::uint64_t offset,
                              std::span<const std::span<std::byte>> into) override {
    std::size_t done = 0;
    for (const std::span<std::byte> part : into) {
      const std::uint64_t at = std::min<std::uint64_t>(offset + done, bytes_.size());
      const auto piece = bytes_.subspan(at, std::min(part.size(), bytes_.size() - at));
      if (!piece.empty()) std::memcpy(part.data(), piece.data(), piece.size());
      done += piece.size();
      if (piece.size() < part.size()) break;
    }
    return done;
  }
  Result<void> write_at(std::uint64_t, std::span<const std::span<const std::byte>>) override {
    return fail(Errno::kBadF);
  }
  Result<void> flush() override { return {}; }
  bool is_writable() const override { return false; }
  std::string path() const override { return "/fuzz"; }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace gonzo::fuzz

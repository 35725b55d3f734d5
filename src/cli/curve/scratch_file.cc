#include "cli/curve/scratch_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>

#include "cli/temporary_directory.h"

namespace gonzo {
namespace {

constexpr std::size_t kPiece = 1 << 16;

std::span<const char> read_piece(int fd, std::array<char, kPiece>& piece, off_t at) {
  const ssize_t count = pread(fd, piece.data(), piece.size(), at);
  return std::span(piece).first(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
}

off_t size_of(int fd) {
  struct stat status{};
  return fstat(fd, &status) == 0 ? status.st_size : 0;
}

Result<void> write_all(int fd, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0) return fail_from_host();
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

Result<ScratchFile> ScratchFile::create() {
  const std::string directory = temporary_directory();
  // Not every file system has O_TMPFILE.
  int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {
    std::string name = directory + "/gonzo-curve-XXXXXX";
    fd = mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0) return fail_from_host();
    unlink(name.c_str());
  }
  return ScratchFile(fd);
}

ScratchFile::ScratchFile(ScratchFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

ScratchFile& ScratchFile::operator=(ScratchFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

ScratchFile::~ScratchFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> ScratchFile::empty() {
  if (ftruncate(fd_, 0) != 0 || lseek(fd_, 0, SEEK_SET) != 0) return fail_from_host();
  return {};
}

std::string ScratchFile::tail(std::size_t most) const {
  const off_t size = size_of(fd_);
  std::string text(std::min(most, static_cast<std::size_t>(size)), '\0');
  const ssize_t count =
      pread(fd_, text.data(), text.size(), size - static_cast<off_t>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

bool ScratchFile::equals(const ScratchFile& other) const {
  if (size_of(fd_) != size_of(other.fd_)) return false;
  std::array<char, kPiece> ours, theirs;
  for (off_t at = 0;; at += kPiece) {
    const auto mine = read_piece(fd_, ours, at), yours = read_piece(other.fd_, theirs, at);
    if (!std::ranges::equal(mine, yours)) return false;
    if (mine.size() < kPiece) return true;
  }
}

Result<void> ScratchFile::copy_to(const std::string& path) const {
  const int to = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (to < 0) return fail_from_host();
  std::array<char, kPiece> piece;
  Result<void> result;
  for (off_t at = 0; result; at += kPiece) {
    const auto bytes = read_piece(fd_, piece, at);
    if (bytes.empty()) break;
    result = write_all(to, bytes);
  }
  if (::close(to) != 0 && result) return fail_from_host();
  return result;
}

}  // namespace gonzo

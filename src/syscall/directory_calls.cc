// Directories: /proc's are made here, the rest is the host's.
#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstddef>
#include <cstring>
#include <vector>

#include "kernel/kernel_file.h"
#include "syscall/handlers.h"
#include "syscall/pass_through.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

/// struct linux_dirent and linux_dirent64 differ in where the type lies: behind everything, or
/// before the name.
class EntryWriter {
 public:
  EntryWriter(std::size_t room, long number) : room_(room), is_64_(number == SYS_getdents64) {}

  bool append(const DirectoryEntry& entry, std::uint64_t next) {
    const std::size_t name_at = is_64_ ? kLength + sizeof(std::uint16_t) + 1 : kLength + 2;
    const std::size_t needed = name_at + entry.name.size() + (is_64_ ? 1 : 2);
    const std::size_t size = (needed + kAlignment - 1) & ~(kAlignment - 1);
    if (bytes_.size() + size > room_) {
      is_full_ = true;
      return false;
    }
    const std::size_t start = bytes_.size();
    bytes_.resize(start + size);
    std::byte* const at = bytes_.data() + start;
    const auto length = static_cast<std::uint16_t>(size);
    std::memcpy(at, &entry.inode, sizeof entry.inode);
    std::memcpy(at + kNext, &next, sizeof next);
    std::memcpy(at + kLength, &length, sizeof length);
    at[is_64_ ? name_at - 1 : size - 1] = static_cast<std::byte>(entry.type);
    std::memcpy(at + name_at, entry.name.data(), entry.name.size());
    return true;
  }
  std::span<const std::byte> bytes() const { return bytes_; }
  bool is_full() const { return is_full_; }

 private:
  static constexpr std::size_t kNext = 8, kLength = 16, kAlignment = 8;

  const std::size_t room_;
  const bool is_64_;
  std::vector<std::byte> bytes_;
  bool is_full_ = false;
};

}  // namespace

std::int64_t sys_getdents(Call& call) {
  const auto file = call.file(0);
  KernelFile* const directory = file ? (*file)->kernel_file() : nullptr;
  if (directory == nullptr) return PassThrough(call).run();
  EntryWriter writer(call.word(2), call.row.number);
  const auto listed = directory->list(
      [&](const DirectoryEntry& entry, std::uint64_t next) { return writer.append(entry, next); });
  if (!listed) return raw(listed.error());
  if (writer.bytes().empty()) return writer.is_full() ? -EINVAL : 0;
  const auto copied = call.memory().copy_out(call.address(1), writer.bytes());
  return copied ? static_cast<std::int64_t>(writer.bytes().size()) : raw(copied.error());
}

std::int64_t sys_getcwd(Call& call) {
  std::array<char, PATH_MAX> directory;
  const std::int64_t length =
      call.host(SYS_getcwd, {reinterpret_cast<std::uint64_t>(directory.data()), directory.size()});
  if (length < 0) return length;
  const std::string name = to_guest_name(call.task, directory.data());
  const std::size_t bytes = name.size() + 1;
  if (bytes > call[1]) return -ERANGE;
  const auto copied =
      call.memory().copy_out(call.address(0), std::as_bytes(std::span(name.c_str(), bytes)));
  return copied ? static_cast<std::int64_t>(bytes) : raw(copied.error());
}

}  // namespace gonzo

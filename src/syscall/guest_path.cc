#include "syscall/guest_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <string_view>

namespace gonzo {

std::string host_path(Call& call, int directory_fd, const std::string& path) {
  const auto node = proc_node(call, directory_fd, path);
  return node && node->is_link() ? node->host_path() : path;
}

std::string absolute_path(Call& call, int directory_fd, const std::string& path) {
  if (path.starts_with('/')) return path;
  std::array<char, PATH_MAX> directory;
  if (directory_fd == AT_FDCWD) {
    if (::getcwd(directory.data(), directory.size()) == nullptr) return {};
    return fmt::format("{}/{}", directory.data(), path);
  }
  auto file = call.files().get(directory_fd);
  if (!file) return {};
  const std::string link = fmt::format("/proc/self/fd/{}", (*file)->host_fd());
  const ssize_t length = ::readlink(link.c_str(), directory.data(), directory.size() - 1);
  if (length <= 0 || directory[0] != '/') return {};
  return fmt::format("{}/{}", std::string_view(directory.data(), static_cast<std::size_t>(length)),
                     path);
}

std::optional<ProcNode> proc_node(Call& call, int directory_fd, const std::string& path) {
  if (path.empty()) return std::nullopt;
  const bool may_be_ours =
      !path.starts_with('/') || path.starts_with("/dev/") || path.find("proc") != std::string::npos;
  if (!may_be_ours) return std::nullopt;
  return find_proc(call.task, absolute_path(call, directory_fd, path));
}

}  // namespace gonzo

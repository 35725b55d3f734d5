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
  return node ? node->host_path() : path;
}

std::string absolute_path(Call& call, int directory_fd, const std::string& path) {
  if (path.starts_with('/')) return path;
  std::array<char, PATH_MAX> directory;
  if (directory_fd == AT_FDCWD) {
    if (::getcwd(directory.data(), directory.size()) == nullptr) return {};
    return fmt::format("{}/{}", to_guest_name(call.task, directory.data()), path);
  }
  auto file = call.files().get(directory_fd);
  if (!file) return {};
  const std::string link = fmt::format("/proc/self/fd/{}", (*file)->host_fd());
  const ssize_t length = ::readlink(link.c_str(), directory.data(), directory.size() - 1);
  if (length <= 0 || directory[0] != '/') return {};
  std::string name(directory.data(), static_cast<std::size_t>(length));
  return fmt::format("{}/{}", to_guest_name(call.task, std::move(name)), path);
}

std::optional<ProcNode> proc_node(Call& call, int directory_fd, const std::string& path) {
  if (path.empty()) return std::nullopt;
  const bool may_be_ours =
      !path.starts_with('/') || path.starts_with("/dev") || path.find("proc") != std::string::npos;
  if (!may_be_ours) return std::nullopt;
  auto node = find_proc(call.task, absolute_path(call, directory_fd, path));
  if (node && (path.ends_with('/') || path.ends_with("/."))) node->demand_directory();
  return node;
}

std::optional<ProcNode> followed_proc_node(Call& call, int directory_fd, const std::string& path) {
  auto node = proc_node(call, directory_fd, path);
  constexpr int kMostLinks = 8;  // they do not lead in circles, but a guest's mount may be odd
  for (int links = 0; node && node->is_alias() && links < kMostLinks; ++links) {
    const std::string& target = node->target();
    node = find_proc(call.task, target.starts_with('/') ? target : "/proc/" + target);
  }
  return node;
}

}  // namespace gonzo

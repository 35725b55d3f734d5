// Opening files.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "syscall/bad_pointer.h"
#include "syscall/guest_path.h"
#include "syscall/handlers.h"
#include "syscall/new_descriptor.h"
#include "syscall/table.h"
#include "syscall/terminal_calls.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

/// A terminal is never to be the runner's own: whose it is, is the guests' affair.
constexpr std::uint64_t kOurs = O_CLOEXEC | O_NOCTTY;

struct OpenRequest {
  int directory = AT_FDCWD;
  unsigned path_argument = 0;
  std::uint64_t flags = 0;
  std::uint64_t mode = 0;
};

CloseOnExec close_on_exec(std::uint64_t flags) {
  return (flags & O_CLOEXEC) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo;
}

/// `host_open` is given the host's directory and path.
template <typename HostOpen>
std::int64_t open_with(Call& call, const OpenRequest& request, HostOpen host_open) {
  auto path = call.memory().copy_in_string(call.address(request.path_argument), PATH_MAX);
  if (!path) return raw(path.error());
  const bool follows = (request.flags & O_NOFOLLOW) == 0;
  if (const auto node = follows ? followed_proc_node(call, request.directory, *path)
                                : proc_node(call, request.directory, *path)) {
    if (node->is_ours()) {
      auto file = node->open(static_cast<int>(request.flags));
      if (!file) return raw(file.error());
      return raw(call.files().insert(std::move(*file), close_on_exec(request.flags)));
    }
    if (follows || !node->is_link()) *path = node->host_path();
  }
  int directory = request.directory;
  OpenFileRef held;
  if (directory != AT_FDCWD) {
    auto file = call.files().get(directory);
    if (file) held = *file;
    directory = file ? held->host_fd() : -1;
  }
  const auto name = own_terminal_path(call, std::move(*path));
  if (!name) return -ENXIO;
  const std::int64_t fd = host_open(directory, name->c_str());
  if (fd < 0) return fd;
  auto file = opened_file(call, static_cast<int>(fd), request.flags);
  if (!file) return raw(file.error());
  if ((request.flags & O_TRUNC) != 0) {
    if (const std::int64_t followed = follow_size(call, **file, 0); followed < 0) return followed;
  }
  return raw(call.files().insert(std::move(*file), close_on_exec(request.flags)));
}

std::int64_t open_at(Call& call, const OpenRequest& request) {
  return open_with(call, request, [&](int directory, const char* path) {
    return call.host(SYS_openat,
                     {static_cast<std::uint64_t>(directory), reinterpret_cast<std::uint64_t>(path),
                      request.flags | kOurs, request.mode});
  });
}

}  // namespace

std::int64_t sys_open(Call& call) {
  return open_at(call, {.path_argument = 0, .flags = call.word(1), .mode = call[2]});
}

std::int64_t sys_creat(Call& call) {
  return open_at(call, {.flags = O_CREAT | O_WRONLY | O_TRUNC, .mode = call[1]});
}

std::int64_t sys_openat(Call& call) {
  return open_at(
      call,
      {.directory = call.integer(0), .path_argument = 1, .flags = call.word(2), .mode = call[3]});
}

std::int64_t sys_openat2(Call& call) {
  constexpr std::size_t kOldest = 24;  // OPEN_HOW_SIZE_VER0
  auto request = load_extensible<open_how>(call, call.address(2), call[3], kOldest);
  if (!request) return raw(request.error());
  return open_with(call,
                   {.directory = call.integer(0),
                    .path_argument = 1,
                    .flags = request->flags,
                    .mode = request->mode},
                   [&](int directory, const char* path) {
                     request->flags |= (request->flags & O_PATH) != 0 ? O_CLOEXEC : kOurs;
                     return call.host(SYS_openat2, {static_cast<std::uint64_t>(directory),
                                                    reinterpret_cast<std::uint64_t>(path),
                                                    reinterpret_cast<std::uint64_t>(&*request),
                                                    sizeof(*request)});
                   });
}

}  // namespace gonzo

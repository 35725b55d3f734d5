// execve(2), execveat(2): the strings out of guest memory. Linux: fs/exec.c.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <climits>

#include "kernel/exec.h"
#include "kernel/program_file.h"
#include "syscall/guest_path.h"
#include "syscall/handlers.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

constexpr std::size_t kLongestString = 32 * kPageSize;  // Linux: MAX_ARG_STRLEN
constexpr std::uint64_t kMostBytes = 6ULL << 20;        // Linux: 3/4 of _STK_LIM

/// A vector of strings that ends with a null pointer; a null vector is an empty one. E2BIG, EFAULT.
Result<std::vector<std::string>> load_strings(Call& call, unsigned argument, std::uint64_t& bytes) {
  std::vector<std::string> strings;
  if (call.is_null(argument)) return strings;
  for (VirtAddr at = call.address(argument);; at += long_bytes(call.layout)) {
    using Pointer = std::array<std::int64_t, 1>;
    GONZO_ASSIGN(const auto pointer, load_longs<Pointer>(call, at));
    if (pointer[0] == 0) return strings;
    const VirtAddr start(call.is_i386() ? static_cast<std::uint32_t>(pointer[0])
                                        : static_cast<std::uint64_t>(pointer[0]));
    auto text = call.memory().copy_in_string(start, kLongestString);
    if (!text) return fail(text.error() == Errno::kNameTooLong ? Errno::k2Big : text.error());
    bytes += text->size() + 1 + sizeof(std::uint64_t);
    if (bytes > kMostBytes) return fail(Errno::k2Big);
    strings.push_back(std::move(*text));
  }
}

/// argv and, in the argument after it, envp.
Result<void> load_strings(Call& call, unsigned argument, ExecRequest& request) {
  std::uint64_t bytes = 0;
  GONZO_ASSIGN(request.arguments, load_strings(call, argument, bytes));
  GONZO_ASSIGN(request.environment, load_strings(call, argument + 1, bytes));
  return {};
}

std::int64_t exec(Call& call, std::string path, unsigned arguments, std::string shown) {
  ExecRequest request{.path = std::move(path), .shown_path = std::move(shown)};
  if (const auto loaded = load_strings(call, arguments, request); !loaded) {
    // What is wrong with the file comes first.
    const auto program = open_program(request.path, {});
    return raw(program ? loaded.error() : program.error().error);
  }
  const auto done = exec_task(call.task, request);
  // The new program's registers are in place; a process that dies of it never looks.
  if (!done) return raw(done.error().error);
  return static_cast<std::int64_t>(call.task.registers().rax);
}

Result<std::string> load_path(Call& call, unsigned argument) {
  return call.memory().copy_in_string(call.address(argument), PATH_MAX);
}

}  // namespace

std::int64_t sys_execve(Call& call) {
  const auto path = load_path(call, 0);
  if (!path) return raw(path.error());
  return exec(call, host_path(call, AT_FDCWD, *path), 1, *path);
}

std::int64_t sys_execveat(Call& call) {
  const int flags = call.integer(4);
  if ((flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0) return -EINVAL;
  const auto path = load_path(call, 1);
  if (!path) return raw(path.error());
  if (!path->empty() && (path->front() == '/' || call.integer(0) == AT_FDCWD)) {
    return exec(call, host_path(call, AT_FDCWD, *path), 2, *path);
  }
  if (path->empty() && (flags & AT_EMPTY_PATH) == 0) return -ENOENT;
  const auto file = call.file(0);
  if (!file) return raw(file.error());
  // Linux names such a program so (bprm->fdpath).
  std::string shown = fmt::format("/dev/fd/{}", call.integer(0));
  std::string place = fmt::format("/proc/self/fd/{}", (*file)->host_fd());
  if (!path->empty()) {
    shown += '/' + *path;
    place += '/' + *path;
  }
  return exec(call, std::move(place), 2, std::move(shown));
}

}  // namespace gonzo

#include "base/find_program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace gonzo {

namespace {

/// confstr(_CS_PATH), as execvp takes it when PATH is not set.
constexpr std::string_view kDefaultPath = "/bin:/usr/bin";

bool is_file(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode);
}

}  // namespace

Result<std::string> find_program(const std::string& name) {
  if (name.empty()) return fail(Errno::kNoEnt);
  if (name.find('/') != std::string::npos) return name;
  const char* set = std::getenv("PATH");
  std::string_view rest = set != nullptr ? set : kDefaultPath;
  Errno error = Errno::kNoEnt;
  for (;;) {
    const auto end = rest.find(':');
    const std::string_view directory = rest.substr(0, end);
    // An empty entry is the working directory.
    std::string candidate = directory.empty() ? "./" + name : std::string(directory) + "/" + name;
    if (is_file(candidate)) {
      if (access(candidate.c_str(), X_OK) == 0) return candidate;
      error = Errno::kAcces;
    }
    if (end == std::string_view::npos) return fail(error);
    rest.remove_prefix(end + 1);
  }
}

}  // namespace gonzo

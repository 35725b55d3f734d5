#include "syscall/new_descriptor.h"

#include <unistd.h>

namespace gonzo {

Result<int> move_or_close(int host_fd) {
  const auto high = move_high(host_fd);
  if (!high) ::close(host_fd);
  return high;
}

Result<OpenFileRef> new_open_file(int host_fd) {
  GONZO_ASSIGN(const int high, move_or_close(host_fd));
  return std::make_shared<OpenFile>(high);
}

Result<int> new_descriptor(FileTable& files, int host_fd, CloseOnExec cloexec) {
  GONZO_ASSIGN(OpenFileRef file, new_open_file(host_fd));
  return files.insert(std::move(file), cloexec);
}

}  // namespace gonzo

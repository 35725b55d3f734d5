#include "kernel/open_file.h"

#include <unistd.h>

#include "kernel/file_table.h"

namespace gonzo {

OpenFile::~OpenFile() {
  for (const auto& [number, copy] : more_in_epoll_) ::close(copy);
  ::close(host_fd_);
}

Result<int> OpenFile::host_fd_in_epoll(int number) {
  const LockGuard guard(epoll_lock_);
  if (!first_in_epoll_) first_in_epoll_ = number;
  if (*first_in_epoll_ == number) return host_fd_;
  const auto found = more_in_epoll_.find(number);
  if (found != more_in_epoll_.end()) return found->second;
  GONZO_ASSIGN(const int copy, duplicate_high(host_fd_));
  more_in_epoll_.emplace(number, copy);
  return copy;
}

}  // namespace gonzo

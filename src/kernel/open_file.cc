#include "kernel/open_file.h"

#include <unistd.h>

#include <utility>

#include "kernel/file_table.h"

namespace gonzo {

OpenFile::~OpenFile() { close_host(); }

void OpenFile::close_host() {
  const LockGuard guard(epoll_lock_);
  for (const auto& [number, copy] : more_in_epoll_) ::close(copy);
  more_in_epoll_.clear();
  if (host_fd_ >= 0) ::close(std::exchange(host_fd_, -1));
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

#include "kernel/signal_file.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "kernel/file_table.h"
#include <gonzo/base/check.h>

namespace gonzo {

Result<std::shared_ptr<SignalFile>> SignalFile::create(SignalSet mask, int status_flags) {
  const int made = ::eventfd(0, EFD_CLOEXEC | (status_flags & O_NONBLOCK));
  if (made < 0) return fail_from_host();
  const auto high = move_high(made);
  return std::make_shared<SignalFile>(high ? *high : made, mask);
}

void SignalFile::show(SignalSet pending, SignalSet arrived) {
  const LockGuard guard(lock_);
  const bool ready = (pending & mask()) != 0;
  std::uint64_t count = 1;
  if (ready && (!is_readable_ || (arrived & mask()) != 0)) {
    GONZO_CHECK(::write(host_fd(), &count, sizeof count) == sizeof count);
  } else if (!ready && is_readable_) {
    GONZO_CHECK(::read(host_fd(), &count, sizeof count) == sizeof count);
  }
  is_readable_ = ready;
}

void SignalFiles::add(const std::shared_ptr<SignalFile>& file) {
  const LockGuard guard(lock_);
  std::erase_if(files_, [](const auto& each) { return each.expired(); });
  files_.push_back(file);
  count_.store(files_.size());
}

void SignalFiles::show(FunctionRef<SignalSet()> pending, SignalSet arrived) {
  const LockGuard guard(lock_);
  const SignalSet now = pending();
  for (const auto& each : files_) {
    if (const auto file = each.lock()) file->show(now, arrived);
  }
}

}  // namespace gonzo

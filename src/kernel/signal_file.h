// signalfd(2)'s files. Linux: fs/signalfd.c.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "kernel/open_file.h"
#include "kernel/signal_info.h"
#include <gonzo/base/function_ref.h>
#include <gonzo/base/lock.h>

namespace gonzo {

/// Behind it stands an eventfd of the host, readable while one of its signals pends: for poll,
/// select and epoll. Thread-safe.
class SignalFile final : public OpenFile {
 public:
  /// `status_flags`: O_NONBLOCK or 0. EMFILE.
  static Result<std::shared_ptr<SignalFile>> create(SignalSet mask, int status_flags);
  /// `event_fd` is not readable.
  SignalFile(int event_fd, SignalSet mask) : OpenFile(event_fd), mask_(mask) {}

  SignalFile* signal_file() override { return this; }
  SignalSet mask() const { return mask_.load(); }
  /// Process::signals_changed must be called after it.
  void set_mask(SignalSet mask) { mask_.store(mask); }
  /// What pends now, and what of it is new: an edge for epoll.
  void show(SignalSet pending, SignalSet arrived) GONZO_EXCLUDES(lock_);

 private:
  std::atomic<SignalSet> mask_;
  Mutex lock_;
  bool is_readable_ GONZO_GUARDED_BY(lock_) = false;
};

/// Those that a process made. Thread-safe.
class SignalFiles {
 public:
  void add(const std::shared_ptr<SignalFile>& file) GONZO_EXCLUDES(lock_);
  bool empty() const { return count_.load() == 0; }
  /// `pending` is asked under the lock, so that the last to ask is the last to show.
  void show(FunctionRef<SignalSet()> pending, SignalSet arrived) GONZO_EXCLUDES(lock_);

 private:
  Mutex lock_;
  std::vector<std::weak_ptr<SignalFile>> files_ GONZO_GUARDED_BY(lock_);
  std::atomic<std::size_t> count_{0};
};

}  // namespace gonzo

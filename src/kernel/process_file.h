// A descriptor that stands for a process or a thread. Linux: kernel/pid.c, fs/pidfs.c.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernel/kernel_file.h"
#include <gonzo/base/lock.h>

namespace gonzo {

class Process;

/// Behind it stands the reading end of a pipe of the host: with a byte in it once the process has
/// ended, without a writer once it has been waited for. So poll, select and epoll see what Linux
/// lets them see. Thread-safe.
class ProcessFile final : public KernelFile {
 public:
  enum class Of : std::uint8_t { kProcess, kThread };  ///< kThread: PIDFD_THREAD

  /// `status_flags`: O_NONBLOCK or 0. EMFILE.
  static Result<std::shared_ptr<ProcessFile>> create(const std::shared_ptr<Process>& process,
                                                     int id, Of of, int status_flags);
  ProcessFile(int read_end, int write_end, const std::shared_ptr<Process>& process, int id, Of of);
  ~ProcessFile() override;

  ProcessFile* process_file() override { return this; }
  std::string name() const override { return "anon_inode:[pidfd]"; }
  int status_flags(int host_flags) const override;
  void amend_stat(struct stat& status) const override;

  Of of() const { return of_; }
  /// Of the process or thread.
  int id() const { return id_; }
  /// Null once it has been waited for.
  std::shared_ptr<Process> process() const GONZO_EXCLUDES(end_lock_);

  void ended() GONZO_EXCLUDES(end_lock_);
  /// Waited for: the number means it no longer.
  void gone() GONZO_EXCLUDES(end_lock_);

 protected:
  SeekKind seek_kind() const override { return SeekKind::kNone; }

 private:
  const std::weak_ptr<Process> process_;
  const int id_;
  const Of of_;
  mutable Mutex end_lock_;
  int write_end_ GONZO_GUARDED_BY(end_lock_);
  bool has_ended_ GONZO_GUARDED_BY(end_lock_) = false;
};

/// Those of a process and its threads. Thread-safe.
class ProcessFiles {
 public:
  void add(const std::shared_ptr<ProcessFile>& file) GONZO_EXCLUDES(lock_);
  /// The whole process; a thread.
  void process_ended() GONZO_EXCLUDES(lock_);
  void thread_ended(int tid) GONZO_EXCLUDES(lock_);
  /// Waited for, or nobody waits.
  void process_gone() GONZO_EXCLUDES(lock_);
  void thread_gone(int tid) GONZO_EXCLUDES(lock_);

 private:
  template <typename Matches, typename Tell>
  void tell(Matches matches, Tell tell) GONZO_EXCLUDES(lock_);

  Mutex lock_;
  std::vector<std::weak_ptr<ProcessFile>> files_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo

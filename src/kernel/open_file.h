// An open file description. Linux: struct file.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>

namespace gonzo {

class KernelFile;
class ProcessFile;
class SignalFile;
class TerminalMaster;

/// In the layout of struct f_owner_ex (fcntl.h), whose type is an enum that a guest need not keep
/// to.
struct FileOwner {
  int type = 0;    ///< F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP
  int number = 0;  ///< the guest's; 0: nobody
};

/// Owns one host descriptor; guest descriptors that dup() each other share one OpenFile.
/// Thread-safe.
class OpenFile {
 public:
  /// Takes ownership of `host_fd`, which is moved out of the way of guest numbers by the caller.
  explicit OpenFile(int host_fd) : host_fd_(host_fd) {}
  virtual ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int host_fd() const { return host_fd_; }
  /// By which an epoll set knows the guest's descriptor `number` of this description. A set takes
  /// a description once for each number (Linux: struct epoll_filefd). EMFILE.
  Result<int> host_fd_in_epoll(int number) GONZO_EXCLUDES(epoll_lock_);
  /// Null where the host reads and writes.
  virtual KernelFile* kernel_file() { return nullptr; }
  /// Null where it is not signalfd's.
  virtual SignalFile* signal_file() { return nullptr; }
  /// Null where it is not a pidfd.
  virtual ProcessFile* process_file() { return nullptr; }
  /// Null where it is not a pseudo-terminal's that a guest made.
  virtual TerminalMaster* terminal_master() { return nullptr; }
  /// What /proc/PID/fd says, if the host would say something else; else empty.
  virtual std::string name() const { return {}; }
  /// What F_GETFL tells, of what the host's descriptor has.
  virtual int status_flags(int host_flags) const { return host_flags; }
  FileOwner owner() const { return owner_.load(); }
  void set_owner(FileOwner owner) { owner_.store(owner); }
  /// Where fstat must tell another story than the host's descriptor (a directory's size).
  virtual void amend_stat(struct stat&) const {}

 protected:
  /// Where something must happen after the last close. Nothing else works from then on.
  void close_host();

 private:
  int host_fd_;  ///< -1: closed already
  std::atomic<FileOwner> owner_;
  Mutex epoll_lock_;
  /// The first number stands for host_fd_; each other has a copy of its own.
  std::optional<int> first_in_epoll_ GONZO_GUARDED_BY(epoll_lock_);
  std::map<int, int> more_in_epoll_ GONZO_GUARDED_BY(epoll_lock_);
};

using OpenFileRef = std::shared_ptr<OpenFile>;

}  // namespace gonzo

// The nearly empty process from which guests' processes are cloned.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "machine/host/context_slots.h"
#include "machine/host/stub_link.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/base/thread_annotations.h>

namespace gonzo {

/// A fork of the runner would copy the runner's tables each time and then unmap them; the zygote
/// does that once. It clones with CLONE_PARENT, so that its children are the runner's to reap.
///
/// "The parent's death" (PR_SET_PDEATHSIG) means the thread that forked the zygote. A thread of our
/// own forks it and lives as long as the machine, so callers may come and go. Thread-safe.
class Zygote {
 public:
  /// EAGAIN, ENOMEM, or what else clone(2) or memfd_create(2) gave.
  static Result<std::unique_ptr<Zygote>> create(ContextSlots& slots, int arena_fd,
                                                SpinPolicy policy);
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  /// A new process whose first thread starts on `slot`, whose mailbox was prepared. The caller
  /// reaps it. EAGAIN, ENOMEM from clone(2); ESRCH: somebody killed the zygote.
  Result<pid_t> spawn(std::uint32_t slot) GONZO_EXCLUDES(mutex_);

  /// kill(2), or tgkill(2) where `thread` is not 0, to a process that it spawned. A caller that
  /// runs for a guest which is another user now may lack the right: then a thread does it that has
  /// kept the runner's, soon.
  void send_signal(pid_t process, pid_t thread, int signal) GONZO_EXCLUDES(mutex_);

  /// Kills a process that it spawned, and reaps it.
  void end(pid_t process) GONZO_EXCLUDES(mutex_);

  /// Fills in what every mailbox carries, for a thread to start on it.
  void prepare(gonzo_mailbox& mailbox) const;
  /// The same for a thread that waits on it, after a guest that may have written to it.
  void prepare_again(gonzo_mailbox& mailbox, std::uint32_t slot) const;

 private:
  enum class Keeper : std::uint8_t { kLaunching, kLaunched, kStopping };

  Zygote(ContextSlots& slots, int arena_fd, FileDescriptor text);
  void fill_in(gonzo_mailbox& mailbox) const;
  Result<void> start(SpinPolicy policy) GONZO_EXCLUDES(mutex_);
  /// The thread that the processes die with.
  void keep() GONZO_EXCLUDES(mutex_);

  struct Signal {
    pid_t process, thread;
    int number;
  };
  static int send(const Signal& signal);

  ContextSlots& slots_;
  const int arena_fd_;
  FileDescriptor text_;
  bool has_fsgsbase_;

  Mutex mutex_;
  std::condition_variable_any changed_;
  Keeper keeper_ GONZO_GUARDED_BY(mutex_) = Keeper::kLaunching;
  long process_ GONZO_GUARDED_BY(mutex_) = 0;  ///< or -errno
  std::optional<StubLink> link_ GONZO_GUARDED_BY(mutex_);
  std::vector<Signal> signals_ GONZO_GUARDED_BY(mutex_);  ///< for the keeper to send
  std::thread thread_;
};

}  // namespace gonzo

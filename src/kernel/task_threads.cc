#include "kernel/task_threads.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>
#include <tuple>

#include "kernel/exit.h"
#include "kernel/kick.h"
#include "kernel/system.h"
#include <gonzo/base/processor_binding.h>

namespace gonzo {
namespace {

/// The deepest calls of the runner take a few ten kilobytes, in a build with sanitizers many more.
constexpr std::size_t kStackBytes = 1 << 20;

/// What a task's thread does not block: its own faults, the kick, and what stops the runner when it
/// touches a terminal that is not its own.
void unblock_own_signals() {
  sigset_t own;
  sigemptyset(&own);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTTIN, SIGTTOU, kKickSignal})
    sigaddset(&own, signal);
  pthread_sigmask(SIG_UNBLOCK, &own, nullptr);
}

class ThreadAttributes {
 public:
  ThreadAttributes() {
    pthread_attr_init(&attributes_);
    pthread_attr_setstacksize(&attributes_, kStackBytes);
  }
  ~ThreadAttributes() { pthread_attr_destroy(&attributes_); }
  ThreadAttributes(const ThreadAttributes&) = delete;
  ThreadAttributes& operator=(const ThreadAttributes&) = delete;
  const pthread_attr_t* get() const { return &attributes_; }

 private:
  pthread_attr_t attributes_{};
};

}  // namespace

struct TaskThreads::Life {
  TaskThreads& threads;
  Start start;
};

void TaskThreads::prepare(SyscallHandler& syscalls, ProcessObserver* observer) {
  syscalls_ = &syscalls;
  observer_ = observer;
  main_thread_ = gettid();
  install_kick();
}

Result<void> TaskThreads::start(Start start) {
  reap();
  {
    const LockGuard guard(lock_);
    ++running_;
  }
  auto life = std::make_unique<Life>(*this, std::move(start));
  const ThreadAttributes attributes;
  unbind_from_processor();  // else the new one would be
  pthread_t thread{};
  if (pthread_create(&thread, attributes.get(), &TaskThreads::run, life.get()) != 0) {
    const LockGuard guard(lock_);
    --running_;
    return fail(Errno::kAgain);
  }
  std::ignore = life.release();
  return {};
}

void* TaskThreads::run(void* life) {
  const std::unique_ptr<Life> own(static_cast<Life*>(life));
  TaskThreads& threads = own->threads;
  threads.live(own->start);
  // What the main thread waits for: the end of the first process, and of all.
  bool matters = own->start.task->process().pid() == kFirstProcess;
  own->start.task.reset();
  {
    const LockGuard guard(threads.lock_);
    threads.ended_.push_back(pthread_self());
    matters |= --threads.running_ == 0;
  }
  if (matters) threads.tell_main();
  return nullptr;
}

void TaskThreads::live(const Start& start) {
  Task& task = *start.task;
  task.set_host_thread(gettid());
  if (start.directory == Directory::kOwn) unshare(CLONE_FS);
  unblock_own_signals();
  const StallClock::Task counted(task.process().system().memory().stalls());
  if (start.child_tid.value != 0) std::ignore = task.memory().store(start.child_tid, task.tid());
  RunCounters counters;
  run_task(task, *syscalls_, counters);
  {
    const LockGuard guard(lock_);
    counters_.add(counters);
  }
  end_task(task);
}

void TaskThreads::reap() {
  std::vector<pthread_t> ended;
  {
    const LockGuard guard(lock_);
    ended.swap(ended_);
  }
  for (const pthread_t thread : ended) pthread_join(thread, nullptr);
}

void TaskThreads::tell_main() { kick(main_thread_); }

std::size_t TaskThreads::running() const {
  const LockGuard guard(lock_);
  return running_;
}

RunCounters TaskThreads::counters() const {
  const LockGuard guard(lock_);
  return counters_;
}

}  // namespace gonzo

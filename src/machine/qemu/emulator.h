// A process of qemu-system-x86's with one processor, whose memory is the arena.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include <gonzo/base/file_descriptor.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/base/thread_annotations.h>
#include <gonzo/machine/qemu_machine.h>

namespace gonzo {

/// It ends with this object, and with the runner, however that ends. Thread-safe.
class Emulator {
 public:
  struct Plan {
    std::string program;  ///< its path
    QemuMachineOptions::Accelerator accelerator = QemuMachineOptions::Accelerator::kTcg;
    int arena_fd = -1;
    std::uint64_t arena_bytes = 0;
    /// The last page below 1 MiB and below 4 GiB.
    std::span<const std::byte> rom;
  };
  /// Why QEMU could not run our guests with it on this host; empty: it can, or is to be tried.
  static std::string obstacle(QemuMachineOptions::Accelerator accelerator);
  /// EAGAIN, ENOMEM, EMFILE: the host refused. What QEMU itself thinks of it comes later.
  static Result<std::unique_ptr<Emulator>> start(const Plan& plan);
  ~Emulator();
  Emulator(const Emulator&) = delete;
  Emulator& operator=(const Emulator&) = delete;

  /// The runner's end of the serial line, a socket: the end of the file means that QEMU is gone.
  int line() const { return line_.get(); }
  /// A byte for the processor, whose interrupt it is. Async-signal-safe.
  void ring() const;
  /// Kills it, and waits for its end.
  void end() GONZO_EXCLUDES(mutex_);
  /// The last line that it wrote before it ended, or how it ended. After its end.
  std::string last_words() GONZO_EXCLUDES(mutex_);

 private:
  enum class State : std::uint8_t { kLaunching, kRunning, kEnded };

  Emulator() = default;
  /// Launches and reaps it: "the parent's death", which ends it too (PR_SET_PDEATHSIG), means that
  /// of the thread that launched it.
  void keep(const Plan& plan, int rom, int line) GONZO_EXCLUDES(mutex_);

  FileDescriptor line_, complaints_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  State state_ GONZO_GUARDED_BY(mutex_) = State::kLaunching;
  long process_ GONZO_GUARDED_BY(mutex_) = 0;  ///< or -errno
  int status_ GONZO_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace gonzo

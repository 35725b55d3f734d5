// One run of a program on a machine of its own, in a child process.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "cli/curve/report.h"
#include "cli/curve/scratch_file.h"
#include "cli/options.h"
#include <gonzo/base/function_ref.h>
#include <gonzo/base/result.h>

namespace gonzo {

/// Where a program reads from: the same for each run.
class TrialInput {
 public:
  /// Standard input, a file from where it stands now on; a terminal counts as /dev/null. What is
  /// wrong with it, for the user: a pipe cannot be read twice.
  static std::expected<TrialInput, std::string> take();
  /// The descriptor, rewound.
  int rewound() const;

 private:
  int fd_ = -1;
  std::int64_t start_ = 0;
  bool is_file_ = false;
};

/// The end of one run.
struct Trial {
  enum class Kind : std::uint8_t {
    kEnded,   ///< `status` and `measurement` are the program's
    kFailed,  ///< Gonzo could not run it: `status` as gonzo run's, `problem` what it said
    kTimeout,
    kStopped,  ///< a signal asked this process to end: `status` is its number
  };
  Kind kind = Kind::kEnded;
  int status = 0;
  Measurement measurement;
  std::string problem;  ///< the last line on standard error
};

/// Runs trials one after the other. SIGINT, SIGTERM and SIGHUP are kept from this process while it
/// lives: they end a trial. Single-threaded, as its user must be.
class TrialRunner {
 public:
  /// What the host answers to making temporary files.
  static Result<std::unique_ptr<TrialRunner>> create(TrialInput input);
  ~TrialRunner();
  TrialRunner(const TrialRunner&) = delete;
  TrialRunner& operator=(const TrialRunner&) = delete;

  /// `tick` is called about five times a second. A duration of 0: as long as it takes. EAGAIN,
  /// ENOMEM: there is no process for it.
  Result<Trial> run(const RunOptions& options, std::chrono::nanoseconds timeout,
                    FunctionRef<void()> tick);
  /// Of the last trial.
  const ScratchFile& output() const { return output_; }
  /// The same, to keep; the next trial gets another. What the host answers to making that.
  Result<ScratchFile> take_output();

 private:
  TrialRunner(TrialInput input, ScratchFile output, ScratchFile errors, ScratchFile figures);
  [[noreturn]] void execute(const RunOptions& options);
  Trial await(int child, std::chrono::nanoseconds timeout, FunctionRef<void()> tick);
  void read_end(int wait_status, Trial& trial) const;

  TrialInput input_;
  ScratchFile output_, errors_, figures_;
  sigset_t awaited_{}, mask_before_{};
};

}  // namespace gonzo

#include "cli/curve/trial.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/exit_codes.h"
#include "cli/run.h"

namespace gonzo {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr std::chrono::milliseconds kTick{200};
/// What a program gets to put its affairs in order.
constexpr std::chrono::seconds kGrace{3};

timespec to_timespec(nanoseconds time) {
  constexpr long kSecond = 1'000'000'000;
  return {.tv_sec = time.count() / kSecond, .tv_nsec = time.count() % kSecond};
}

/// "gonzo: machine of 1M: not enough memory": the complaint.
std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  if (const auto end = text.rfind('\n'); end != std::string::npos) text.erase(0, end + 1);
  if (text.starts_with("gonzo: ")) text.erase(0, 7);
  return text;
}

Measurement measurement_of(const nlohmann::json& stats) {
  const auto& time = stats.at("time_ns");
  const auto& stall = stats.at("memory_stall_ns");
  return {.real = nanoseconds(time.at("real").get<std::int64_t>()),
          .minor_faults = stats.at("faults").at("minor"),
          .major_faults = stats.at("faults").at("major"),
          .swapped_in = stats.at("swap").at("pswpin"),
          .swapped_out = stats.at("swap").at("pswpout"),
          .stalled_some = nanoseconds(stall.at("some").get<std::int64_t>()),
          .stalled_full = nanoseconds(stall.at("full").get<std::int64_t>()),
          .peak_bytes = stats.at("frames").at("peak_used").get<std::uint64_t>() * kPageSize,
          .reclaimed = stats.at("reclaim").at("pgsteal")};
}

}  // namespace

// ---- input ----

namespace {

std::string unusable() {
  return fmt::format("standard input: {}", errno_text(fail_from_host().error()));
}

}  // namespace

std::expected<TrialInput, std::string> TrialInput::take() {
  TrialInput input;
  struct stat status{};
  const bool is_open = fstat(STDIN_FILENO, &status) == 0;
  if (is_open && S_ISREG(status.st_mode)) {
    input.is_file_ = true;
    input.fd_ = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    input.start_ = lseek(STDIN_FILENO, 0, SEEK_CUR);
    if (input.fd_ >= 0 && input.start_ >= 0) return input;
    return std::unexpected(unusable());
  }
  if (is_open && !S_ISCHR(status.st_mode)) {
    return std::unexpected(
        "standard input cannot be read once for each run: give a file, or </dev/null");
  }
  const bool is_device = is_open && isatty(STDIN_FILENO) == 0;
  input.fd_ = is_device ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                        : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (input.fd_ < 0) return std::unexpected(unusable());
  return input;
}

int TrialInput::rewound() const {
  if (is_file_) lseek(fd_, start_, SEEK_SET);
  return fd_;
}

// ---- runs ----

Result<std::unique_ptr<TrialRunner>> TrialRunner::create(TrialInput input) {
  GONZO_ASSIGN(ScratchFile output, ScratchFile::create());
  GONZO_ASSIGN(ScratchFile errors, ScratchFile::create());
  GONZO_ASSIGN(ScratchFile figures, ScratchFile::create());
  return std::unique_ptr<TrialRunner>(
      new TrialRunner(input, std::move(output), std::move(errors), std::move(figures)));
}

TrialRunner::TrialRunner(TrialInput input, ScratchFile output, ScratchFile errors,
                         ScratchFile figures)
    : input_(input),
      output_(std::move(output)),
      errors_(std::move(errors)),
      figures_(std::move(figures)) {
  // Were it ignored, children would leave no status.
  std::signal(SIGCHLD, SIG_DFL);
  sigemptyset(&awaited_);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&awaited_, signal);
  sigprocmask(SIG_BLOCK, &awaited_, &mask_before_);
}

TrialRunner::~TrialRunner() { sigprocmask(SIG_SETMASK, &mask_before_, nullptr); }

Result<Trial> TrialRunner::run(const RunOptions& options, nanoseconds timeout,
                               FunctionRef<void()> tick) {
  for (ScratchFile* file : {&output_, &errors_, &figures_}) GONZO_TRY(file->empty());
  std::fflush(nullptr);
  const int parent = getpid();
  const int child = fork();
  if (child < 0) return fail_from_host();
  if (child == 0) {
    // The terminal's signals are for the parent, whose end is the child's.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(exit_code::kOwnFailure);
    execute(options);
  }
  return await(child, timeout, tick);
}

Result<ScratchFile> TrialRunner::take_output() {
  GONZO_ASSIGN(ScratchFile fresh, ScratchFile::create());
  std::swap(fresh, output_);
  return fresh;
}

void TrialRunner::execute(const RunOptions& options) {
  dup2(input_.rewound(), STDIN_FILENO);
  dup2(output_.fd(), STDOUT_FILENO);
  dup2(errors_.fd(), STDERR_FILENO);
  sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
  RunOptions own = options;
  own.stats = StatsFormat::kJson;
  own.stats_fd = figures_.fd();
  const int status = run_program(own);
  std::fflush(nullptr);
  // Nothing of the parent's is undone here.
  _exit(status);
}

Trial TrialRunner::await(int child, nanoseconds timeout, FunctionRef<void()> tick) {
  Trial trial;
  const auto start = Clock::now();
  std::optional<Clock::time_point> killed;
  const auto end_it = [&](Trial::Kind why, int status) {
    // A second request, or no answer: at once.
    ::kill(child, killed ? SIGKILL : SIGTERM);
    if (killed) return;
    killed = Clock::now();
    trial.kind = why;
    trial.status = status;
  };
  for (;;) {
    int wait_status = 0;
    if (waitpid(child, &wait_status, WNOHANG) == child) {
      if (!killed) read_end(wait_status, trial);
      return trial;
    }
    const auto now = Clock::now();
    if (killed && now - *killed > kGrace) {
      ::kill(child, SIGKILL);
    } else if (!killed && timeout.count() != 0 && now - start > timeout) {
      end_it(Trial::Kind::kTimeout, 0);
    }
    tick();
    const timespec limit = to_timespec(kTick);
    const int signal = sigtimedwait(&awaited_, nullptr, &limit);
    if (signal > 0 && signal != SIGCHLD) end_it(Trial::Kind::kStopped, signal);
  }
}

void TrialRunner::read_end(int wait_status, Trial& trial) const {
  constexpr std::size_t kMostErrors = 4096, kMostFigures = 1 << 16;
  trial.problem = last_line(errors_.tail(kMostErrors));
  const auto stats = nlohmann::json::parse(figures_.tail(kMostFigures), nullptr, false);
  if (!WIFEXITED(wait_status) || stats.is_discarded()) {
    trial.kind = Trial::Kind::kFailed;
    trial.status = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) != 0
                       ? WEXITSTATUS(wait_status)
                       : exit_code::kOwnFailure;
    if (trial.problem.empty()) trial.problem = "gonzo run ended without a word";
    return;
  }
  trial.status = WEXITSTATUS(wait_status);
  trial.measurement = measurement_of(stats);
}

}  // namespace gonzo

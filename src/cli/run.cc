#include "cli/run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/find_program.h"
#include "cli/end_report.h"
#include "cli/exit_codes.h"
#include "cli/say.h"
#include "cli/stats.h"
#include "cli/temporary_directory.h"
#include "kernel/exec.h"
#include "kernel/host_signals.h"
#include "kernel/inheritance.h"
#include "kernel/process_table.h"
#include "kernel/system.h"
#include "kernel/task_threads.h"
#include "observe/control_server.h"
#include "syscall/symbols.h"
#include "syscall/syscalls.h"
#include "syscall/trace.h"
#include <gonzo/base/bytes.h>
#include <gonzo/base/check.h>
#include <gonzo/cache/page_cache.h>
#include <gonzo/swap/swap_text.h>

namespace gonzo {

namespace {

constexpr unsigned kMostStreamAround = 512;

int own_failure(std::string_view what, Errno error, std::string_view remedy = {}) {
  say(fmt::format("{}: {}{}{}", what, errno_text(error), remedy.empty() ? "" : ": ", remedy));
  return exit_code::kOwnFailure;
}

int cannot_execute(Errno error, const std::string& text) {
  say(text);
  return error == Errno::kNoEnt ? exit_code::kNotFound : exit_code::kNotExecutable;
}

std::vector<std::string> environment() {
  std::vector<std::string> strings;
  for (char** entry = environ; *entry != nullptr; ++entry) strings.emplace_back(*entry);
  return strings;
}

Result<std::unique_ptr<Trace>> open_trace(const std::string& file) {
  const int fd = file == "-" ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                             : ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return fail_from_host();
  GONZO_ASSIGN(const int high, move_high(fd));
  return std::make_unique<Trace>(high);
}

/// The same of what all processes share, when the last has ended.
std::string check_machine([[maybe_unused]] System& system) {
#ifndef NDEBUG
  if (std::string wrong = system.page_cache().verify(); !wrong.empty()) return wrong;
  if (std::string wrong = system.reclaimer().verify(); !wrong.empty()) return wrong;
  if (system.swap() != nullptr) return system.swap()->verify();
#endif
  return {};
}

Result<void> start_first(System& system, const std::shared_ptr<Process>& process,
                         const ExecResult& at, std::uint64_t fail_frame) {
  GONZO_ASSIGN(std::shared_ptr<Task> task, Task::create(*process, kFirstProcess, at));
  system.frames().fail_nth(fail_frame);
  system.processes().add_first(process, controlling_terminal());
  process->start_cpu_limit();
  system.processes().add_task(task);
  return system.tasks().start({.task = std::move(task)});
}

void write_stats(const RunOptions& options, const RunStats& stats) {
  const std::string text = options.stats == StatsFormat::kJson ? stats.json() : stats.text();
  if (options.stats_fd) {
    std::ignore = ::write(*options.stats_fd, text.data(), text.size());
  } else {
    fmt::print(stderr, "{}", text);
  }
}

/// The whole life of the program and of all that it starts.
int run_in(System& system, const RunOptions& options, const std::string& path,
           Inheritance inheritance, const Trace* trace) {
  GONZO_CHECK(system.processes().reserve_id() == kFirstProcess);
  const auto syscalls = Syscalls::create(trace);
  if (!syscalls) return own_failure("cannot start", syscalls.error());
  const auto signals = HostSignals::install(system);
  EndReport report(options, trace);
  system.tasks().prepare(**syscalls, &report);

  auto process = Process::create(system, kFirstProcess, inheritance);
  // From here on the guest's close is the last: who reads its pipe must see the end.
  inheritance.descriptors.clear();
  if (!process) {
    if (const std::string why = system.machine().failure(); !why.empty()) {
      say(fmt::format("cannot make a process: {}", why));
      return exit_code::kOwnFailure;
    }
    return own_failure("cannot make a process", process.error());
  }
  std::unique_ptr<ControlServer> control;
  if (options.control) {
    auto listening = ControlServer::listen(system);
    if (!listening) return own_failure("--control: cannot listen", listening.error());
    control = std::move(*listening);
  }
  const auto started_at = std::chrono::steady_clock::now();
  const auto start = exec_program(
      **process, {.path = path, .arguments = options.command, .environment = environment()});
  if (!start) {
    if (start.error().signal == 0) return cannot_execute(start.error().error, start.error().text);
    say(fmt::format("{}: killed by {}", start.error().text, signal_name(start.error().signal)));
    return 128 + start.error().signal;
  }
  const auto started = start_first(system, std::move(*process), *start, options.fail_frame);
  if (!started) {
    return own_failure("cannot make a thread", started.error());
  }
  signals->wait_for_end();
  control.reset();
  if (const std::string why = system.machine().failure(); !why.empty()) {
    say(fmt::format("the machine has failed, and all programs with it: {}", why));
    return exit_code::kOwnFailure;
  }
  if (!report.is_consistent()) return exit_code::kOwnFailure;
  if (const std::string wrong = check_machine(system); !wrong.empty()) {
    say(fmt::format("the machine is inconsistent: {}", wrong));
    return exit_code::kOwnFailure;
  }
  if (options.stats != StatsFormat::kNone) {
    RunStats& stats = report.stats();
    stats.loop = system.tasks().counters();
    stats.real = std::chrono::steady_clock::now() - started_at;
    write_stats(options, stats);
  }
  return report.status().shell_status();
}

/// What goes wrong is said in `problem`.
Result<void> add_swap_devices(const std::vector<SwapRequest>& requests, FrameAllocator& frames,
                              SwapSpace& swap, std::string& problem) {
  unsigned zram_number = 0;
  for (const SwapRequest& request : requests) {
    auto device = open_swap(
        request,
        {.frames = frames, .directory = temporary_directory(), .zram_number = zram_number++});
    if (!device) {
      problem = fmt::format("--swap {}", device.error());
      return fail(Errno::kInval);
    }
    GONZO_TRY(swap.add(std::move(*device), request.priority));
  }
  return {};
}

/// What the machine asked for needs; empty: it is something else.
std::string missing_machine(const RunOptions& options, Errno error) {
  if (error == Errno::kNoEnt && options.accelerator == QemuMachineOptions::Accelerator::kTcg) {
    return "--machine qemu: there is no qemu-system-x86_64: install qemu-system-x86";
  }
  if (options.accelerator != QemuMachineOptions::Accelerator::kKvm) return {};
  return fmt::format("--accel kvm: {}: needs /dev/kvm and qemu-system-x86_64 (qemu-system-x86)",
                     errno_text(error));
}

/// Every frame must be back.
int settle(System& system, int status) {
  const std::string leaked = system.shut_down();
  if (leaked.empty()) return status;
  say(fmt::format("frames were not given back: {}", leaked));
#ifdef NDEBUG
  return status;
#else
  return exit_code::kOwnFailure;
#endif
}

}  // namespace

int run_program(const RunOptions& options) {
  const std::string& name = options.command.front();
  const auto path = find_program(name);
  if (!path) {
    return cannot_execute(path.error(),
                          path.error() == Errno::kNoEnt
                              ? fmt::format("{}: not found: give its path, or set PATH", name)
                              : fmt::format("{}: is not executable: see chmod(1)", name));
  }
  std::unique_ptr<Trace> trace;
  if (options.strace) {
    auto opened = open_trace(*options.strace);
    if (!opened)
      return own_failure(*options.strace, opened.error(), "the trace has no place to go");
    trace = std::move(*opened);
  }
  auto inheritance = Inheritance::take_from_host();
  if (!inheritance) return own_failure("cannot take over descriptors", inheritance.error());
  System::Config config{
      .memory_bytes = options.memory_bytes,
      .memory = {.anonymous_fault_around = options.fault_around,
                 .file_stream_around = options.fault_around == 1 ? 1U : kMostStreamAround,
                 .overcommit = options.overcommit,
                 .evict_every = options.evict_every},
      .vma_index = options.vma_index,
      .paging = options.paging,
      .machine = options.machine,
      .qemu = {.accelerator = options.accelerator},
      .reclaim = {.policy = options.reclaim},
      .log = [](std::string_view line) { say(std::string(line)); }};
  std::string problem;
  if (!options.swap.empty()) {
    config.add_swap = [&](FrameAllocator& frames, SwapSpace& swap) {
      return add_swap_devices(options.swap, frames, swap, problem);
    };
  }
  auto system = System::create(config);
  if (!problem.empty()) {
    say(problem);
    return exit_code::kOwnFailure;
  }
  if (!system && options.machine == MachineKind::kQemu) {
    if (const std::string why = missing_machine(options, system.error()); !why.empty()) {
      say(why);
      return exit_code::kOwnFailure;
    }
  }
  if (!system) {
    return own_failure(
        fmt::format("cannot make a machine with {}", bytes_text(options.memory_bytes)),
        system.error(),
        system.error() == Errno::kFBig ? "the limit of file size (ulimit -Hf) holds for a "
                                         "machine's memory: try a smaller --memory"
                                       : "try a smaller --memory");
  }
  const int status = run_in(**system, options, *path, std::move(*inheritance), trace.get());
  return settle(**system, status);
}

}  // namespace gonzo

#include "cli/end_report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <string>

#include "cli/columns.h"
#include "cli/say.h"
#include "observe/explain_task.h"
#include "observe/memory_report.h"
#include "observe/windows_view.h"
#include "syscall/symbols.h"

namespace gonzo {
namespace {

void trace_end(const Trace* trace, const ExitStatus& status) {
  if (trace == nullptr) return;
  trace->line(status.signal != 0 ? fmt::format("+++ killed by {} +++", signal_name(status.signal))
                                 : fmt::format("+++ exited with {} +++", status.code));
}

/// In debug builds: it costs as much as the program has pages.
std::string check_memory([[maybe_unused]] Task& task) {
#ifdef NDEBUG
  return {};
#else
  return task.memory().verify();
#endif
}

void print_explanation(const Explanation& explanation) {
  fmt::print(stderr, "{}", explanation_text(explanation, columns_of(STDERR_FILENO)));
}

void print_report(Process& process, StatsFormat format) {
  const MemoryReport report = MemoryReport::of(process);
  if (format == StatsFormat::kJson) {
    fmt::print(stderr, "{}\n", memory_report_json(report));
  } else {
    fmt::print(stderr, "{}", memory_report_text(report, columns_of(STDERR_FILENO)));
  }
}

}  // namespace

void EndReport::is_killed(Task& task, const SignalInfo& info) {
  const LockGuard guard(lock_);
  if (task.process().pid() == kFirstProcess) {
    death_ = Death{.address = task.last_fault().address, .instruction = task.registers().rip};
  }
  if (std::ranges::find(options_.explain_at.signals, info.signal) ==
      options_.explain_at.signals.end()) {
    return;
  }
  if (has_address(info)) {
    print_explanation(explain_death(task, info));
  } else {
    say(fmt::format("process {}: nothing to explain: its {} came with no address",
                    task.process().pid(), signal_name(info.signal)));
  }
}

void EndReport::ends(Task& last) {
  const std::string wrong = check_memory(last);
  const LockGuard guard(lock_);
  if (!wrong.empty()) {
    is_consistent_ = false;
    say(fmt::format("process {}, {}: its address space is inconsistent: {}", last.process().pid(),
                    last.name(), wrong));
  }
  stats_.add(last);
  if (last.process().pid() == kFirstProcess) first_ends(last);
}

/// What a shell would print, with the address that a shell does not know.
void EndReport::report_death(int signal) const {
  if (signal == SIGPIPE || signal == SIGINT) return;
  std::string text =
      fmt::format("{}: killed by {} ({})", options_.command.front(), signal_name(signal),
                  sigdescr_np(signal) != nullptr ? sigdescr_np(signal) : "signal");
  if ((signal == SIGSEGV || signal == SIGBUS) && death_) {
    text +=
        fmt::format(" at address {:#x}, instruction {:#x}", death_->address, death_->instruction);
  }
  say(text);
}

void EndReport::first_ends(Task& last) {
  status_ = last.process().exit_status();
  trace_end(trace_, status_);
  const bool machine_failed = !last.process().system().machine().failure().empty();
  if (status_.signal != 0 && !machine_failed) report_death(status_.signal);
  for (const VirtAddr address : options_.explain_at.addresses) {
    print_explanation(explain_in(last, address));
  }
  if (options_.maps) fmt::print(stderr, "{}", last.memory().maps_text());
  if (options_.report != StatsFormat::kNone) print_report(last.process(), options_.report);
  if (options_.view == KernelView::kWindows) {
    fmt::print(stderr, "{}",
               windows_view_text(WindowsView::of(last.process()), columns_of(STDERR_FILENO)));
  }
}

ExitStatus EndReport::status() const {
  const LockGuard guard(lock_);
  return status_;
}

bool EndReport::is_consistent() const {
  const LockGuard guard(lock_);
  return is_consistent_;
}

}  // namespace gonzo

#include "observe/explain_task.h"

#include <fmt/format.h>

#include <csignal>
#include <cstring>

namespace gonzo {
namespace {

constexpr std::uint64_t kPageFaultVector = 14;

}  // namespace

Explanation explain_in(Task& task, VirtAddr address) {
  Explanation explanation = explain(task.memory(), address);
  explanation.process = task.process().pid();
  explanation.program = task.process().image_ref()->name;
  if (task.has_thread()) explanation.segments = segments_of(task.registers());
  return explanation;
}

bool has_address(const SignalInfo& info) {
  switch (info.signal) {
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
      return info.code > 0 && info.code != SI_KERNEL;
    default:
      return false;
  }
}

Explanation explain_death(Task& task, const SignalInfo& info) {
  Explanation explanation = explain_in(task, VirtAddr(info.fields[0]));
  FaultFacts fault{.signal = info.signal,
                   .signal_name = fmt::format("SIG{}", sigabbrev_np(info.signal)),
                   .error_code = {},
                   .reason = {}};
  const FaultRecord& last = task.last_fault();
  if (last.trap_number == kPageFaultVector && last.address == info.fields[0]) {
    fault.error_code = static_cast<std::uint32_t>(last.error_code);
  }
  if (const auto& area = explanation.page.area; area && fault.error_code) {
    fault.reason = denial_text(*area, *fault.error_code);
  }
  explanation.fault = fault;
  return explanation;
}

}  // namespace gonzo

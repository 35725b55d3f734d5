// What wait(2) tells a parent. Linux: kernel/exit.c, wait_consider_task.
#include "kernel/process_table.h"

namespace gonzo {

bool ProcessTable::matches(int pid, const Member& child, const WaitSelector& selector) {
  switch (selector.kind) {
    case WaitSelector::Kind::kProcess:
      return pid == selector.id;
    case WaitSelector::Kind::kGroup:
      return child.group == selector.id;
    case WaitSelector::Kind::kAny:
      break;
  }
  return true;
}

std::optional<WaitReport> ProcessTable::report_of(int pid, Member& child, Member& parent,
                                                  const WaitRequest& request) {
  WaitReport report{.pid = pid, .uid = child.users.real};
  if (child.state == State::kZombie) {
    if (!request.exited) return std::nullopt;
    report.exit = child.status;
    report.usage = child.usage;
    if (!request.keep) {
      parent.children.add(child.usage);
      bury(pid);
    }
    return report;
  }
  if (request.stopped && child.stop_report) {
    report.kind = WaitReport::Kind::kStopped;
    report.stop_signal = *child.stop_report;
    if (!request.keep) child.stop_report.reset();
    return report;
  }
  if (request.continued && child.continue_report) {
    report.kind = WaitReport::Kind::kContinued;
    if (!request.keep) child.continue_report = false;
    return report;
  }
  return std::nullopt;
}

Result<std::optional<WaitReport>> ProcessTable::try_wait(int parent, const WaitRequest& request) {
  std::shared_ptr<Process> kept;  // a buried one is destroyed after the lock
  const LockGuard guard(lock_);
  Member* self = member(parent);
  if (self == nullptr) return fail(Errno::kChild);
  bool any = false;
  for (auto& [pid, child] : members_) {
    if (child.parent != parent || !matches(pid, child, request.selector)) continue;
    any = true;
    kept = child.process;
    if (auto report = report_of(pid, child, *self, request)) return report;
  }
  if (!any) return fail(Errno::kChild);
  return std::nullopt;
}

std::atomic<std::uint32_t>* ProcessTable::wait_word(int pid) {
  const LockGuard guard(lock_);
  Member* found = member(pid);
  return found == nullptr ? nullptr : found->events.get();
}

Usage ProcessTable::children_usage(int pid) const {
  const LockGuard guard(lock_);
  const Member* found = member(pid);
  return found == nullptr ? Usage{} : found->children;
}

}  // namespace gonzo

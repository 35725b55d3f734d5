#include "kernel/procfs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "kernel/device_table.h"
#include "kernel/file_table.h"
#include "kernel/proc_lists.h"
#include "kernel/proc_named_files.h"
#include "kernel/proc_pressure.h"
#include "kernel/process_table.h"

namespace gonzo {
namespace {

/// What the host's kernel has in its memory, and how.
constexpr std::array<std::string_view, 5> kDenied{"kcore", "kpagecgroup", "kpagecount",
                                                  "kpageflags", "pagetypeinfo"};

using Components = std::vector<std::string_view>;
using Path = std::span<const std::string_view>;

/// Within /proc ".." leads back up: what it passes there are directories, or links to such.
Components split(std::string_view path) {
  Components components;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    const std::string_view component = path.substr(0, end);
    if (component == ".." && components.size() > 1 && components.front() == "proc") {
      components.pop_back();
    } else if (!component.empty() && component != ".") {
      components.push_back(component);
    }
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return components;
}

std::string join(std::string start, Path path) {
  for (const std::string_view component : path) {
    start += '/';
    start += component;
  }
  return start;
}

std::string read_link(const std::string& path) {
  std::array<char, 4096> target;
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return size < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(size));
}

/// A name of /proc/<pid> or /proc/<pid>/task/<tid>, and how the guest calls that.
class ProcessDirectory {
 public:
  ProcessDirectory(Task& asker, ProcSubject subject)
      : asker_(asker),
        subject_(std::move(subject)),
        host_(subject_.host_directory()),
        name_(subject_.form() == ProcSubject::Form::kProcess
                  ? fmt::format("/proc/{}", subject_.tid())
                  : fmt::format("/proc/{}/task/{}", subject_.process().pid(), subject_.tid())) {}

  ProcNode find(Path path) {
    if (path.empty()) {
      return ProcNode::file(
          asker_.process().system(),
          {.open = open_proc_process, .name = name_, .host_path = host_, .subject = subject_});
    }
    const std::string_view name = path[0];
    const Path rest = path.subspan(1);
    const std::string host_path = join(host_, path.first(1));
    if (name == "fd") return find_in_fd(rest, host_path);
    if (name == "fdinfo") return find_in_fdinfo(rest, host_path);
    if (name == "cwd" || name == "root") return find_directory_link(host_path, rest);
    if (is_absent_process_file(name)) return ProcNode::absent();
    if (name == "ns") {
      if (!subject_.may_inspect()) {
        return rest.empty() ? ProcNode::denied(host_path, subject_) : ProcNode::refused(host_path);
      }
    }
    if (!rest.empty()) return ProcNode::host(join(host_, path));
    if (name == "exe") return find_program(host_path);
    if (const ProcOpener open = find_process_file(name)) return file(open, host_path, name);
    return ProcNode::host(host_path, subject_);
  }
  ProcNode tasks() { return file(open_proc_tasks, host_ + "/task", "task"); }

 private:
  ProcNode file(ProcOpener open, std::string host_path, std::string_view name) {
    return ProcNode::file(asker_.process().system(), {.open = open,
                                                      .name = fmt::format("{}/{}", name_, name),
                                                      .host_path = std::move(host_path),
                                                      .subject = subject_});
  }
  OpenFileRef descriptor(std::string_view name) {
    const auto number = parse_proc_number(name);
    const auto files = subject_.files();
    if (!number || files == nullptr) return nullptr;
    return files->get(*number).value_or(nullptr);
  }
  ProcNode find_in_fd(Path path, const std::string& host_path) {
    if (path.empty()) return file(open_proc_fd, host_path, "fd");
    if (!subject_.may_inspect()) return ProcNode::refused(ProcNode::absent().host_path());
    return find_descriptor(path[0], path.subspan(1));
  }
  ProcNode find_in_fdinfo(Path path, const std::string& host_path) {
    const bool allowed = subject_.may_inspect().has_value();
    if (path.empty()) {
      if (!allowed) return ProcNode::denied(host_path, subject_);
      return file(open_proc_fdinfo, host_path, "fdinfo");
    }
    if (!allowed) return ProcNode::refused(ProcNode::absent().host_path());
    const OpenFileRef shown = descriptor(path[0]);
    if (shown == nullptr || path.size() > 1) return ProcNode::absent();
    return file(open_proc_descriptor_facts, fmt::format("/proc/self/fdinfo/{}", shown->host_fd()),
                fmt::format("fdinfo/{}", path[0]));
  }
  /// The links that lead out of /proc.
  ProcNode find_through(std::string target, const std::string& host_path, Path rest) {
    if (rest.empty()) return ProcNode::link(std::move(target), host_path, host_path);
    if (target == "/") target.clear();
    if (auto node = find_proc(asker_, join(std::move(target), rest))) return std::move(*node);
    return ProcNode::host(join(host_path, rest));
  }
  ProcNode find_directory_link(const std::string& host_path, Path rest) {
    if (!subject_.may_inspect()) return ProcNode::refused(host_path);
    if (subject_.task() == nullptr) return ProcNode::absent();
    return find_through(to_guest_name(asker_, read_link(host_path)), host_path, rest);
  }
  ProcNode find_program(const std::string& host_path) {
    if (!subject_.may_inspect()) return ProcNode::refused(host_path);
    if (subject_.task() == nullptr) return ProcNode::absent();
    const std::string program = subject_.process().image_ref()->path;
    return ProcNode::link(program, program, host_path);
  }

 public:
  ProcNode find_descriptor(std::string_view name, Path rest) {
    auto file = descriptor(name);
    if (file == nullptr) return ProcNode::absent();
    // The host's name for it; its own of that number would be about a descriptor of the runner's.
    const std::string path = fmt::format("/proc/self/fd/{}", file->host_fd());
    std::string target = file->name();
    if (target.empty()) target = to_guest_name(asker_, read_link(path));
    if (!rest.empty()) {
      if (auto node = find_proc(asker_, join(target, rest))) return std::move(*node);
      return ProcNode::host(join(path, rest));
    }
    if (file->kernel_file() != nullptr && target.starts_with('/')) {
      return ProcNode::alias(std::move(target), path);
    }
    return ProcNode::link(std::move(target), path, path, std::move(file));
  }

 private:
  Task& asker_;
  const ProcSubject subject_;
  const std::string host_, name_;
};

ProcNode find_in_process(Task& task, int id, ProcSubject::Form form, Path path) {
  auto subject = ProcSubject::find(task, id, form);
  if (!subject) return ProcNode::absent();
  return ProcessDirectory(task, std::move(*subject)).find(path);
}

/// Below /proc/<id>/task.
ProcNode find_in_tasks(Task& task, int id, Path path) {
  auto subject = ProcSubject::find(task, id, ProcSubject::Form::kProcess);
  if (!subject) return ProcNode::absent();
  if (path.empty()) return ProcessDirectory(task, std::move(*subject)).tasks();
  const auto number = parse_proc_number(path[0]);
  auto thread = number ? ProcSubject::find(task, *number, ProcSubject::Form::kThread) : subject;
  if (!number || !thread || &thread->process() != &subject->process()) return ProcNode::absent();
  return ProcessDirectory(task, std::move(*thread)).find(path.subspan(1));
}

ProcNode machine_file(Task& task, ProcOpener open, const std::string& path) {
  return ProcNode::file(task.process().system(),
                        {.open = open, .name = path, .host_path = path, .subject = std::nullopt});
}

ProcNode find_pressure(Task& task, Path path, const std::string& name) {
  if (path.empty()) return machine_file(task, open_pressure, name);
  const ProcOpener open = path.size() == 1 ? find_pressure_file(path[0]) : nullptr;
  return open != nullptr ? machine_file(task, open, name) : ProcNode::absent();
}

/// Below /proc, where no process is meant.
std::optional<ProcNode> find_of_machine(Task& task, Path path) {
  const std::string name = join("/proc", path);
  if (path.empty()) return machine_file(task, open_proc_root, name);
  if (path.size() == 1) {
    if (std::ranges::find(kDenied, path[0]) != kDenied.end()) return ProcNode::denied(name);
    if (const auto open = find_machine_file(path[0])) {
      return machine_file(task, open, name);
    }
  }
  if (path[0] == "pressure") return find_pressure(task, path.subspan(1), name);
  if (path.size() == 2 && path[0] == "sysvipc") {
    if (const auto open = find_sysvipc_file(path[1])) return machine_file(task, open, name);
  }
  if (path.size() == 3 && path[0] == "sys" && path[1] == "vm") {
    if (const auto open = find_vm_setting(path[2])) return machine_file(task, open, name);
  }
  return std::nullopt;
}

/// Below /proc.
std::optional<ProcNode> find_below_proc(Task& task, Path path) {
  if (path.empty()) return find_of_machine(task, path);
  const int pid = task.process().pid();
  const Path rest = path.subspan(1);
  if (path[0] == "thread-self") {
    if (rest.empty()) {
      return ProcNode::alias(fmt::format("{}/task/{}", pid, task.tid()), "/proc/thread-self");
    }
    return find_in_process(task, task.tid(), ProcSubject::Form::kThread, rest);
  }
  if (path[0] == "self" && rest.empty()) {
    return ProcNode::alias(std::to_string(pid), "/proc/self");
  }
  const auto id = path[0] == "self" ? std::optional(pid) : parse_proc_number(path[0]);
  if (!id) return find_of_machine(task, path);
  if (!rest.empty() && rest[0] == "task") return find_in_tasks(task, *id, rest.subspan(1));
  return find_in_process(task, *id, ProcSubject::Form::kProcess, rest);
}

ProcNode find_own_descriptor(Task& task, std::string_view name, Path rest) {
  auto self = ProcSubject::find(task, task.tid(), ProcSubject::Form::kProcess);
  if (!self) return ProcNode::absent();
  return ProcessDirectory(task, std::move(*self)).find_descriptor(name, rest);
}

std::optional<ProcNode> find_below_dev(Task& task, Path path) {
  constexpr std::array<std::string_view, 3> kStandard{"stdin", "stdout", "stderr"};
  if (path.empty()) {
    return ProcNode::file(
        task.process().system(),
        {.open = open_dev_root, .name = "/dev", .host_path = "/dev", .subject = std::nullopt});
  }
  if (const CharDevice* const device = task.process().system().devices().find(path[0])) {
    if (path.size() > 1) return ProcNode::host(join(DeviceTable::kHostFile, path.subspan(1)));
    return ProcNode::file(task.process().system(), {.open = open_device,
                                                    .name = device->path(),
                                                    .host_path = DeviceTable::kHostFile,
                                                    .subject = std::nullopt,
                                                    .device = device});
  }
  if (path[0] == "fd") {
    if (path.size() == 1) return ProcNode::alias("/proc/self/fd", "/proc/self/fd");
    return find_own_descriptor(task, path[1], path.subspan(2));
  }
  const auto standard = std::ranges::find(kStandard, path[0]);
  if (standard == kStandard.end() || path.size() != 1) return std::nullopt;
  return find_own_descriptor(task, std::to_string(standard - kStandard.begin()), {});
}

}  // namespace

std::string to_guest_name(Task& task, std::string host_name) {
  constexpr std::string_view kProc = "/proc/", kTask = "/task/";
  std::string_view rest = host_name;
  const auto take_number = [&rest](std::string_view before) -> std::optional<int> {
    if (!rest.starts_with(before)) return std::nullopt;
    const std::string_view after = rest.substr(before.size());
    const auto number = parse_proc_number(after.substr(0, after.find('/')));
    if (number) rest = after.substr(std::min(after.find('/'), after.size()));
    return number;
  };
  const auto guest_of = [&task](int host_thread) -> std::optional<int> {
    if (host_thread == gettid()) return task.tid();
    const auto found = task.process().system().processes().find_host_thread(host_thread);
    return found != nullptr ? std::optional(found->tid()) : std::nullopt;
  };
  const auto process = take_number(kProc);
  if (!process) return host_name;
  const auto id = *process == getpid() ? std::optional(task.process().pid()) : guest_of(*process);
  if (!id) return host_name;
  std::string name = fmt::format("/proc/{}", *id);
  const std::string_view behind = rest;
  if (const auto thread = take_number(kTask)) {
    if (const auto tid = guest_of(*thread)) {
      name += fmt::format("/task/{}", *tid);
    } else {
      rest = behind;
    }
  }
  return name.append(rest);
}

std::optional<ProcNode> find_proc(Task& task, std::string_view absolute_path) {
  // Nearly all paths end here.
  if (!absolute_path.starts_with('/')) return std::nullopt;
  const auto first = absolute_path.find_first_not_of('/');
  if (first == absolute_path.npos) return std::nullopt;
  const char letter = absolute_path[first];
  if (letter != 'p' && letter != 'd' && letter != '.') return std::nullopt;

  const Components components = split(absolute_path);
  if (components.empty()) return std::nullopt;
  const Path below = Path(components).subspan(1);
  if (components[0] == "proc") return find_below_proc(task, below);
  if (components[0] == "dev") return find_below_dev(task, below);
  return std::nullopt;
}

}  // namespace gonzo

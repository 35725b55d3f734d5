#include "kernel/procfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <vector>

#include "kernel/file_table.h"
#include "kernel/proc_machine_text.h"
#include "kernel/proc_sysvipc.h"
#include "kernel/proc_text.h"

namespace gonzo {
namespace {

struct NamedContent {
  std::string_view name;
  ProcNode::Content content;
};

constexpr ProcNode::Content text(ProcText generator, ProcSink sink = nullptr) {
  return {.text = generator, .sink = sink};
}
constexpr ProcNode::Content opened_by(ProcNode::Opener open) { return {.open = open}; }

template <ProcText generator>
OpenFileRef open_bytes(const ProcOpening& opening) {
  return open_proc_bytes(opening, generator);
}
OpenFileRef open_clear_refs(const ProcOpening& opening) {
  return open_proc_sink(opening, proc_clear_refs);
}

constexpr std::array kProcessFiles{
    NamedContent{"auxv", opened_by(open_bytes<proc_auxv>)},
    NamedContent{"children", text(proc_children)},
    NamedContent{"clear_refs", opened_by(open_clear_refs)},
    NamedContent{"cmdline", opened_by(open_bytes<proc_cmdline>)},
    NamedContent{"comm", text(proc_comm, proc_set_comm)},
    NamedContent{"environ", opened_by(open_bytes<proc_environ>)},
    NamedContent{"limits", text(proc_limits)},
    NamedContent{"maps", text(proc_maps)},
    NamedContent{"mem", opened_by(open_proc_mem)},
    NamedContent{"numa_maps", text(proc_numa_maps)},
    NamedContent{"oom_score", text(proc_oom_score)},
    NamedContent{"pagemap", opened_by(open_proc_pagemap)},
    NamedContent{"personality", text(proc_personality)},
    NamedContent{"smaps", text(proc_smaps)},
    NamedContent{"smaps_rollup", text(proc_smaps_rollup)},
    NamedContent{"stat", text(proc_stat)},
    NamedContent{"statm", text(proc_statm)},
    NamedContent{"status", text(proc_status)},
};

constexpr std::array kMachineFiles{
    NamedContent{"buddyinfo", text(proc_buddyinfo)}, NamedContent{"meminfo", text(proc_meminfo)},
    NamedContent{"swaps", text(proc_swaps)},         NamedContent{"vmstat", text(proc_vmstat)},
    NamedContent{"zoneinfo", text(proc_zoneinfo)},
};

/// What the host's kernel has in its memory, and how.
constexpr std::array<std::string_view, 7> kDenied{
    "kcore", "kpagecgroup", "kpagecount", "kpageflags", "pagetypeinfo", "slabinfo", "vmallocinfo"};

constexpr std::array kVmSettings{
    NamedContent{"max_map_count", text(proc_max_map_count)},
    NamedContent{"mmap_min_addr", text(proc_mmap_min_addr)},
    NamedContent{"overcommit_kbytes", text(proc_overcommit_kbytes)},
    NamedContent{"overcommit_memory", text(proc_overcommit_memory)},
    NamedContent{"overcommit_ratio", text(proc_overcommit_ratio)},
};

template <std::size_t Count>
const ProcNode::Content* find_content(const std::array<NamedContent, Count>& table,
                                      std::string_view name) {
  const auto found = std::ranges::find(table, name, &NamedContent::name);
  return found == table.end() ? nullptr : &found->content;
}

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

std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

std::string read_link(const std::string& path) {
  std::array<char, 4096> target;
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return size < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(size));
}

/// A list of names that are all numbers.
template <typename Numbers>
std::vector<DirectoryEntry> list_numbers(const Numbers& numbers, unsigned char type) {
  constexpr std::uint64_t kFirstInode = 0xf0000000;
  std::vector<DirectoryEntry> entries{{".", kFirstInode, DT_DIR}, {"..", kFirstInode + 1, DT_DIR}};
  for (const int number : numbers) {
    entries.push_back(
        {std::to_string(number), kFirstInode + 2 + static_cast<std::uint64_t>(number), type});
  }
  return entries;
}

std::vector<DirectoryEntry> list_descriptors(Task& task) {
  return list_numbers(task.files().numbers(), DT_LNK);
}
std::vector<DirectoryEntry> list_descriptor_facts(Task& task) {
  return list_numbers(task.files().numbers(), DT_REG);
}
std::vector<DirectoryEntry> list_tasks(Task& task) {
  return list_numbers(task.process().task_ids(), DT_DIR);
}

/// /proc itself: the host's names, but of its processes only the guest's own.
std::vector<DirectoryEntry> list_proc(Task& task) {
  std::vector<DirectoryEntry> entries;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc"), closedir);
  if (directory == nullptr) return entries;
  while (const dirent* entry = readdir(directory.get())) {
    if (!parse_number(entry->d_name)) {
      entries.push_back({entry->d_name, entry->d_ino, entry->d_type});
    }
  }
  constexpr std::uint64_t kProcessInode = 0xefffffff;
  entries.push_back({std::to_string(task.process().pid()), kProcessInode, DT_DIR});
  return entries;
}

ProcNode directory(Task& task, ProcListing listing, std::string host_path) {
  return ProcNode::file(task, {.listing = listing}, std::move(host_path));
}

/// The host's name for a file of the guest's; its own would be about the runner's descriptor of
/// that number. Empty: no such descriptor.
std::string host_descriptor(Task& task, std::string_view name, std::string_view kind) {
  const auto number = parse_number(name);
  if (!number) return {};
  const auto file = task.files().get(*number);
  return file ? fmt::format("/proc/self/{}/{}", kind, (*file)->host_fd()) : std::string();
}

ProcNode find_descriptor(Task& task, std::string_view name, Path rest) {
  const std::string path = host_descriptor(task, name, "fd");
  if (path.empty()) return ProcNode::absent();
  std::string target = to_guest_name(task, read_link(path));
  if (!rest.empty()) {
    if (auto node = find_proc(task, join(target, rest))) return std::move(*node);
    return ProcNode::host(join(path, rest));
  }
  const auto file = task.files().get(*parse_number(name));
  if (file && (*file)->kernel_file() != nullptr) return ProcNode::alias(target, path);
  return ProcNode::link(std::move(target), path, path);
}

/// The links that lead out of /proc.
ProcNode find_through(Task& task, std::string target, const std::string& host_path, Path rest) {
  if (rest.empty()) return ProcNode::link(std::move(target), host_path, host_path);
  if (target == "/") target.clear();
  if (auto node = find_proc(task, join(std::move(target), rest))) return std::move(*node);
  return ProcNode::host(join(host_path, rest));
}

/// Below /proc/<pid> or /proc/<pid>/task/<tid>, which the host calls `base`.
ProcNode find_in_process(Task& task, const std::string& base, Path path) {
  if (path.empty()) return ProcNode::host(base);
  const std::string_view name = path[0];
  const Path rest = path.subspan(1);
  const std::string host_path = join(base, path.first(1));
  if (name == "fd") {
    if (!rest.empty()) return find_descriptor(task, rest[0], rest.subspan(1));
    return directory(task, list_descriptors, host_path);
  }
  if (name == "fdinfo") {
    if (rest.empty()) return directory(task, list_descriptor_facts, host_path);
    const std::string facts = host_descriptor(task, rest[0], "fdinfo");
    return facts.empty() || rest.size() > 1 ? ProcNode::absent() : ProcNode::host(facts);
  }
  if (name == "cwd" || name == "root") {
    // The host's main thread has its own.
    const std::string own = join("/proc/thread-self", path.first(1));
    return find_through(task, to_guest_name(task, read_link(own)), own, rest);
  }
  if (name == "map_files") return ProcNode::absent();
  if (rest.empty()) {
    if (name == "exe") {
      const std::string& program = task.process().image().path;
      return ProcNode::link(program, program, host_path);
    }
    if (const auto* content = find_content(kProcessFiles, name)) {
      return ProcNode::file(task, *content, host_path);
    }
  }
  return ProcNode::host(join(base, path));
}

ProcNode find_in_tasks(Task& task, Path path) {
  if (path.empty()) return directory(task, list_tasks, "/proc/self/task");
  const auto number = parse_number(path[0]);
  const auto has_number = [&](int tid) { return number == tid; };
  if (std::ranges::none_of(task.process().task_ids(), has_number)) return ProcNode::absent();
  return find_in_process(task, "/proc/thread-self", path.subspan(1));
}

/// Below /proc.
std::optional<ProcNode> find_below_proc(Task& task, Path path) {
  if (path.empty()) return directory(task, list_proc, "/proc");
  const std::string pid = std::to_string(task.process().pid());
  const Path rest = path.subspan(1);
  if (path[0] == "thread-self") {
    std::string name = fmt::format("{}/task/{}", pid, task.tid());
    if (rest.empty()) return ProcNode::alias(std::move(name), "/proc/thread-self");
    return find_in_process(task, "/proc/thread-self", rest);
  }
  if (path[0] == "self" && rest.empty()) return ProcNode::alias(pid, "/proc/self");
  if (path[0] == "self" || path[0] == pid) {
    if (!rest.empty() && rest[0] == "task") return find_in_tasks(task, rest.subspan(1));
    return find_in_process(task, "/proc/self", rest);
  }
  if (parse_number(path[0])) return ProcNode::absent();
  if (path.size() == 1) {
    if (std::ranges::find(kDenied, path[0]) != kDenied.end()) {
      return ProcNode::denied(join("/proc", path));
    }
    if (const auto* content = find_content(kMachineFiles, path[0])) {
      return ProcNode::file(task, *content, join("/proc", path));
    }
  }
  if (path.size() == 2 && path[0] == "sysvipc" && path[1] == "shm") {
    return ProcNode::file(task, text(proc_sysvipc_shm), join("/proc", path));
  }
  if (path.size() == 3 && path[0] == "sys" && path[1] == "vm") {
    if (const auto* content = find_content(kVmSettings, path[2])) {
      return ProcNode::file(task, *content, join("/proc", path));
    }
  }
  return std::nullopt;
}

std::optional<ProcNode> find_below_dev(Task& task, Path path) {
  constexpr std::array<std::string_view, 3> kStandard{"stdin", "stdout", "stderr"};
  if (path.empty()) return std::nullopt;
  if (path[0] == "fd") {
    if (path.size() == 1) return ProcNode::alias("/proc/self/fd", "/proc/self/fd");
    return find_descriptor(task, path[1], path.subspan(2));
  }
  const auto standard = std::ranges::find(kStandard, path[0]);
  if (standard == kStandard.end() || path.size() != 1) return std::nullopt;
  return find_descriptor(task, std::to_string(standard - kStandard.begin()), {});
}

}  // namespace

ProcNode ProcNode::file(Task& task, const Content& content, std::string host_path) {
  ProcNode node(Kind::kFile);
  node.task_ = &task;
  node.content_ = content;
  node.host_path_ = std::move(host_path);
  return node;
}

ProcNode ProcNode::link(std::string target, std::string host_path, std::string host_link) {
  ProcNode node(Kind::kLink);
  node.target_ = std::move(target);
  node.host_path_ = std::move(host_path);
  node.host_link_ = std::move(host_link);
  return node;
}

ProcNode ProcNode::alias(std::string target, std::string host_path) {
  ProcNode node(Kind::kAlias);
  node.target_ = std::move(target);
  node.host_path_ = std::move(host_path);
  return node;
}

ProcNode ProcNode::host(std::string host_path) {
  ProcNode node(Kind::kHost);
  node.host_path_ = std::move(host_path);
  return node;
}

ProcNode ProcNode::absent() { return host("/proc/self/task/0"); }

ProcNode ProcNode::denied(std::string host_path) {
  ProcNode node(Kind::kDenied);
  node.host_path_ = std::move(host_path);
  return node;
}

void ProcNode::amend_stat(struct stat& status) const {
  if (content_.listing != nullptr) amend_directory_stat(*task_, status);
}

Result<OpenFileRef> ProcNode::open(int flags) const {
  if (kind_ == Kind::kDenied) return fail(Errno::kAcces);
  constexpr mode_t kMode = 0600;  // for O_CREAT, which finds the file there
  const int opened = ::open(host_path_.c_str(), flags | O_CLOEXEC, kMode);
  if (opened < 0) return fail_from_host();
  const int host_fd = move_high(opened).value_or(opened);
  const ProcOpening opening{*task_, host_fd, flags};
  if (content_.listing != nullptr) return open_proc_directory(opening, content_.listing);
  if (content_.open != nullptr) return content_.open(opening);
  return open_proc_text(opening, content_.text, content_.sink);
}

std::string to_guest_name(Task& task, std::string host_name) {
  const std::string runner = fmt::format("/proc/{}", getpid());
  const bool is_runners = host_name.starts_with(runner) &&
                          (host_name.size() == runner.size() || host_name[runner.size()] == '/');
  if (!is_runners) return host_name;
  std::string name = host_name.substr(runner.size());
  const std::string task_name = fmt::format("/task/{}", gettid());
  if (name.starts_with(task_name) &&
      (name.size() == task_name.size() || name[task_name.size()] == '/')) {
    name = fmt::format("/task/{}{}", task.tid(), name.substr(task_name.size()));
  }
  return fmt::format("/proc/{}{}", task.process().pid(), name);
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

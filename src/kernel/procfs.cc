#include "kernel/procfs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <vector>

#include "kernel/file_table.h"
#include "kernel/proc_sysvipc.h"
#include "kernel/proc_text.h"

namespace gonzo {
namespace {

void set_text(int writable_fd, const std::string& text) {
  static_cast<void>(ftruncate(writable_fd, 0));
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count =
        pwrite(writable_fd, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (count <= 0) return;  // the guest reads a shorter file: as if memory ran out for the rest
    done += static_cast<std::size_t>(count);
  }
}

/// The guest reads through a description that cannot write.
class ProcTextFile final : public OpenFile {
 public:
  ProcTextFile(int read_fd, int write_fd, Task& task, ProcNode::Generator generator,
               struct stat status)
      : OpenFile(read_fd),
        write_fd_(write_fd),
        task_(task),
        generator_(generator),
        status_(status) {}
  ~ProcTextFile() override { ::close(write_fd_); }

  void about_to_read(std::optional<std::int64_t> offset) const override {
    if (offset.value_or(lseek(host_fd(), 0, SEEK_CUR)) == 0) {
      set_text(write_fd_, generator_(task_));
    }
  }
  void amend_stat(struct stat& status) const override { status = status_; }

 private:
  const int write_fd_;
  Task& task_;
  const ProcNode::Generator generator_;
  const struct stat status_;
};

struct Entry {
  std::string_view name;
  ProcNode::Generator generator;
  mode_t mode;
};
constexpr std::array kEntries{
    Entry{"maps", proc_maps, 0444},       Entry{"status", proc_status, 0444},
    Entry{"stat", proc_stat, 0444},       Entry{"statm", proc_statm, 0444},
    Entry{"cmdline", proc_cmdline, 0444}, Entry{"environ", proc_environ, 0400},
    Entry{"auxv", proc_auxv, 0400},       Entry{"comm", proc_comm, 0644},
    Entry{"limits", proc_limits, 0444},
};

constexpr std::uint64_t kFirstInode = 0xf0000000;
constexpr std::uint64_t kExeInode = kFirstInode + 0x100, kSelfInode = kFirstInode + 0x101,
                        kThreadSelfInode = kFirstInode + 0x102, kMeminfoInode = kFirstInode + 0x103,
                        kSysvipcShmInode = kFirstInode + 0x104,
                        kDescriptorInode = kFirstInode + 0x1000;

using Components = std::vector<std::string_view>;

Components split(std::string_view path) {
  Components components;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    const std::string_view component = path.substr(0, end);
    if (!component.empty() && component != ".") components.push_back(component);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return components;
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

std::optional<ProcNode> find_descriptor(Task& task, std::string_view name) {
  const auto number = parse_number(name);
  if (!number) return std::nullopt;
  const auto file = task.files().get(*number);
  // The host's answer would be about the runner's own descriptor of that number.
  const std::string path = fmt::format("/proc/self/fd/{}", file ? (*file)->host_fd() : -1);
  return ProcNode::link(read_link(path), path,
                        kDescriptorInode + static_cast<std::uint64_t>(*number));
}

std::optional<ProcNode> find_in_process(Task& task, std::span<const std::string_view> path) {
  if (path.size() == 2 && path[0] == "fd") return find_descriptor(task, path[1]);
  if (path.size() != 1) return std::nullopt;
  if (path[0] == "exe") {
    const std::string& program = task.process().image().path;
    return ProcNode::link(program, program, kExeInode);
  }
  const auto entry = std::ranges::find(kEntries, path[0], &Entry::name);
  if (entry == kEntries.end()) return std::nullopt;
  const auto index = static_cast<std::uint64_t>(entry - kEntries.begin());
  return ProcNode::text(task, entry->generator, entry->mode, kFirstInode + index);
}

/// Below /proc.
std::optional<ProcNode> find_below_proc(Task& task, std::span<const std::string_view> path) {
  if (path.empty()) return std::nullopt;
  const std::string pid = std::to_string(task.process().pid());
  const std::string tid = std::to_string(task.tid());
  if (path.size() == 1) {
    if (path[0] == "self") return ProcNode::link(pid, "/proc/self", kSelfInode);
    if (path[0] == "thread-self") {
      return ProcNode::link(fmt::format("{}/task/{}", pid, tid), "/proc/thread-self",
                            kThreadSelfInode);
    }
    if (path[0] == "meminfo") return ProcNode::text(task, proc_meminfo, 0444, kMeminfoInode);
    return std::nullopt;
  }
  if (path.size() == 2 && path[0] == "sysvipc" && path[1] == "shm") {
    return ProcNode::text(task, proc_sysvipc_shm, 0444, kSysvipcShmInode);
  }
  if (path[0] != "self" && path[0] != "thread-self" && path[0] != pid) return std::nullopt;
  const bool names_thread = path.size() > 3 && path[1] == "task" && path[2] == tid;
  return find_in_process(task, path.subspan(names_thread ? 3 : 1));
}

std::optional<ProcNode> find_below_dev(Task& task, std::span<const std::string_view> path) {
  constexpr std::array<std::string_view, 3> kStandard{"stdin", "stdout", "stderr"};
  if (path.size() == 2 && path[0] == "fd") return find_descriptor(task, path[1]);
  if (path.size() != 1) return std::nullopt;
  const auto standard = std::ranges::find(kStandard, path[0]);
  if (standard == kStandard.end()) return std::nullopt;
  return find_descriptor(task, std::to_string(standard - kStandard.begin()));
}

}  // namespace

ProcNode ProcNode::text(Task& task, Generator generator, mode_t mode, std::uint64_t inode) {
  ProcNode node;
  node.task_ = &task;
  node.generator_ = generator;
  node.mode_ = S_IFREG | mode;
  node.inode_ = inode;
  return node;
}

ProcNode ProcNode::link(std::string target, std::string host_path, std::uint64_t inode) {
  ProcNode node;
  node.target_ = std::move(target);
  node.host_path_ = std::move(host_path);
  node.mode_ = S_IFLNK | 0777;
  node.inode_ = inode;
  return node;
}

Result<OpenFileRef> ProcNode::open(int flags) const {
  if ((flags & O_ACCMODE) != O_RDONLY) return fail(Errno::kAcces);
  if ((flags & O_DIRECTORY) != 0) return fail(Errno::kNotDir);
  const int memory = memfd_create("gonzo-proc", MFD_CLOEXEC);
  if (memory < 0) return fail_from_host();
  set_text(memory, generator_(*task_));  // for calls that move bytes without a read (sendfile)
  const int readable = ::open(fmt::format("/proc/self/fd/{}", memory).c_str(),
                              O_RDONLY | O_CLOEXEC | (flags & O_NONBLOCK));
  if (readable < 0) {
    const auto error = fail_from_host();
    ::close(memory);
    return error;
  }
  const int high_memory = move_high(memory).value_or(memory);
  const int high_readable = move_high(readable).value_or(readable);
  return std::make_shared<ProcTextFile>(high_readable, high_memory, *task_, generator_, stat());
}

struct stat ProcNode::stat() const {
  struct stat status{};
  ::stat("/proc/self/stat", &status);  // device, owner, times: as the host's own
  status.st_mode = mode_;
  status.st_ino = inode_;
  status.st_nlink = 1;
  status.st_size = 0;
  return status;
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
  const std::span<const std::string_view> below = std::span(components).subspan(1);
  if (components[0] == "proc") return find_below_proc(task, below);
  if (components[0] == "dev") return find_below_dev(task, below);
  return std::nullopt;
}

}  // namespace gonzo

#include "kernel/proc_lists.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "kernel/file_table.h"
#include "kernel/host_directory.h"
#include "kernel/host_text.h"
#include "kernel/proc_named_files.h"
#include "kernel/process_file.h"
#include "kernel/process_table.h"

namespace gonzo {
namespace {

/// Names that are all numbers, in order; at `first` and behind.
template <typename Numbers>
void append_numbers(std::vector<DirectoryEntry>& entries, const Numbers& numbers,
                    std::uint64_t first, unsigned char type) {
  constexpr std::uint64_t kFirstInode = 0xf0000000;
  for (const int number : numbers) {
    const auto place = first + static_cast<std::uint64_t>(number);
    entries.push_back({std::to_string(number), kFirstInode + place, type, place});
  }
}

template <typename Numbers>
std::vector<DirectoryEntry> list_numbers(const Numbers& numbers, unsigned char type) {
  constexpr std::uint64_t kInode = 0xefffffff;
  std::vector<DirectoryEntry> entries{{".", kInode, DT_DIR, 0}, {"..", kInode, DT_DIR, 1}};
  append_numbers(entries, numbers, entries.size(), type);
  return entries;
}

Result<OpenFileRef> open_numbers(ProcOpening&& opening, unsigned char type) {
  const ProcSubject subject = *opening.subject;
  return open_directory(std::move(opening), [subject, type] {
    const auto files = subject.files();
    return list_numbers(files != nullptr ? files->numbers() : std::vector<int>(), type);
  });
}

/// What the host says about a descriptor of its own, as the guest's. ENOENT: closed meanwhile.
Result<std::string> descriptor_facts(const ProcSubject& subject, int number) {
  const auto files = subject.files();
  const OpenFileRef file = files != nullptr ? files->get(number).value_or(nullptr) : nullptr;
  if (file == nullptr) return fail(Errno::kNoEnt);
  const bool closes = files->cloexec(number).value_or(CloseOnExec::kNo) == CloseOnExec::kYes;
  struct stat status{};
  file->amend_stat(status);
  const std::string host = read_host(fmt::format("/proc/self/fdinfo/{}", file->host_fd()).c_str());
  std::string text = replace_lines(host, [&](std::string_view line) {
    if (line.starts_with("flags:")) {
      const int flags = file->status_flags(::fcntl(file->host_fd(), F_GETFL));
      return fmt::format("flags:\t0{:o}\n", flags | (closes ? O_CLOEXEC : 0));
    }
    if (line.starts_with("ino:") && file->process_file() != nullptr) {
      return fmt::format("ino:\t{}\n", status.st_ino);
    }
    return std::string(line);
  });
  if (const ProcessFile* process = file->process_file()) {
    // Linux: pidfd_show_fdinfo.
    const int id = process->process() != nullptr ? process->id() : -1;
    text += fmt::format("Pid:\t{0}\nNSpid:\t{0}\n", id);
  }
  return text;
}

}  // namespace

std::optional<int> parse_proc_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

Result<OpenFileRef> open_proc_process(ProcOpening&& opening, System&) {
  const ProcSubject subject = *opening.subject;
  return open_directory(std::move(opening), [subject] {
    return list_host(subject.host_directory().c_str(),
                     [](std::string_view name) { return !is_absent_process_file(name); });
  });
}

Result<OpenFileRef> open_proc_fd(ProcOpening&& opening, System&) {
  return open_numbers(std::move(opening), DT_LNK);
}

Result<OpenFileRef> open_proc_fdinfo(ProcOpening&& opening, System&) {
  return open_numbers(std::move(opening), DT_REG);
}

Result<OpenFileRef> open_proc_tasks(ProcOpening&& opening, System&) {
  const ProcSubject subject = *opening.subject;
  return open_directory(std::move(opening), [subject] {
    auto ids = subject.process().task_ids();
    // The first is there as long as its process, ended or not.
    if (std::ranges::find(ids, subject.process().pid()) == ids.end()) {
      ids.push_back(subject.process().pid());
    }
    std::ranges::sort(ids);
    return list_numbers(ids, DT_DIR);
  });
}

Result<OpenFileRef> open_proc_root(ProcOpening&& opening, System& system) {
  return open_directory(std::move(opening), [&system] {
    constexpr std::uint64_t kFirstPlace = 256;  // Linux: FIRST_PROCESS_ENTRY
    std::vector<DirectoryEntry> entries =
        list_host("/proc", [](std::string_view name) { return !parse_proc_number(name); });
    std::vector<int> pids;
    for (const auto& process : system.processes().all()) pids.push_back(process->pid());
    append_numbers(entries, pids, kFirstPlace, DT_DIR);
    return entries;
  });
}

Result<OpenFileRef> open_proc_descriptor_facts(ProcOpening&& opening, System&) {
  const ProcSubject subject = *opening.subject;
  const int number = *parse_proc_number(opening.name.substr(opening.name.rfind('/') + 1));
  return open_text(std::move(opening),
                   [subject, number] { return descriptor_facts(subject, number); });
}

}  // namespace gonzo

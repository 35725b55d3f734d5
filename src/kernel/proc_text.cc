#include "kernel/proc_text.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <vector>

namespace gonzo {
namespace {

constexpr std::uint64_t kKiloBytesPerPage = kPageSize / 1024;

std::string read_host(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

using Values = std::map<std::string, std::string, std::less<>>;

/// What `replace` makes of each line, its line end included.
template <typename Replace>
std::string replace_lines(std::string_view text, Replace replace) {
  std::string result;
  while (!text.empty()) {
    const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
    result += replace(text.substr(0, size));
    text.remove_prefix(size);
  }
  return result;
}

/// Pages of the program's own text (Linux: task_mem, task_statm).
std::uint64_t text_bytes(const SegmentBounds& bounds) {
  const VirtAddr start = bounds.start_code.page_floor(), end = bounds.end_code.page_ceil();
  return start < end ? end - start : 0;
}

SignalSet process_pending(Task& task) {
  const SignalSource* source = task.signal_source();
  return task.process().pending().set() | (source != nullptr ? source->held() : 0);
}

Values memory_values(Task& task) {
  const AddressSpaceCounts counts = task.memory().counts();
  const std::uint64_t executable = counts.exec * kPageSize;
  const std::uint64_t text = std::min(text_bytes(task.memory().bounds()), executable);
  // Linux counts the tables below the root.
  const std::uint64_t tables =
      counts.table_frames - std::min<std::uint64_t>(counts.table_frames, 1);
  const auto kilobytes = [](std::uint64_t value) { return fmt::format("\t{:8} kB", value); };
  const auto pages = [&](std::uint64_t n) { return kilobytes(n * kKiloBytesPerPage); };
  return {{"VmPeak", pages(std::max(counts.peak_total, counts.total))},
          {"VmSize", pages(counts.total)},
          {"VmLck", pages(counts.locked)},
          {"VmPin", pages(0)},
          {"VmHWM", pages(std::max(counts.peak_rss, counts.rss()))},
          {"VmRSS", pages(counts.rss())},
          {"RssAnon", pages(counts.rss_anon)},
          {"RssFile", pages(counts.rss_file)},
          {"RssShmem", pages(counts.rss_shmem)},
          {"VmData", pages(counts.data)},
          {"VmStk", pages(counts.stack)},
          {"VmExe", kilobytes(text / 1024)},
          {"VmLib", kilobytes((executable - text) / 1024)},
          {"VmPTE", pages(tables)},
          {"VmSwap", pages(counts.swap)},
          {"HugetlbPages", pages(0)}};
}

Values signal_values(Task& task) {
  const SignalActions& actions = task.process().signals();
  const auto set = [](SignalSet signals) { return fmt::format("\t{:016x}", signals); };
  return {{"SigQ", fmt::format("\t0/{}", task.process().limits()[RLIMIT_SIGPENDING].soft)},
          {"SigPnd", set(task.pending().set())},
          {"ShdPnd", set(process_pending(task))},
          {"SigBlk", set(task.signal_mask())},
          {"SigIgn", set(actions.ignored())},
          {"SigCgt", set(actions.caught())}};
}

std::string read_guest(AddressSpace& memory, VirtAddr start, VirtAddr end) {
  constexpr std::uint64_t kMost = 8ULL << 20;  // what prctl(PR_SET_MM) could make of the bounds
  if (start >= end) return {};
  std::string bytes(std::min(end - start, kMost), '\0');
  if (!memory.copy_in(std::as_writable_bytes(std::span(bytes)), start)) return {};
  return bytes;
}

struct LimitName {
  int index;
  const char* name;
  const char* unit;
};
constexpr std::array<LimitName, kResourceLimits> kLimitNames{{
    {RLIMIT_CPU, "Max cpu time", "seconds"},
    {RLIMIT_FSIZE, "Max file size", "bytes"},
    {RLIMIT_DATA, "Max data size", "bytes"},
    {RLIMIT_STACK, "Max stack size", "bytes"},
    {RLIMIT_CORE, "Max core file size", "bytes"},
    {RLIMIT_RSS, "Max resident set", "bytes"},
    {RLIMIT_NPROC, "Max processes", "processes"},
    {RLIMIT_NOFILE, "Max open files", "files"},
    {RLIMIT_MEMLOCK, "Max locked memory", "bytes"},
    {RLIMIT_AS, "Max address space", "bytes"},
    {RLIMIT_LOCKS, "Max file locks", "locks"},
    {RLIMIT_SIGPENDING, "Max pending signals", "signals"},
    {RLIMIT_MSGQUEUE, "Max msgqueue size", "bytes"},
    {RLIMIT_NICE, "Max nice priority", nullptr},
    {RLIMIT_RTPRIO, "Max realtime priority", nullptr},
    {RLIMIT_RTTIME, "Max realtime timeout", "us"},
}};

std::string limit_text(std::uint64_t limit) {
  return limit == kUnlimited ? "unlimited" : std::to_string(limit);
}

}  // namespace

std::string proc_maps(Task& task) { return task.memory().maps_text(); }

std::string proc_status(Task& task) {
  Process& process = task.process();
  Values values{{"Name", fmt::format("\t{}", process.image().name)},
                {"State", "\tR (running)"},
                {"Tgid", fmt::format("\t{}", process.pid())},
                {"Pid", fmt::format("\t{}", task.tid())},
                {"NStgid", fmt::format("\t{}", process.pid())},
                {"NSpid", fmt::format("\t{}", task.tid())},
                {"TracerPid", "\t0"},
                {"FDSize", fmt::format("\t{}", process.files().capacity())},
                {"Threads", fmt::format("\t{}", process.tasks().size())},
                {"THP_enabled", "\t0"}};
  values.merge(memory_values(task));
  values.merge(signal_values(task));
  return replace_lines(read_host("/proc/self/status"), [&](std::string_view line) {
    const auto found = values.find(line.substr(0, line.find(':')));
    if (found == values.end()) return std::string(line);
    return fmt::format("{}:{}\n", found->first, found->second);
  });
}

std::string proc_stat(Task& task) {
  Process& process = task.process();
  const std::string host = read_host("/proc/self/stat");
  // After the name, which may hold anything, fields 3 to 52 in one row.
  std::istringstream after_name(host.substr(std::min(host.rfind(')') + 2, host.size())));
  std::vector<std::string> fields(3);
  for (std::string field; after_name >> field;) fields.push_back(field);
  fields.resize(std::max<std::size_t>(fields.size(), 53), "0");

  const AddressSpaceCounts counts = task.memory().counts();
  const SegmentBounds bounds = task.memory().bounds();
  const SignalActions& actions = process.signals();
  constexpr SignalSet kOldSignals = 0x7fffffff;  // as many as fitted into an int
  const auto set = [&fields](std::size_t number, std::uint64_t value) {
    fields[number] = std::to_string(value);
  };
  fields[3].assign(1, 'R');
  set(10, counts.minor_faults);
  set(11, 0);
  set(12, counts.major_faults);
  set(13, 0);
  set(20, process.tasks().size());
  set(23, counts.total * kPageSize);
  set(24, counts.rss());
  set(25, process.limits()[RLIMIT_RSS].soft);
  set(26, bounds.start_code.value);
  set(27, bounds.end_code.value);
  set(28, bounds.start_stack.value);
  set(29, 0);
  set(30, 0);
  set(31, task.pending().set() & kOldSignals);
  set(32, task.signal_mask() & kOldSignals);
  set(33, actions.ignored() & kOldSignals);
  set(34, actions.caught() & kOldSignals);
  set(45, bounds.start_data.value);
  set(46, bounds.end_data.value);
  set(47, bounds.start_brk.value);
  set(48, bounds.arg_start.value);
  set(49, bounds.arg_end.value);
  set(50, bounds.env_start.value);
  set(51, bounds.env_end.value);
  std::string text = fmt::format("{} ({})", process.pid(), process.image().name);
  for (std::size_t i = 3; i < fields.size(); ++i) {
    text += ' ';
    text += fields[i];
  }
  text += '\n';
  return text;
}

std::string proc_statm(Task& task) {
  const AddressSpaceCounts counts = task.memory().counts();
  return fmt::format("{} {} {} {} 0 {} 0\n", counts.total, counts.rss(),
                     counts.rss_file + counts.rss_shmem,
                     text_bytes(task.memory().bounds()) / kPageSize, counts.data + counts.stack);
}

std::string proc_cmdline(Task& task) {
  AddressSpace& memory = task.memory();
  const SegmentBounds bounds = memory.bounds();
  std::string arguments = read_guest(memory, bounds.arg_start, bounds.arg_end);
  if (arguments.empty() || arguments.back() == '\0') return arguments;
  // The program wrote its title over its arguments, perhaps past their end into the environment
  // (Linux: get_mm_proctitle).
  if (bounds.env_start == bounds.arg_end) {
    const VirtAddr end = std::min(bounds.env_end, bounds.arg_start + kPageSize);
    arguments += read_guest(memory, bounds.arg_end, end);
  }
  return arguments.substr(0, std::min<std::size_t>(arguments.find('\0'), kPageSize - 1)) + '\0';
}

std::string proc_environ(Task& task) {
  const SegmentBounds bounds = task.memory().bounds();
  return read_guest(task.memory(), bounds.env_start, bounds.env_end);
}

std::string proc_auxv(Task& task) {
  const auto bytes = std::as_bytes(std::span(task.process().image().auxv));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string proc_comm(Task& task) { return fmt::format("{}\n", task.process().image().name); }

std::string proc_limits(Task& task) {
  std::string text =
      fmt::format("{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
  for (const LimitName& limit : kLimitNames) {
    const ResourceLimit& value = task.process().limits()[static_cast<std::size_t>(limit.index)];
    text += fmt::format("{:<25} {:<20} {:<20} ", limit.name, limit_text(value.soft),
                        limit_text(value.hard));
    text += limit.unit != nullptr ? fmt::format("{:<10}\n", limit.unit) : "\n";
  }
  return text;
}

std::string proc_meminfo(Task& task) {
  const FrameStats stats = task.process().system().frames().stats();
  const auto in_state = [&](FrameState state) {
    return stats.by_state[static_cast<std::size_t>(state)];
  };
  const std::uint64_t cached = in_state(FrameState::kPageCache);
  const std::uint64_t anonymous = in_state(FrameState::kAnonymous);
  const std::map<std::string, std::uint64_t, std::less<>> pages{
      {"MemTotal", stats.total},
      {"MemFree", stats.free},
      {"MemAvailable", stats.free + cached},
      {"Cached", cached},
      {"Active", cached + anonymous},
      {"Active(anon)", anonymous},
      {"Active(file)", cached},
      {"AnonPages", anonymous},
      {"PageTables", in_state(FrameState::kPageTable)},
      {"CommitLimit", stats.total / 2},
      {"DirectMap4k", stats.total},
  };
  return replace_lines(read_host("/proc/meminfo"), [&](std::string_view line) {
    const std::string_view key = line.substr(0, line.find(':'));
    // Facts of the processor, not counts.
    if (key == "Hugepagesize" || key == "VmallocTotal") return std::string(line);
    const auto found = pages.find(key);
    const std::uint64_t value = found == pages.end() ? 0 : found->second * kKiloBytesPerPage;
    return fmt::format("{:<16}{:>8}{}", fmt::format("{}:", key), value,
                       line.ends_with(" kB\n") ? " kB\n" : "\n");
  });
}

}  // namespace gonzo

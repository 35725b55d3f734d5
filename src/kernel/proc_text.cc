#include "kernel/proc_text.h"

#include <fmt/format.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <sstream>
#include <vector>

#include "kernel/host_text.h"
#include "kernel/process_table.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kKiloBytesPerPage = kPageSize / 1024;

using Values = std::map<std::string, std::string, std::less<>>;

/// Pages of the program's own text (Linux: task_mem, task_statm).
std::uint64_t text_bytes(const SegmentBounds& bounds) {
  const VirtAddr start = bounds.start_code.page_floor(), end = bounds.end_code.page_ceil();
  return start < end ? end - start : 0;
}

/// Linux counts the tables below the root (mm_pgtables_bytes).
std::uint64_t lower_tables(const AddressSpaceCounts& counts) {
  return counts.table_frames - std::min<std::uint64_t>(counts.table_frames, 1);
}

ProcessTable::Identity identity_of(Task& task) {
  return task.process()
      .system()
      .processes()
      .identity(task.process().pid())
      .value_or(ProcessTable::Identity{});
}

Values memory_values(Task& task) {
  const AddressSpaceCounts counts = task.memory().counts();
  const std::uint64_t executable = counts.exec * kPageSize;
  const std::uint64_t text = std::min(text_bytes(task.memory().bounds()), executable);
  const std::uint64_t tables = lower_tables(counts);
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
          {"ShdPnd", set(task.process().pending().set())},
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
std::string proc_smaps(Task& task) { return task.memory().smaps_text(); }
std::string proc_smaps_rollup(Task& task) { return task.memory().smaps_rollup_text(); }
std::string proc_numa_maps(Task& task) { return task.memory().numa_maps_text(); }

std::string proc_status(Task& task) {
  Process& process = task.process();
  const ProcessTable::Identity family = identity_of(task);
  Values values{{"Name", fmt::format("\t{}", task.name())},
                {"State", "\tR (running)"},
                {"Tgid", fmt::format("\t{}", process.pid())},
                {"Pid", fmt::format("\t{}", task.tid())},
                {"NStgid", fmt::format("\t{}", process.pid())},
                {"NSpid", fmt::format("\t{}", task.tid())},
                {"PPid", fmt::format("\t{}", family.shown_parent)},
                {"NSpgid", fmt::format("\t{}", family.group)},
                {"NSsid", fmt::format("\t{}", family.session)},
                {"TracerPid", "\t0"},
                {"FDSize", fmt::format("\t{}", process.files().capacity())},
                {"Threads", fmt::format("\t{}", process.task_count())},
                {"THP_enabled", "\t0"}};
  values.merge(memory_values(task));
  values.merge(signal_values(task));
  return replace_lines(read_host("/proc/thread-self/status"), [&](std::string_view line) {
    const auto found = values.find(line.substr(0, line.find(':')));
    if (found == values.end()) return std::string(line);
    return fmt::format("{}:{}\n", found->first, found->second);
  });
}

std::string proc_stat(Task& task) {
  Process& process = task.process();
  const std::string host = read_host("/proc/thread-self/stat");
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
  const ProcessTable::Identity family = identity_of(task);
  const auto number = [](int id) { return static_cast<std::uint64_t>(id); };
  // The runner's group in the foreground: then one of the guest's is.
  if (fields[8] == fields[5]) set(8, number(process.system().processes().foreground()));
  set(4, number(family.shown_parent));
  set(5, number(family.group));
  set(6, number(family.session));
  set(10, counts.minor_faults);
  set(11, 0);
  set(12, counts.major_faults);
  set(13, 0);
  set(20, process.task_count());
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
  std::string text = fmt::format("{} ({})", process.pid(), task.name());
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
  const ProgramImage& image = task.process().image();
  const std::vector<std::uint32_t> narrow(image.auxv.begin(), image.auxv.end());
  const auto bytes = image.abi == ProgramAbi::kI386 ? std::as_bytes(std::span(narrow))
                                                    : std::as_bytes(std::span(image.auxv));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string proc_comm(Task& task) { return fmt::format("{}\n", task.name()); }

Result<std::uint64_t> proc_set_comm(Task& task, std::string_view text) {
  constexpr std::size_t kNameLength = 15;  // Linux: TASK_COMM_LEN, less its NUL
  const std::string_view name = text.substr(0, kNameLength);
  task.set_name(std::string(name.substr(0, name.find('\0'))));
  return text.size();
}

/// Of the first thread, as if it had made them all.
std::string proc_children(Task& task) {
  Process& process = task.process();
  if (task.tid() != process.pid()) return {};
  std::string text;
  for (const int child : process.system().processes().children_of(process.pid())) {
    text += fmt::format("{} ", child);
  }
  return text;
}

std::string proc_personality(Task&) {
  return fmt::format("{:08x}\n", static_cast<unsigned>(ADDR_NO_RANDOMIZE));
}

/// Linux: oom_badness, proc_oom_score. How willing the program is to be chosen is the host's to
/// keep, which has the means to check who may change it.
std::string proc_oom_score(Task& task) {
  constexpr long kNever = -1000;
  const AddressSpaceCounts counts = task.memory().counts();
  const auto total =
      static_cast<long>(std::max<std::uint64_t>(task.process().system().frames().frame_count(), 1));
  long adjustment = 0;
  std::istringstream(read_host("/proc/self/oom_score_adj")) >> adjustment;
  if (adjustment == kNever) return "0\n";
  const auto pages = static_cast<long>(counts.rss() + counts.swap + lower_tables(counts));
  const long badness = pages + adjustment * (total / 1000);
  return fmt::format("{}\n", (1000 + badness * 1000 / total) * 2 / 3);
}

/// Linux: clear_refs_write. Soft-dirty bits are not kept, as in a kernel without them, which takes
/// the request and does nothing.
Result<std::uint64_t> proc_clear_refs(Task& task, std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const auto start = std::min(text.find_first_not_of(kBlanks), text.size());
  std::string_view digits = text.substr(start, text.find_last_not_of(kBlanks) + 1 - start);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  int kind = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), kind);
  if (error != std::errc() || end != digits.data() + digits.size()) return fail(Errno::kInval);
  AddressSpace& memory = task.memory();
  switch (kind) {
    case 1:
      memory.clear_references(ReferenceScope::kAll);
      break;
    case 2:
      memory.clear_references(ReferenceScope::kAnonymous);
      break;
    case 3:
      memory.clear_references(ReferenceScope::kMapped);
      break;
    case 4:
      break;
    case 5:
      memory.reset_peak_rss();
      break;
    default:
      return fail(Errno::kInval);
  }
  return text.size();
}

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

}  // namespace gonzo

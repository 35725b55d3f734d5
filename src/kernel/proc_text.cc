#include "kernel/proc_text.h"

#include <fmt/format.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "kernel/exit.h"
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

ProcessTable::Identity identity_of(const ProcSubject& subject) {
  return subject.system()
      .processes()
      .identity(subject.process().pid())
      .value_or(ProcessTable::Identity{});
}

/// Linux: task_state_array.
enum class State : char { kRunning = 'R', kSleeping = 'S', kStopped = 'T', kZombie = 'Z' };

State state_of(const ProcSubject& subject) {
  const auto task = subject.task();
  if (task == nullptr) return State::kZombie;
  if (task->host_thread() == gettid()) return State::kRunning;
  if (subject.process().is_stopped()) return State::kStopped;
  return task->blocking().load() ? State::kSleeping : State::kRunning;
}

const char* state_text(State state) {
  switch (state) {
    case State::kRunning:
      return "\tR (running)";
    case State::kSleeping:
      return "\tS (sleeping)";
    case State::kStopped:
      return "\tT (stopped)";
    case State::kZombie:
      break;
  }
  return "\tZ (zombie)";
}

std::string four_ids(unsigned real, unsigned effective, unsigned saved, unsigned file) {
  return fmt::format("\t{}\t{}\t{}\t{}", real, effective, saved, file);
}

/// Linux does not print these of a task without memory.
bool is_about_memory(std::string_view key) {
  constexpr std::array<std::string_view, 4> kOthers{"HugetlbPages", "CoreDumping", "THP_enabled",
                                                    "Umask"};
  constexpr std::array<std::string_view, 4> kStarts{"Vm", "Rss", "untag", "x86_Thread"};
  const auto starts = [key](std::string_view start) { return key.starts_with(start); };
  return std::ranges::find(kOthers, key) != kOthers.end() || std::ranges::any_of(kStarts, starts);
}

Values memory_values(AddressSpace& memory) {
  const AddressSpaceCounts counts = memory.counts();
  const std::uint64_t executable = counts.exec * kPageSize;
  const std::uint64_t text = std::min(text_bytes(memory.bounds()), executable);
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

Values signal_values(const ProcSubject& subject) {
  Process& process = subject.process();
  const auto task = subject.task();
  const auto actions = process.actions_ref();
  const auto set = [](SignalSet signals) { return fmt::format("\t{:016x}", signals); };
  const bool has_ended = task == nullptr;
  return {{"SigQ", fmt::format("\t0/{}", process.limits()[RLIMIT_SIGPENDING].soft)},
          {"SigPnd", set(has_ended ? 0 : task->pending().set())},
          {"ShdPnd", set(process.pending().set())},
          {"SigBlk", set(has_ended ? 0 : task->signal_mask())},
          {"SigIgn", set(actions->ignored())},
          {"SigCgt", set(actions->caught())}};
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

std::size_t threads_of(const Process& process) {
  return std::max<std::size_t>(process.task_count(), 1);  // a zombie counts
}

/// Fields 3 to 52 of a line of stat, numbered from 1 as in proc(5). The host's to start with.
class StatFields {
 public:
  /// After the name, which may hold anything.
  explicit StatFields(const std::string& line) {
    std::istringstream after_name(line.substr(std::min(line.rfind(')') + 2, line.size())));
    for (std::string field; after_name >> field;) fields_.push_back(field);
    fields_.resize(std::max(fields_.size(), kFields), "0");
  }
  const std::string& operator[](std::size_t number) const { return fields_[number]; }
  void set(std::size_t number, std::string value) { fields_[number] = std::move(value); }
  void set(std::size_t number, std::uint64_t value) { fields_[number] = std::to_string(value); }
  void set_id(std::size_t number, int id) { fields_[number] = std::to_string(id); }
  std::string text() const {
    std::string all;
    for (std::size_t i = kFirst; i < fields_.size(); ++i) (all += ' ') += fields_[i];
    return all;
  }

 private:
  static constexpr std::size_t kFirst = 3, kFields = 53;
  std::vector<std::string> fields_ = std::vector<std::string>(kFirst);
};

void fill_identity(const ProcSubject& subject, StatFields& fields) {
  const ProcessTable::Identity family = identity_of(subject);
  const State state = state_of(subject);
  fields.set(3, std::string(1, std::to_underlying(state)));
  ProcessTable& processes = subject.system().processes();
  const TerminalId terminal = processes.terminal_of(subject.process().pid());
  const bool has_runners = terminal != 0 && terminal == processes.runner_terminal();
  // The runner's group in the foreground: then one of the guest's is.
  if (!has_runners || fields[8] == fields[5]) {
    fields.set_id(8, terminal != 0 ? processes.foreground(terminal) : -1);
  }
  fields.set(7, std::uint64_t{terminal});
  fields.set_id(4, family.shown_parent);
  fields.set_id(5, family.group);
  fields.set_id(6, family.session);
  fields.set(20, threads_of(subject.process()));
  const bool waits = state != State::kRunning && subject.may_inspect().has_value();
  fields.set(35, std::uint64_t{waits ? 1U : 0U});
  if (subject.is_leader()) fields.set_id(38, family.exit_signal);
}

/// Of the whole process; of one thread its CPU time, the rest the host knows.
void fill_usage(const ProcSubject& subject, StatFields& fields) {
  const auto ticks = [](std::chrono::nanoseconds time) {
    constexpr std::chrono::milliseconds kTick(10);  // USER_HZ: 100
    return static_cast<std::uint64_t>(time / kTick);
  };
  if (subject.form() == ProcSubject::Form::kThread) {
    const auto task = subject.task();
    const CpuTime time = task != nullptr ? task->cpu_time() : CpuTime{};
    fields.set(14, ticks(time.user));
    fields.set(15, ticks(time.system));
    return;
  }
  const ProcessTable::Identity family = identity_of(subject);
  const Usage used = family.is_zombie ? family.usage : usage_of(subject.process());
  fields.set(10, used.minor_faults);
  fields.set(11, family.children_usage.minor_faults);
  fields.set(12, used.major_faults);
  fields.set(13, family.children_usage.major_faults);
  fields.set(14, ticks(used.user));
  fields.set(15, ticks(used.system));
  fields.set(16, ticks(family.children_usage.user));
  fields.set(17, ticks(family.children_usage.system));
  fields.set(22, ticks(subject.process().started_at()));
}

/// Addresses are for those who may look at what is there; where code lies is told as a yes.
void fill_memory(const ProcSubject& subject, StatFields& fields) {
  const auto memory = subject.memory();
  const AddressSpaceCounts counts = memory ? memory->space().counts() : AddressSpaceCounts{};
  const bool shown = memory != nullptr && subject.may_inspect();
  const SegmentBounds bounds = shown ? memory->space().bounds() : SegmentBounds{};
  const std::uint64_t hidden = memory != nullptr && !shown ? 1 : 0;
  fields.set(23, counts.total * kPageSize);
  fields.set(24, counts.rss());
  fields.set(25, subject.process().limits()[RLIMIT_RSS].soft);
  fields.set(26, bounds.start_code.value | hidden);
  fields.set(27, bounds.end_code.value | hidden);
  fields.set(28, bounds.start_stack.value);
  fields.set(29, std::uint64_t{0});
  fields.set(30, std::uint64_t{0});
  fields.set(45, bounds.start_data.value);
  fields.set(46, bounds.end_data.value);
  fields.set(47, bounds.start_brk.value);
  fields.set(48, bounds.arg_start.value);
  fields.set(49, bounds.arg_end.value);
  fields.set(50, bounds.env_start.value);
  fields.set(51, bounds.env_end.value);
}

void fill_signals(const ProcSubject& subject, StatFields& fields) {
  constexpr SignalSet kOldSignals = 0x7fffffff;  // as many as fitted into an int
  const auto task = subject.task();
  const auto actions = subject.process().actions_ref();
  fields.set(31, task != nullptr ? task->pending().set() & kOldSignals : 0);
  fields.set(32, task != nullptr ? task->signal_mask() & kOldSignals : 0);
  fields.set(33, actions->ignored() & kOldSignals);
  fields.set(34, actions->caught() & kOldSignals);
}

}  // namespace

std::string proc_maps(AddressSpace& memory) { return memory.maps_text(); }
std::string proc_smaps(AddressSpace& memory) { return memory.smaps_text(); }
std::string proc_smaps_rollup(AddressSpace& memory) { return memory.smaps_rollup_text(); }
std::string proc_numa_maps(AddressSpace& memory) { return memory.numa_maps_text(); }

std::string proc_environ(AddressSpace& memory) {
  const SegmentBounds bounds = memory.bounds();
  return read_guest(memory, bounds.env_start, bounds.env_end);
}

std::string proc_status(const ProcSubject& subject) {
  Process& process = subject.process();
  const ProcessTable::Identity family = identity_of(subject);
  const auto files = subject.files();
  Values values{{"Name", fmt::format("\t{}", subject.name())},
                {"State", state_text(state_of(subject))},
                {"Tgid", fmt::format("\t{}", process.pid())},
                {"Pid", fmt::format("\t{}", subject.tid())},
                {"NStgid", fmt::format("\t{}", process.pid())},
                {"NSpid", fmt::format("\t{}", subject.tid())},
                {"PPid", fmt::format("\t{}", family.shown_parent)},
                {"NSpgid", fmt::format("\t{}", family.group)},
                {"NSsid", fmt::format("\t{}", family.session)},
                {"TracerPid", "\t0"},
                {"FDSize", fmt::format("\t{}", files != nullptr ? files->capacity() : 0)},
                {"Threads", fmt::format("\t{}", threads_of(process))},
                {"THP_enabled", "\t0"}};
  values.merge(signal_values(subject));
  const auto memory = subject.memory();
  if (memory != nullptr) {
    values.merge(memory_values(memory->space()));
  } else {
    const Credentials ids = subject.credentials();
    values["Uid"] = four_ids(ids.uid, ids.euid, ids.suid, ids.fsuid);
    values["Gid"] = four_ids(ids.gid, ids.egid, ids.sgid, ids.fsgid);
    values["CapPrm"] = fmt::format("\t{:016x}", ids.permitted);
    values["CapEff"] = fmt::format("\t{:016x}", ids.effective);
  }
  const std::string host = read_host((subject.host_directory() + "/status").c_str());
  return replace_lines(host, [&](std::string_view line) {
    const std::string_view key = line.substr(0, line.find(':'));
    if (memory == nullptr && is_about_memory(key)) return std::string();
    const auto found = values.find(key);
    if (found == values.end()) return std::string(line);
    return fmt::format("{}:{}\n", found->first, found->second);
  });
}

std::string proc_stat(const ProcSubject& subject) {
  StatFields fields(read_host((subject.host_directory() + "/stat").c_str()));
  fill_identity(subject, fields);
  fill_usage(subject, fields);
  fill_memory(subject, fields);
  fill_signals(subject, fields);
  return fmt::format("{} ({}){}\n", subject.tid(), subject.name(), fields.text());
}

std::string proc_statm(const ProcSubject& subject) {
  const auto memory = subject.memory();
  if (memory == nullptr) return "0 0 0 0 0 0 0\n";
  const AddressSpaceCounts counts = memory->space().counts();
  return fmt::format("{} {} {} {} 0 {} 0\n", counts.total, counts.rss(),
                     counts.rss_file + counts.rss_shmem,
                     text_bytes(memory->space().bounds()) / kPageSize, counts.data + counts.stack);
}

std::string proc_cmdline(const ProcSubject& subject) {
  const auto held = subject.memory();
  if (held == nullptr) return {};
  AddressSpace& memory = held->space();
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

std::string proc_auxv(const ProcSubject& subject) {
  const auto image = subject.process().image_ref();
  const std::vector<std::uint32_t> narrow(image->auxv.begin(), image->auxv.end());
  const auto bytes = image->abi == ProgramAbi::kI386 ? std::as_bytes(std::span(narrow))
                                                     : std::as_bytes(std::span(image->auxv));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string proc_comm(const ProcSubject& subject) { return fmt::format("{}\n", subject.name()); }

/// Linux: comm_write.
Result<std::uint64_t> proc_set_comm(const ProcSubject& subject, std::string_view text) {
  constexpr std::size_t kNameLength = 15;  // Linux: TASK_COMM_LEN, less its NUL
  if (!subject.is_own()) return fail(Errno::kInval);
  const auto task = subject.task();
  if (task == nullptr) return fail(Errno::kSrch);
  const std::string_view name = text.substr(0, kNameLength);
  task->set_name(std::string(name.substr(0, name.find('\0'))));
  return text.size();
}

/// Of the first thread, as if it had made them all.
std::string proc_children(const ProcSubject& subject) {
  if (!subject.is_leader()) return {};
  std::string text;
  for (const int child : subject.system().processes().children_of(subject.tid())) {
    text += fmt::format("{} ", child);
  }
  return text;
}

std::string proc_personality(const ProcSubject&) {
  return fmt::format("{:08x}\n", static_cast<unsigned>(ADDR_NO_RANDOMIZE));
}

/// Linux: clear_refs_write. Soft-dirty bits are not kept, as in a kernel without them, which takes
/// the request and does nothing.
Result<std::uint64_t> proc_clear_refs(const ProcSubject& subject, std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const auto start = std::min(text.find_first_not_of(kBlanks), text.size());
  std::string_view digits = text.substr(start, text.find_last_not_of(kBlanks) + 1 - start);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  int kind = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), kind);
  if (error != std::errc() || end != digits.data() + digits.size()) return fail(Errno::kInval);
  if (kind < 1 || kind > 5) return fail(Errno::kInval);
  if (subject.is_gone()) return fail(Errno::kSrch);
  const auto held = subject.memory();
  if (held == nullptr) return text.size();
  AddressSpace& memory = held->space();
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
      break;
  }
  return text.size();
}

std::string proc_limits(const ProcSubject& subject) {
  const ResourceLimits limits = subject.process().limits();
  std::string text =
      fmt::format("{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
  for (const LimitName& limit : kLimitNames) {
    const ResourceLimit& value = limits[static_cast<std::size_t>(limit.index)];
    text += fmt::format("{:<25} {:<20} {:<20} ", limit.name, limit_text(value.soft),
                        limit_text(value.hard));
    text += limit.unit != nullptr ? fmt::format("{:<10}\n", limit.unit) : "\n";
  }
  return text;
}

}  // namespace gonzo

#include "kernel/proc_named_files.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "kernel/proc_machine_text.h"
#include "kernel/proc_oom.h"
#include "kernel/proc_pressure.h"
#include "kernel/proc_sysvipc.h"
#include "kernel/proc_text.h"

namespace gonzo {
namespace {

using MachineText = std::string (*)(System&);

// What is opened how. Each is an opener for the tables below.

/// About whoever it is at the moment of reading.
template <ProcText text>
TextSource current(const ProcSubject& subject) {
  return [subject]() -> Result<std::string> {
    if (subject.is_gone()) return fail(Errno::kSrch);
    return text(subject);
  };
}

/// Text, whose end lseek does not know, or bytes.
using Form = OpenFileRef (*)(ProcOpening, TextSource);
OpenFileRef as_text(ProcOpening opening, TextSource source) {
  return open_text(std::move(opening), std::move(source));
}

template <ProcText text, Form form = as_text>
Result<OpenFileRef> open_current(ProcOpening&& opening, System&) {
  TextSource source = current<text>(*opening.subject);
  return form(std::move(opening), std::move(source));
}

template <ProcText text, ProcSink sink>
Result<OpenFileRef> open_writable(ProcOpening&& opening, System&) {
  const ProcSubject subject = *opening.subject;
  return open_text(std::move(opening), current<text>(subject),
                   [subject](std::string_view bytes) { return sink(subject, bytes); });
}

/// Who may look at it, and at the memory that it has when the file is opened. ESRCH: none; EACCES.
/// Linux: proc_mem_open.
Result<std::shared_ptr<ProcessMemory>> inspected_memory(const ProcSubject& subject) {
  auto memory = subject.memory();
  if (memory == nullptr) return fail(Errno::kSrch);
  if (!subject.may_inspect()) return fail(Errno::kAcces);
  return memory;
}

/// Of the memory of the moment of opening, as long as that is somebody's. A process without memory
/// has no lines.
template <ProcMemoryText text>
Result<OpenFileRef> open_areas(ProcOpening&& opening, System&) {
  const ProcSubject subject = *opening.subject;
  const auto memory = inspected_memory(subject);
  if (!memory && memory.error() != Errno::kSrch) return fail(memory.error());
  const std::weak_ptr<ProcessMemory> opened = memory.value_or(nullptr);
  return open_text(std::move(opening), [subject, opened]() -> Result<std::string> {
    if (subject.is_gone()) return fail(Errno::kSrch);
    const auto held = opened.lock();
    return held != nullptr ? text(held->space()) : std::string();
  });
}

/// Of that memory, which must be there. Later, once it is gone, so is the text, or reading fails.
enum class Gone : bool { kIsEmpty, kFails };
template <ProcMemoryText text, Form form, Gone gone>
Result<OpenFileRef> open_inspected(ProcOpening&& opening, System&) {
  GONZO_ASSIGN(const std::weak_ptr<ProcessMemory> opened, inspected_memory(*opening.subject));
  return form(std::move(opening), [opened]() -> Result<std::string> {
    const auto held = opened.lock();
    if (held != nullptr) return text(held->space());
    if (gone == Gone::kFails) return fail(Errno::kSrch);
    return std::string();
  });
}

/// What exec wrote down can be read for ever.
Result<OpenFileRef> open_auxv(ProcOpening&& opening, System&) {
  GONZO_TRY(inspected_memory(*opening.subject));
  auto text = proc_auxv(*opening.subject);
  return open_bytes(std::move(opening),
                    [text = std::move(text)]() -> Result<std::string> { return text; });
}

/// The memory itself.
template <OpenFileRef (*form)(ProcOpening, std::weak_ptr<ProcessMemory>)>
Result<OpenFileRef> open_memory(ProcOpening&& opening, System&) {
  GONZO_ASSIGN(auto memory, inspected_memory(*opening.subject));
  return form(std::move(opening), memory);
}

Result<OpenFileRef> open_clear_refs(ProcOpening&& opening, System&) {
  const ProcSubject subject = *opening.subject;
  return open_sink(std::move(opening),
                   [subject](std::string_view bytes) { return proc_clear_refs(subject, bytes); });
}

template <MachineText text>
Result<OpenFileRef> open_machine(ProcOpening&& opening, System& system) {
  return open_text(std::move(opening), [&system]() -> Result<std::string> { return text(system); });
}

struct NamedFile {
  std::string_view name;
  ProcOpener open;
};

constexpr std::array kProcessFiles{
    NamedFile{"auxv", open_auxv},
    NamedFile{"children", open_current<proc_children>},
    NamedFile{"clear_refs", open_clear_refs},
    NamedFile{"cmdline", open_current<proc_cmdline, open_bytes>},
    NamedFile{"comm", open_writable<proc_comm, proc_set_comm>},
    NamedFile{"environ", open_inspected<proc_environ, open_bytes, Gone::kIsEmpty>},
    NamedFile{"limits", open_current<proc_limits>},
    NamedFile{"maps", open_areas<proc_maps>},
    NamedFile{"mem", open_memory<open_mem>},
    NamedFile{"numa_maps", open_areas<proc_numa_maps>},
    NamedFile{"oom_adj", open_writable<proc_oom_adj, write_oom_adj>},
    NamedFile{"oom_score", open_current<proc_oom_score>},
    NamedFile{"oom_score_adj", open_writable<proc_oom_score_adj, write_oom_score_adj>},
    NamedFile{"pagemap", open_memory<open_pagemap>},
    NamedFile{"personality", open_current<proc_personality>},
    NamedFile{"smaps", open_areas<proc_smaps>},
    NamedFile{"smaps_rollup", open_inspected<proc_smaps_rollup, as_text, Gone::kFails>},
    NamedFile{"stat", open_current<proc_stat>},
    NamedFile{"statm", open_current<proc_statm>},
    NamedFile{"status", open_current<proc_status>},
};

constexpr std::array<std::string_view, 7> kAbsent{"io",    "map_files", "sched", "schedstat",
                                                  "stack", "syscall",   "timers"};

constexpr std::array kMachineFiles{
    NamedFile{"buddyinfo", open_machine<proc_buddyinfo>},
    NamedFile{"meminfo", open_machine<proc_meminfo>},
    NamedFile{"slabinfo", open_machine<proc_slabinfo>},
    NamedFile{"swaps", open_machine<proc_swaps>},
    NamedFile{"vmallocinfo", open_machine<proc_vmallocinfo>},
    NamedFile{"vmstat", open_machine<proc_vmstat>},
    NamedFile{"zoneinfo", open_machine<proc_zoneinfo>},
};

constexpr std::array kVmSettings{
    NamedFile{"max_map_count", open_machine<proc_max_map_count>},
    NamedFile{"mmap_min_addr", open_machine<proc_mmap_min_addr>},
    NamedFile{"overcommit_kbytes", open_machine<proc_overcommit_kbytes>},
    NamedFile{"overcommit_memory", open_machine<proc_overcommit_memory>},
    NamedFile{"overcommit_ratio", open_machine<proc_overcommit_ratio>},
};

constexpr std::array kPressureFiles{NamedFile{"memory", open_pressure_memory}};
constexpr std::array kSysvipcFiles{NamedFile{"shm", open_machine<proc_sysvipc_shm>}};

template <std::size_t Count>
ProcOpener find_opener(const std::array<NamedFile, Count>& table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &NamedFile::name);
  return found == table.end() ? nullptr : found->open;
}

}  // namespace

ProcOpener find_process_file(std::string_view name) { return find_opener(kProcessFiles, name); }
bool is_absent_process_file(std::string_view name) {
  return std::ranges::find(kAbsent, name) != kAbsent.end();
}

ProcOpener find_machine_file(std::string_view name) { return find_opener(kMachineFiles, name); }
ProcOpener find_vm_setting(std::string_view name) { return find_opener(kVmSettings, name); }
ProcOpener find_pressure_file(std::string_view name) { return find_opener(kPressureFiles, name); }
ProcOpener find_sysvipc_file(std::string_view name) { return find_opener(kSysvipcFiles, name); }

}  // namespace gonzo

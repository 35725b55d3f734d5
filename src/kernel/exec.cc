#include "kernel/exec.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <utility>

#include "kernel/elf_loader.h"
#include "kernel/exec_capabilities.h"
#include "kernel/exit.h"
#include "kernel/initial_stack.h"
#include "kernel/process_table.h"
#include "kernel/program_file.h"
#include "kernel/script.h"
#include "kernel/task.h"
#include "kernel/vdso.h"

namespace gonzo {
namespace {

constexpr int kScriptDepth = 5;         // Linux: exec_binprm
constexpr std::size_t kNameBytes = 15;  // TASK_COMM_LEN without its NUL

/// Everything that can be refused while execve can still return.
struct Preparation {
  ProgramFile program;
  ElfImage image;
  std::string name;   ///< what the host opens
  std::string shown;  ///< the same for the program, and for texts
  std::optional<ProgramFile> interpreter;
  std::optional<ElfImage> interpreter_image;
  InitialStack stack;
};

/// argv[0] becomes the script, before it come its interpreter and the interpreter's argument.
void splice(std::vector<std::string>& arguments, const ScriptLine& line,
            const std::string& script) {
  arguments.front() = script;
  if (line.argument) arguments.insert(arguments.begin(), *line.argument);
  arguments.insert(arguments.begin(), line.interpreter);
}

bool is_elf(const ProgramFile& program) {
  return std::memcmp(program.head.data(), ELFMAG, SELFMAG) == 0;
}

/// Follows #! lines to the ELF file behind them.
ExecOutcome<void> find_program(Preparation& prepared, std::uint64_t stack_limit) {
  std::string referrer;
  for (int depth = 0;; ++depth) {
    auto opened = open_program(prepared.name, referrer);
    if (!opened) return std::unexpected(opened.error());
    // The sixth script's interpreter is looked for, then refused.
    if (depth > kScriptDepth) {
      return std::unexpected(
          ExecError{Errno::kLoop, fmt::format("{}: more than {} scripts in a row",
                                              prepared.stack.file_name, kScriptDepth)});
    }
    if (auto ok = check_argument_size(prepared.stack, stack_limit); !ok) return ok;
    prepared.program = std::move(*opened);
    if (is_elf(prepared.program)) return {};
    const auto line = parse_script(prepared.program.head);
    if (!line) {
      return std::unexpected(ExecError{
          Errno::kNoExec,
          fmt::format("{}: neither an ELF program nor a script that names its interpreter",
                      prepared.name)});
    }
    splice(prepared.stack.arguments, *line, prepared.shown);
    referrer = std::exchange(prepared.shown, line->interpreter);
    prepared.name = line->interpreter;
  }
}

ExecOutcome<void> find_interpreter(Preparation& prepared) {
  if (!prepared.image.interpreter) return {};
  const std::string& path = *prepared.image.interpreter;
  auto opened = open_program(path, prepared.name);
  if (!opened) return std::unexpected(opened.error());
  auto image = parse_elf_interpreter(*opened->file, prepared.image.abi, path);
  if (!image) return std::unexpected(image.error());
  prepared.interpreter = std::move(*opened);
  prepared.interpreter_image = std::move(*image);
  return {};
}

ExecOutcome<Preparation> prepare(const ExecRequest& request, std::uint64_t stack_limit) {
  Preparation prepared;
  prepared.name = request.path;
  prepared.shown = request.shown_path.empty() ? request.path : request.shown_path;
  prepared.stack = {.file_name = prepared.shown,
                    .arguments = request.arguments,
                    .environment = request.environment,
                    .random_bytes = request.random_bytes,
                    .auxv = {}};
  // Linux since 5.18: there is always an argv[0].
  if (prepared.stack.arguments.empty()) prepared.stack.arguments.emplace_back();
  if (auto ok = find_program(prepared, stack_limit); !ok) return std::unexpected(ok.error());
  auto image = parse_elf(*prepared.program.file, prepared.name);
  if (!image) return std::unexpected(image.error());
  prepared.image = std::move(*image);
  prepared.stack.abi = prepared.image.abi;
  if (auto ok = find_interpreter(prepared); !ok) return std::unexpected(ok.error());
  return prepared;
}

/// The kernel's word for this process. Not getauxval(): libc has its own idea of AT_HWCAP on x86.
class HostAuxv {
 public:
  HostAuxv() {
    std::ifstream file("/proc/self/auxv", std::ios::binary);
    file.read(reinterpret_cast<char*>(entries_.data()), sizeof(entries_));
  }
  std::uint64_t value(std::uint64_t type) const {
    const auto found = std::ranges::find(entries_, type, &AuxEntry::type);
    return found == entries_.end() ? 0 : found->value;
  }

 private:
  std::array<AuxEntry, 64> entries_{};
};

struct Loaded {
  LoadedElf program;
  VirtAddr entry;
  std::uint64_t interpreter_base = 0;
  std::optional<VirtAddr> vdso;  ///< its ELF header
};

/// In the order of create_elf_tables. AT_RSEQ_* are missing: there are no restartable sequences.
std::vector<AuxEntry> make_auxv(const ElfImage& image, const Loaded& loaded) {
  const HostAuxv host;
  const LoadedElf& program = loaded.program;
  std::vector<AuxEntry> auxv;
  if (loaded.vdso) auxv.push_back({AT_SYSINFO_EHDR, loaded.vdso->value});
  const std::initializer_list<AuxEntry> others{
      {AT_MINSIGSTKSZ, host.value(AT_MINSIGSTKSZ)},
      {AT_HWCAP, host.value(AT_HWCAP)},
      {AT_PAGESZ, kPageSize},
      {AT_CLKTCK, static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK))},
      {AT_PHDR, program.program_headers.value},
      {AT_PHENT, image.abi == ProgramAbi::kI386 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr)},
      {AT_PHNUM, image.header_count},
      {AT_BASE, loaded.interpreter_base},
      {AT_FLAGS, 0},
      {AT_ENTRY, program.entry.value},
      {AT_UID, getuid()},
      {AT_EUID, geteuid()},
      {AT_GID, getgid()},
      {AT_EGID, getegid()},
      {AT_SECURE, 0},
      {AT_RANDOM, 0},
      {AT_HWCAP2, host.value(AT_HWCAP2)},
      {AT_EXECFN, 0},
      {AT_PLATFORM, 0}};
  auxv.insert(auxv.end(), others);
  return auxv;
}

std::unexpected<ExecError> no_stack(const std::string& name, Errno error) {
  return std::unexpected(ExecError{
      error, fmt::format("{}: cannot set up its stack: {}", name, errno_text(error)), SIGSEGV});
}

std::string program_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1).substr(0, kNameBytes);
}

std::unexpected<ExecError> no_room(const std::string& name, Errno error) {
  return std::unexpected(
      ExecError{error, fmt::format("{}: no room for its process: {}", name, errno_text(error))});
}

/// The format of page tables that programs of `abi` run on.
ExecOutcome<PagingFormat> paging_for(const System& system, ProgramAbi abi,
                                     const std::string& name) {
  const auto format = system.paging_format(abi);
  if (format) return *format;
  return std::unexpected(ExecError{
      format.error(), fmt::format("{}: {} programs do not run on page tables of this format", name,
                                  abi == ProgramAbi::kI386 ? "i386" : "x86-64")});
}

/// An empty address space in that format.
ExecOutcome<void> use_paging_for(Process& process, ProgramAbi abi, const std::string& name) {
  const auto format = paging_for(process.system(), abi, name);
  if (!format) return std::unexpected(format.error());
  if (process.memory().page_table().format() == *format) return {};
  if (auto renewed = process.renew_memory(*format); !renewed) {
    return no_room(name, renewed.error());
  }
  return {};
}

ExecOutcome<Loaded> load(AddressSpace& memory, PageCache& cache, const Preparation& prepared) {
  const auto object = prepared.program.object(cache);
  if (!object) return std::unexpected(object.error());
  const auto program = load_elf_program(memory, prepared.image, *object, prepared.name);
  if (!program) return std::unexpected(program.error());
  if (!prepared.interpreter) return Loaded{*program, program->entry};

  const auto interpreter_object = prepared.interpreter->object(cache);
  if (!interpreter_object) return std::unexpected(interpreter_object.error());
  const auto interpreter =
      load_elf_interpreter(memory, *prepared.interpreter_image, *interpreter_object, program->bias,
                           *prepared.image.interpreter);
  if (!interpreter) return std::unexpected(interpreter.error());
  return Loaded{*program, interpreter->entry, interpreter->bias};
}

/// Linux: arch_setup_additional_pages. i386 programs do without.
ExecOutcome<void> add_vdso(AddressSpace& memory, System& system, const Preparation& prepared,
                           Loaded& loaded) {
  if (prepared.image.abi != ProgramAbi::kX8664) return {};
  const auto vdso = system.vdso();
  const auto header = vdso ? (*vdso)->map_into(memory) : fail(vdso.error());
  if (!header) {
    return std::unexpected(ExecError{
        header.error(),
        fmt::format("{}: no room for the vDSO: {}", prepared.name, errno_text(header.error())),
        SIGSEGV});
  }
  loaded.vdso = *header;
  return {};
}

/// A program in memory.
struct Started {
  ExecResult at;
  std::vector<std::uint64_t> auxv;
};

/// An old i386 program, which does not say what it wants of its stack (Linux: READ_IMPLIES_EXEC).
bool reads_may_execute(const Preparation& prepared) {
  return prepared.image.abi == ProgramAbi::kI386 && prepared.image.stack == ElfStack::kDefault;
}

/// Into an empty address space.
ExecOutcome<Started> fill(AddressSpace& memory, System& system, Preparation& prepared,
                          std::uint64_t stack_limit) {
  // The strings' place does not depend on what is loaded; the stack has its room first, as on
  // Linux.
  const ProgramAbi abi = prepared.image.abi;
  const std::uint64_t stack_bytes =
      initial_stack_bytes(abi, build_stack(prepared.stack).strings_start, stack_limit);
  const bool executable_stack =
      reads_may_execute(prepared) || prepared.image.stack == ElfStack::kExecutable;
  if (auto ok = memory.map_stack(stack_top(abi), stack_bytes, executable_stack); !ok) {
    return no_stack(prepared.name, ok.error());
  }
  auto loaded = load(memory, system.page_cache(), prepared);
  if (!loaded) return std::unexpected(loaded.error());
  if (auto ok = add_vdso(memory, system, prepared, *loaded); !ok) {
    return std::unexpected(ok.error());
  }

  prepared.stack.auxv = make_auxv(prepared.image, *loaded);
  StackImage stack = build_stack(prepared.stack);
  if (auto ok = memory.copy_out(stack.stack_pointer, stack.bytes); !ok) {
    return no_stack(prepared.name, ok.error());
  }
  const LoadedElf& program = loaded->program;
  memory.set_bounds({.start_code = program.start_code,
                     .end_code = program.end_code,
                     .start_data = program.start_data,
                     .end_data = program.end_data,
                     .start_brk = program.break_start,
                     .brk = program.break_start,
                     .start_stack = stack.stack_pointer,
                     .arg_start = stack.arg_start,
                     .arg_end = stack.arg_end,
                     .env_start = stack.env_start,
                     .env_end = stack.env_end});
  return Started{{abi, loaded->entry, stack.stack_pointer}, std::move(stack.auxv)};
}

/// What a new program finds changed in its process. Linux: begin_new_exec.
void become(Process& process, const Preparation& prepared, std::vector<std::uint64_t> auxv) {
  process.files().close_on_exec();
  process.posix_timers().clear();
  process.signals().reset_handlers();
  process.set_image({.abi = prepared.image.abi,
                     .path = prepared.program.path,
                     .name = program_name(prepared.stack.file_name),
                     .auxv = std::move(auxv),
                     .read_implies_exec = reads_may_execute(prepared)});
  process.is_dumpable = getuid() == geteuid() && getgid() == getegid();
}

/// Linux: begin_new_exec and setup_new_exec, for the thread itself.
void start_over(Task& task) {
  task.signal_stack() = {};
  task.gave_up_locks = false;
  task.restart_block.reset();
  task.original_rax = ~0ULL;
  if (leave_capabilities_at_exec()) {
    task.set_credentials(Credentials::current());
    task.process().update_memory_limits();
  }
  task.set_name(task.process().image().name);
}

/// The first thread's number is the process's.
void lead(Task& task) {
  const int pid = task.process().pid();
  if (task.tid() != pid) task.process().system().processes().rename_task(task, pid);
}

}  // namespace

ExecOutcome<ExecResult> exec_program(Process& process, const ExecRequest& request) {
  const std::uint64_t stack_limit = process.limits()[RLIMIT_STACK].soft;
  auto prepared = prepare(request, stack_limit);
  if (!prepared) return std::unexpected(prepared.error());
  if (auto ok = use_paging_for(process, prepared->image.abi, prepared->name); !ok) {
    return std::unexpected(ok.error());
  }
  auto started = fill(process.memory(), process.system(), *prepared, stack_limit);
  if (!started) return std::unexpected(started.error());
  become(process, *prepared, std::move(started->auxv));
  return started->at;
}

ExecOutcome<void> exec_task(Task& task, const ExecRequest& request) {
  Process& process = task.process();
  System& system = process.system();
  const std::uint64_t stack_limit = process.limits()[RLIMIT_STACK].soft;
  auto prepared = prepare(request, stack_limit);
  if (!prepared) return std::unexpected(prepared.error());
  const auto format = paging_for(system, prepared->image.abi, prepared->name);
  if (!format) return std::unexpected(format.error());
  auto memory = ProcessMemory::create(system, *format, process.memory_limits(), process.pid());
  if (!memory) return no_room(prepared->name, memory.error());
  if (!process.end_other_tasks(task)) return no_room(prepared->name, Errno::kAgain);

  // The point of no return.
  lead(task);
  const auto die = [&](const ExecError& error) {
    process.begin_exit({.signal = error.signal != 0 ? error.signal : SIGKILL});
    return std::unexpected(error);
  };
  auto started = fill((*memory)->space(), system, *prepared, stack_limit);
  if (!started) return die(started.error());
  auto thread = system.machine().create_thread((*memory)->machine(), started->at.registers());
  if (!thread) return die(no_room(prepared->name, thread.error()).error());

  leave_memory(task);
  std::unique_ptr<MachineThread> old_thread = task.replace_thread(std::move(*thread));
  const std::shared_ptr<ProcessMemory> old_memory = process.replace_memory(std::move(*memory));
  old_thread.reset();  // before its space
  become(process, *prepared, std::move(started->auxv));
  start_over(task);
  system.processes().note_exec(process.pid());
  process.end_vfork();
  return {};
}

}  // namespace gonzo

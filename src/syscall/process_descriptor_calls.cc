// pidfd_open(2), pidfd_getfd(2), kcmp(2). Linux: kernel/pid.c, kernel/kcmp.c.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <climits>
#include <functional>

#include "kernel/process_table.h"
#include "syscall/handlers.h"
#include "syscall/process_descriptor.h"

namespace gonzo {

namespace {

constexpr int kSelfThread = -10000, kSelfProcess = -10001;  // PIDFD_SELF_*
constexpr unsigned kThread = O_EXCL;                        // PIDFD_THREAD

/// The process whose directory it is; 0: of none.
int process_of_directory(Call& call, const OpenFile& file) {
  constexpr std::string_view kProc = "/proc/";
  const std::string link = fmt::format("/proc/self/fd/{}", file.host_fd());
  std::array<char, PATH_MAX> target;
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  if (length <= 0) return 0;
  const std::string name =
      to_guest_name(call.task, std::string(target.data(), static_cast<std::size_t>(length)));
  if (!name.starts_with(kProc)) return 0;
  int id = 0;
  const char* const end = name.data() + name.size();
  const auto [after, error] = std::from_chars(name.data() + kProc.size(), end, id);
  return error == std::errc() && after == end ? id : 0;
}

/// How two things that tasks have are ordered: by an order that tells nothing else.
template <typename T>
std::int64_t compare(const T* one, const T* other) {
  constexpr int kEqual = 0, kLess = 1, kGreater = 2;
  if (one == other) return kEqual;
  return std::less<>()(one, other) ? kLess : kGreater;
}

Result<OpenFileRef> file_of(Process& process, std::uint64_t number) {
  const auto files = process.files_ref();
  if (files == nullptr || number > INT_MAX) return fail(Errno::kBadF);
  return files->get(static_cast<int>(number));
}

}  // namespace

Result<std::shared_ptr<Task>> ProcessDescriptor::task() const {
  if (process == nullptr) return fail(Errno::kSrch);
  auto found = process->system().processes().find_task(id);
  if (found == nullptr || &found->process() != process.get()) return fail(Errno::kSrch);
  return found;
}

Result<ProcessDescriptor> process_descriptor(Call& call, int fd) {
  if (fd == kSelfThread || fd == kSelfProcess) {
    const bool is_thread = fd == kSelfThread;
    return ProcessDescriptor{
        .process = call.process().shared_from_this(),
        .id = is_thread ? call.task.tid() : call.process().pid(),
        .of = is_thread ? ProcessFile::Of::kThread : ProcessFile::Of::kProcess};
  }
  GONZO_ASSIGN(const OpenFileRef file, call.files().get(fd));
  const ProcessFile* const found = file->process_file();
  if (found == nullptr) return fail(Errno::kBadF);
  return ProcessDescriptor{.process = found->process(),
                           .id = found->id(),
                           .of = found->of(),
                           .is_nonblocking = (::fcntl(file->host_fd(), F_GETFL) & O_NONBLOCK) != 0};
}

Result<ProcessDescriptor> process_descriptor_or_directory(Call& call, int fd) {
  auto found = process_descriptor(call, fd);
  if (found) return found;
  GONZO_ASSIGN(const OpenFileRef file, call.files().get(fd));
  const int id = process_of_directory(call, *file);
  if (id == 0) return fail(Errno::kBadF);
  return ProcessDescriptor{.process = call.processes().find(id), .id = id};
}

Result<int> insert_process_descriptor(Call& call, const std::shared_ptr<Process>& process, int id,
                                      ProcessFile::Of of, int status_flags) {
  GONZO_ASSIGN(auto file, call.processes().open_file(process, id, of, status_flags));
  return call.files().insert(std::move(file), CloseOnExec::kYes);
}

/// EINVAL: unknown flags, a number that none can have. ESRCH: nobody's. ENOENT: a thread's, which
/// is not asked for.
std::int64_t sys_pidfd_open(Call& call) {
  const int id = call.integer(0);
  const unsigned flags = call.word(1);
  if ((flags & ~(O_NONBLOCK | kThread)) != 0 || id <= 0) return -EINVAL;
  auto process = call.processes().find(id);
  if (process == nullptr) {
    const auto task = call.processes().find_task(id);
    if (task == nullptr) return -ESRCH;
    if ((flags & kThread) == 0) return -ENOENT;
    process = task->process().shared_from_this();
  }
  const auto of = (flags & kThread) != 0 ? ProcessFile::Of::kThread : ProcessFile::Of::kProcess;
  return raw(
      insert_process_descriptor(call, process, id, of, static_cast<int>(flags & O_NONBLOCK)));
}

/// In this order. EINVAL: flags. EBADF: no pidfd. ESRCH: it has ended. EPERM: it may not be looked
/// into. EBADF: it has no such descriptor. EMFILE.
std::int64_t sys_pidfd_getfd(Call& call) {
  if (call.word(2) != 0) return -EINVAL;
  const auto descriptor = process_descriptor(call, call.integer(0));
  if (!descriptor) return raw(descriptor.error());
  const auto task = descriptor->task();
  if (!task) return raw(task.error());
  if (const auto allowed = may_inspect(call.task, **task, CallerIds::kReal); !allowed) {
    return raw(allowed.error());
  }
  auto file = file_of((*task)->process(), call.word(1));
  if (!file) return raw(file.error());
  return raw(call.files().insert(std::move(*file), CloseOnExec::kYes));
}

/// ESRCH, EPERM, EINVAL: an unknown kind; EBADF: no such descriptor. EOPNOTSUPP: without semaphores
/// nobody can share what undoes them.
std::int64_t sys_kcmp(Call& call) {
  const auto one = call.processes().find_task(call.integer(0));
  const auto other = call.processes().find_task(call.integer(1));
  if (one == nullptr || other == nullptr) return -ESRCH;
  for (const auto& task : {one, other}) {
    if (const auto allowed = may_inspect(call.task, *task, CallerIds::kReal); !allowed) {
      return raw(allowed.error());
    }
  }
  Process &first = one->process(), &second = other->process();
  switch (call.integer(2)) {
    case KCMP_FILE: {
      const auto file = file_of(first, call[3]), other_file = file_of(second, call[4]);
      if (!file || !other_file) return -EBADF;
      return compare(file->get(), other_file->get());
    }
    case KCMP_VM:
      return compare(first.memory_ref().get(), second.memory_ref().get());
    case KCMP_FILES:
      return compare(first.files_ref().get(), second.files_ref().get());
    case KCMP_SIGHAND:
      return compare(first.actions_ref().get(), second.actions_ref().get());
    case KCMP_FS:
    case KCMP_IO:
      // The host's, of the threads that run them.
      return call.host(SYS_kcmp, {static_cast<std::uint64_t>(one->await_host_thread()),
                                  static_cast<std::uint64_t>(other->await_host_thread()), call[2]});
    case KCMP_SYSVSEM:
      return -EOPNOTSUPP;
    default:
      return -EINVAL;
  }
}

}  // namespace gonzo

#include "kernel/process_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "kernel/file_table.h"
#include <gonzo/base/check.h>

namespace gonzo {
namespace {

constexpr int kNoDescriptor = -1;

}  // namespace

Result<std::shared_ptr<ProcessFile>> ProcessFile::create(const std::shared_ptr<Process>& process,
                                                         int id, Of of, int status_flags) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | (status_flags & O_NONBLOCK)) != 0) return fail_from_host();
  for (int& end : ends) end = move_high(end).value_or(end);
  return std::make_shared<ProcessFile>(ends[0], ends[1], process, id, of);
}

ProcessFile::ProcessFile(int read_end, int write_end, const std::shared_ptr<Process>& process,
                         int id, Of of)
    : KernelFile(read_end, O_RDWR), process_(process), id_(id), of_(of), write_end_(write_end) {}

ProcessFile::~ProcessFile() { gone(); }

int ProcessFile::status_flags(int host_flags) const {
  return host_flags | O_RDWR | (of_ == Of::kThread ? O_EXCL : 0);
}

/// Files of one process have one inode, which nobody else's have (Linux: pidfs).
void ProcessFile::amend_stat(struct stat& status) const {
  constexpr std::uint64_t kFirstInode = 0xe0000000;
  status.st_ino = kFirstInode + static_cast<std::uint64_t>(id_);
  status.st_mode = S_IRWXU;
  status.st_uid = status.st_gid = 0;
}

std::shared_ptr<Process> ProcessFile::process() const {
  const LockGuard guard(end_lock_);
  return write_end_ == kNoDescriptor ? nullptr : process_.lock();
}

void ProcessFile::ended() {
  const LockGuard guard(end_lock_);
  if (has_ended_ || write_end_ == kNoDescriptor) return;
  has_ended_ = true;
  const char byte = 0;
  GONZO_CHECK(::write(write_end_, &byte, 1) == 1);
}

void ProcessFile::gone() {
  ended();
  const LockGuard guard(end_lock_);
  if (write_end_ == kNoDescriptor) return;
  ::close(write_end_);
  write_end_ = kNoDescriptor;
}

void ProcessFiles::add(const std::shared_ptr<ProcessFile>& file) {
  const LockGuard guard(lock_);
  std::erase_if(files_, [](const auto& each) { return each.expired(); });
  files_.push_back(file);
}

template <typename Matches, typename Tell>
void ProcessFiles::tell(Matches matches, Tell tell) {
  std::vector<std::shared_ptr<ProcessFile>> told;  // the last reference may be ours
  {
    const LockGuard guard(lock_);
    for (const auto& each : files_) {
      auto file = each.lock();
      if (file != nullptr && matches(*file)) told.push_back(std::move(file));
    }
  }
  for (const auto& file : told) tell(*file);
}

void ProcessFiles::process_ended() {
  tell([](const ProcessFile& file) { return file.of() == ProcessFile::Of::kProcess; },
       [](ProcessFile& file) { file.ended(); });
}

void ProcessFiles::thread_ended(int tid) {
  tell(
      [tid](const ProcessFile& file) {
        return file.of() == ProcessFile::Of::kThread && file.id() == tid;
      },
      [](ProcessFile& file) { file.ended(); });
}

void ProcessFiles::process_gone() {
  tell([](const ProcessFile&) { return true; }, [](ProcessFile& file) { file.gone(); });
}

void ProcessFiles::thread_gone(int tid) {
  tell(
      [tid](const ProcessFile& file) {
        return file.of() == ProcessFile::Of::kThread && file.id() == tid;
      },
      [](ProcessFile& file) { file.gone(); });
}

}  // namespace gonzo

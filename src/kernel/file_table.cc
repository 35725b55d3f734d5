#include "kernel/file_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace gonzo {
namespace {

/// Above what programs choose by themselves, below the usual hard limits.
constexpr int kHighDescriptor = 1000;

}  // namespace

FileTable::FileTable(const FileTable& other) {
  const LockGuard guard(other.lock_);
  limit_ = other.limit_;
  slots_ = other.slots_;
}

Result<int> FileTable::insert(OpenFileRef file, CloseOnExec cloexec, int from) {
  const LockGuard guard(lock_);
  if (from < 0 || static_cast<unsigned>(from) >= limit_) return fail(Errno::kInval);
  std::size_t number = static_cast<std::size_t>(from);
  while (number < slots_.size() && slots_[number].file != nullptr) ++number;
  if (number >= limit_) return fail(Errno::kMFile);
  if (number >= slots_.size()) slots_.resize(number + 1);
  slots_[number] = {std::move(file), cloexec};
  return static_cast<int>(number);
}

Result<void> FileTable::insert_at(int fd, OpenFileRef file, CloseOnExec cloexec) {
  OpenFileRef closed;  // closing may take long: after the lock
  {
    const LockGuard guard(lock_);
    if (fd < 0 || static_cast<unsigned>(fd) >= limit_) return fail(Errno::kBadF);
    const auto number = static_cast<std::size_t>(fd);
    if (number >= slots_.size()) slots_.resize(number + 1);
    closed = std::move(slots_[number].file);
    slots_[number] = {std::move(file), cloexec};
  }
  if (closed != nullptr) record_locks_.file_closed(*closed);
  return {};
}

FileTable::Slot* FileTable::find(int fd) {
  const auto number = static_cast<std::size_t>(fd);
  if (fd < 0 || number >= slots_.size() || slots_[number].file == nullptr) return nullptr;
  return &slots_[number];
}

const FileTable::Slot* FileTable::find(int fd) const {
  return const_cast<FileTable*>(this)->find(fd);
}

Result<OpenFileRef> FileTable::get(int fd) const {
  const LockGuard guard(lock_);
  const Slot* slot = find(fd);
  if (slot == nullptr) return fail(Errno::kBadF);
  return slot->file;
}

Result<void> FileTable::close(int fd) {
  OpenFileRef closed;
  {
    const LockGuard guard(lock_);
    Slot* slot = find(fd);
    if (slot == nullptr) return fail(Errno::kBadF);
    closed = std::move(slot->file);
    *slot = {};
  }
  record_locks_.file_closed(*closed);
  return {};
}

Result<CloseOnExec> FileTable::cloexec(int fd) const {
  const LockGuard guard(lock_);
  const Slot* slot = find(fd);
  if (slot == nullptr) return fail(Errno::kBadF);
  return slot->cloexec;
}

Result<void> FileTable::set_cloexec(int fd, CloseOnExec cloexec) {
  const LockGuard guard(lock_);
  Slot* slot = find(fd);
  if (slot == nullptr) return fail(Errno::kBadF);
  slot->cloexec = cloexec;
  return {};
}

void FileTable::close_on_exec() {
  std::vector<OpenFileRef> closed;
  {
    const LockGuard guard(lock_);
    for (Slot& slot : slots_) {
      if (slot.file == nullptr || slot.cloexec == CloseOnExec::kNo) continue;
      closed.push_back(std::move(slot.file));
      slot = {};
    }
  }
  for (const OpenFileRef& file : closed) record_locks_.file_closed(*file);
}

std::vector<int> FileTable::numbers() const {
  const LockGuard guard(lock_);
  std::vector<int> numbers;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].file != nullptr) numbers.push_back(static_cast<int>(i));
  }
  return numbers;
}

void FileTable::set_limit(unsigned limit) {
  const LockGuard guard(lock_);
  limit_ = limit;
}

std::size_t FileTable::capacity() const {
  const LockGuard guard(lock_);
  // Linux starts with 64 slots and doubles.
  std::size_t slots = 64;
  while (slots < slots_.size()) slots *= 2;
  return slots;
}

Result<int> duplicate_high(int host_fd) {
  int high = fcntl(host_fd, F_DUPFD_CLOEXEC, kHighDescriptor);
  // The limit may lie below that: then anywhere clear of the standard three.
  if (high < 0 && errno != EBADF) high = fcntl(host_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (high < 0) return fail_from_host();
  return high;
}

Result<int> move_high(int host_fd) {
  GONZO_ASSIGN(const int high, duplicate_high(host_fd));
  ::close(host_fd);
  return high;
}

}  // namespace gonzo

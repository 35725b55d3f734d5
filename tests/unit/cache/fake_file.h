// A file in memory that counts what is asked of it, fails on demand, and can hold a reader back.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mm/guest_bytes.h"
#include <gonzo/base/address.h>
#include <gonzo/cache/backing_file.h>

namespace gonzo::test {

/// The bytes and times that several opens of one file share.
struct FakeInode {
  std::mutex mutex;
  std::condition_variable changed;
  std::string bytes;
  FileIdentity identity{.device_major = 8, .device_minor = 1, .inode = 42};
  FileStatus status;

  // Faults to order.
  std::optional<Errno> read_error, write_error, status_error, flush_error;
  bool in_memory = false;
  std::size_t sealed = 0;           ///< write_at without kept access is EPERM
  std::size_t writers = 0;          ///< that keep their access
  std::size_t allocated = 0;        ///< calls
  std::uint64_t data_ends = ~0ULL;  ///< from here on it is a hole
  std::uint64_t bad_from = ~0ULL;   ///< bytes from here on cannot be read
  enum class Hold { kNone, kBeforeReading, kAfterReading } hold = Hold::kNone;

  // What was asked.
  std::size_t reads = 0, writes = 0, flushes = 0, spans = 0, waiting = 0;
  std::vector<std::pair<std::uint64_t, std::size_t>> read_ranges, write_ranges;

  /// Page n filled with a byte of its own.
  static std::shared_ptr<FakeInode> of_size(std::uint64_t size) {
    auto inode = std::make_shared<FakeInode>();
    for (std::uint64_t i = 0; i < size; ++i) inode->bytes.push_back(pattern(i >> kPageShift));
    return inode;
  }
  static char pattern(std::uint64_t page) { return static_cast<char>(1 + page % 120); }

  /// Somebody else changes the file.
  void change(std::uint64_t offset, const std::string& text) {
    const std::lock_guard guard(mutex);
    put(offset, text.data(), text.size());
  }
  void resize(std::uint64_t size) {
    const std::lock_guard guard(mutex);
    bytes.resize(size, '\0');
    ++status.modified_ns;
  }
  void put(std::uint64_t offset, const void* data, std::size_t length) {
    if (bytes.size() < offset + length) bytes.resize(offset + length, '\0');
    copy_guest_bytes(reinterpret_cast<std::byte*>(bytes.data()) + offset,
                     static_cast<const std::byte*>(data), length);
    ++status.modified_ns;
  }
  void await_reader() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return waiting != 0; });
  }
  /// A reader waits here until release_readers().
  void stop(std::unique_lock<std::mutex>& lock, Hold where) {
    if (hold != where) return;
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [this, where] { return hold != where; });
    --waiting;
  }
  void release_readers() {
    const std::lock_guard guard(mutex);
    hold = Hold::kNone;
    changed.notify_all();
  }
};

class FakeFile final : public BackingFile {
 public:
  enum class Mode { kRead, kReadWrite };

  explicit FakeFile(std::shared_ptr<FakeInode> inode, Mode mode = Mode::kReadWrite,
                    std::string path = "/fake")
      : inode_(std::move(inode)), mode_(mode), path_(std::move(path)) {}

  FileIdentity identity() const override { return inode_->identity; }
  Result<std::uint64_t> size() override {
    const std::lock_guard guard(inode_->mutex);
    if (inode_->status_error) return fail(*inode_->status_error);
    return inode_->bytes.size();
  }
  Result<FileStatus> status() override {
    const std::lock_guard guard(inode_->mutex);
    if (inode_->status_error) return fail(*inode_->status_error);
    FileStatus status = inode_->status;
    status.size = inode_->bytes.size();
    return status;
  }
  Result<std::size_t> read_at(std::uint64_t offset,
                              std::span<const std::span<std::byte>> into) override {
    FakeInode& f = *inode_;
    std::unique_lock lock(f.mutex);
    ++f.reads;
    f.spans += into.size();
    f.stop(lock, FakeInode::Hold::kBeforeReading);
    if (f.read_error) return fail(*f.read_error);
    std::size_t done = 0;
    std::size_t asked = 0;
    const std::uint64_t end = std::min<std::uint64_t>(f.bytes.size(), f.bad_from);
    for (const auto& span : into) {
      asked += span.size();
      const std::uint64_t at = offset + done;
      const std::size_t count = at < end ? std::min<std::uint64_t>(span.size(), end - at) : 0;
      std::memcpy(span.data(), f.bytes.data() + at, count);
      done += count;
      if (count < span.size()) break;
    }
    f.read_ranges.emplace_back(offset, asked);
    f.stop(lock, FakeInode::Hold::kAfterReading);
    if (done == 0 && offset >= f.bad_from) return fail(Errno::kIo);
    return done;
  }
  Result<void> write_at(std::uint64_t offset,
                        std::span<const std::span<const std::byte>> from) override {
    FakeInode& f = *inode_;
    const std::lock_guard guard(f.mutex);
    ++f.writes;
    if (f.write_error) return fail(*f.write_error);
    if (f.sealed != 0 && !keeps_access_) return fail(Errno::kPerm);
    std::size_t done = 0;
    for (const auto& span : from) {
      f.put(offset + done, span.data(), span.size());
      done += span.size();
    }
    f.write_ranges.emplace_back(offset, done);
    return {};
  }
  Result<void> flush() override {
    const std::lock_guard guard(inode_->mutex);
    ++inode_->flushes;
    if (inode_->flush_error) return fail(*inode_->flush_error);
    return {};
  }
  bool is_writable() const override { return mode_ == Mode::kReadWrite; }
  std::string path() const override { return path_; }
  bool is_memory() const override { return inode_->in_memory; }
  Result<void> allocate(std::uint64_t, std::uint64_t) override {
    const std::lock_guard guard(inode_->mutex);
    ++inode_->allocated;
    return {};
  }
  std::uint64_t data_end(std::uint64_t offset) override {
    const std::lock_guard guard(inode_->mutex);
    return std::max(offset, inode_->data_ends);
  }
  Result<void> keep_write_access() override {
    const std::lock_guard guard(inode_->mutex);
    ++inode_->writers;
    keeps_access_ = true;
    return {};
  }
  void drop_write_access() override {
    const std::lock_guard guard(inode_->mutex);
    if (keeps_access_) --inode_->writers;
    keeps_access_ = false;
  }

 private:
  const std::shared_ptr<FakeInode> inode_;
  const Mode mode_;
  const std::string path_;
  bool keeps_access_ = false;
};

}  // namespace gonzo::test

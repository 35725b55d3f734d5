#include "kernel/proc_files.h"

#include <linux/capability.h>

#include <algorithm>
#include <array>

#include "kernel/privilege.h"

namespace gonzo {
namespace {

class TextFile final : public KernelFile {
 public:
  enum class End : std::uint8_t { kUnknown, kZero };

  TextFile(const ProcOpening& opening, ProcText text, ProcSink sink, End end)
      : KernelFile(opening.host_fd, opening.flags),
        task_(opening.task),
        generate_(text),
        sink_(sink),
        end_(end) {}

 protected:
  Result<std::uint64_t> read_at(AddressSpace& memory, VirtAddr to, std::uint64_t length,
                                std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    if (position == 0 || !is_made_) text_ = generate_(task_);
    is_made_ = true;
    if (position >= text_.size()) return 0;
    const std::string_view piece = std::string_view(text_).substr(position, length);
    GONZO_TRY(memory.copy_out(to, std::as_bytes(std::span(piece))));
    position += piece.size();
    return piece.size();
  }
  Result<std::uint64_t> write_at(AddressSpace& memory, VirtAddr from, std::uint64_t length,
                                 std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    if (sink_ == nullptr) return fail(Errno::kInval);
    std::string bytes(std::min<std::uint64_t>(length, kPageSize), '\0');
    GONZO_TRY(memory.copy_in(std::as_writable_bytes(std::span(bytes)), from));
    GONZO_ASSIGN(const std::uint64_t taken, sink_(task_, bytes));
    position += taken;
    return taken;
  }
  SeekKind seek_kind() const override {
    return end_ == End::kZero ? SeekKind::kFixedSize : SeekKind::kText;
  }

 private:
  Task& task_;
  const ProcText generate_;
  const ProcSink sink_;
  const End end_;
  bool is_made_ GONZO_GUARDED_BY(lock_) = false;
  std::string text_ GONZO_GUARDED_BY(lock_);
};

/// Takes a short text in one write, of which only the start is looked at.
class SinkFile final : public KernelFile {
 public:
  SinkFile(const ProcOpening& opening, ProcSink sink)
      : KernelFile(opening.host_fd, opening.flags), task_(opening.task), sink_(sink) {}

 protected:
  Result<std::uint64_t> write_at(AddressSpace& memory, VirtAddr from, std::uint64_t length,
                                 std::uint64_t&) override GONZO_REQUIRES(lock_) {
    constexpr std::uint64_t kMost = 12;  // Linux: PROC_NUMBUF, less its NUL
    std::string bytes(std::min(length, kMost), '\0');
    GONZO_TRY(memory.copy_in(std::as_writable_bytes(std::span(bytes)), from));
    return sink_(task_, bytes);
  }
  SeekKind seek_kind() const override { return SeekKind::kNowhere; }

 private:
  Task& task_;
  const ProcSink sink_;
};

/// Words of eight bytes, one a page. Linux: pagemap_read.
class PagemapFile final : public KernelFile {
 public:
  explicit PagemapFile(const ProcOpening& opening)
      : KernelFile(opening.host_fd, opening.flags),
        task_(opening.task),
        shown_(has_capability(CAP_SYS_ADMIN) ? ~0ULL : ~kFrameBits) {}

 protected:
  Result<std::uint64_t> read_at(AddressSpace& memory, VirtAddr to, std::uint64_t length,
                                std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    constexpr std::uint64_t kWord = sizeof(std::uint64_t);
    if (position % kWord != 0 || length % kWord != 0) return fail(Errno::kInval);
    AddressSpace& shown = task_.memory();
    const std::uint64_t end = shown.page_table().user_end().page_number();
    std::uint64_t done = 0;
    while (done < length && position / kWord < end) {
      std::array<std::uint64_t, 512> words;
      const std::uint64_t page = position / kWord;
      const std::uint64_t count =
          std::min({words.size(), static_cast<std::size_t>(end - page), (length - done) / kWord});
      const auto piece = std::span(words).first(count);
      shown.pagemap(VirtAddr(page << kPageShift), piece);
      for (std::uint64_t& word : piece) word &= shown_;
      GONZO_TRY(memory.copy_out(to + done, std::as_bytes(piece)));
      done += count * kWord;
      position += count * kWord;
    }
    return done;
  }
  SeekKind seek_kind() const override { return SeekKind::kAddress; }

 private:
  static constexpr std::uint64_t kFrameBits = (1ULL << 55) - 1;

  Task& task_;
  /// Where frames lie is for administrators (Linux: CAP_SYS_ADMIN at open).
  const std::uint64_t shown_;
};

/// The program's memory, at its address. Linux: mem_rw.
class MemFile final : public KernelFile {
 public:
  explicit MemFile(const ProcOpening& opening)
      : KernelFile(opening.host_fd, opening.flags), task_(opening.task) {}

 protected:
  Result<std::uint64_t> read_at(AddressSpace& memory, VirtAddr to, std::uint64_t length,
                                std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    return in_pages(
        length, position, [&](VirtAddr at, std::uint64_t done, std::span<std::byte> page) {
          const std::size_t had = task_.memory().read_forced(at, page);
          return had == 0 ? Outcome{} : Outcome{had, memory.copy_out(to + done, page.first(had))};
        });
  }
  Result<std::uint64_t> write_at(AddressSpace& memory, VirtAddr from, std::uint64_t length,
                                 std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    return in_pages(length, position,
                    [&](VirtAddr at, std::uint64_t done, std::span<std::byte> page) {
                      auto copied = memory.copy_in(page, from + done);
                      return Outcome{copied ? task_.memory().write_forced(at, page) : 0, copied};
                    });
  }
  SeekKind seek_kind() const override { return SeekKind::kAddress; }

 private:
  /// How much of the program's memory could be had, and whether the caller's own could be.
  struct Outcome {
    std::size_t had = 0;
    Result<void> copied;
  };
  /// A bad buffer takes back what was done before; memory that is not there does not.
  template <typename Step>
  static Result<std::uint64_t> in_pages(std::uint64_t length, std::uint64_t& position, Step step) {
    std::array<std::byte, kPageSize> page;
    std::uint64_t done = 0;
    Result<void> failure;
    while (done < length) {
      const std::uint64_t size = std::min<std::uint64_t>(length - done, page.size());
      const Outcome outcome = step(VirtAddr(position), done, std::span(page).first(size));
      if (!outcome.copied) {
        failure = outcome.copied;
        break;
      }
      if (outcome.had == 0) {
        if (done == 0) failure = fail(Errno::kIo);
        break;
      }
      done += outcome.had;
      position += outcome.had;
    }
    GONZO_TRY(failure);
    return done;
  }

  Task& task_;
};

class DirectoryFile final : public KernelFile {
 public:
  DirectoryFile(const ProcOpening& opening, ProcListing listing)
      : KernelFile(opening.host_fd, opening.flags), task_(opening.task), listing_(listing) {}

  void amend_stat(struct stat& status) const override { amend_directory_stat(task_, status); }

 protected:
  Result<std::uint64_t> read_at(AddressSpace&, VirtAddr, std::uint64_t, std::uint64_t&) override
      GONZO_REQUIRES(lock_) {
    return fail(Errno::kIsDir);
  }
  Result<std::vector<DirectoryEntry>> entries() override GONZO_REQUIRES(lock_) {
    return listing_(task_);
  }
  SeekKind seek_kind() const override { return SeekKind::kFixedSize; }

 private:
  Task& task_;
  const ProcListing listing_;
};

}  // namespace

OpenFileRef open_proc_text(const ProcOpening& opening, ProcText text, ProcSink sink) {
  return std::make_shared<TextFile>(opening, text, sink, TextFile::End::kUnknown);
}
OpenFileRef open_proc_bytes(const ProcOpening& opening, ProcText text) {
  return std::make_shared<TextFile>(opening, text, nullptr, TextFile::End::kZero);
}
OpenFileRef open_proc_sink(const ProcOpening& opening, ProcSink sink) {
  return std::make_shared<SinkFile>(opening, sink);
}
OpenFileRef open_proc_pagemap(const ProcOpening& opening) {
  return std::make_shared<PagemapFile>(opening);
}
OpenFileRef open_proc_mem(const ProcOpening& opening) { return std::make_shared<MemFile>(opening); }
OpenFileRef open_proc_directory(const ProcOpening& opening, ProcListing listing) {
  return std::make_shared<DirectoryFile>(opening, listing);
}

void amend_directory_stat(Task& task, struct stat& status) {
  if (status.st_size != 0) status.st_size = static_cast<off_t>(task.files().numbers().size());
}

}  // namespace gonzo

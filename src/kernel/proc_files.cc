#include "kernel/proc_files.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "kernel/privilege.h"

namespace gonzo {
namespace {

/// About whom, and whose it is.
class ProcFile : public KernelFile {
 public:
  explicit ProcFile(ProcOpening&& opening)
      : KernelFile(opening.host_fd, opening.flags, std::move(opening.name)),
        subject_(std::move(opening.subject)),
        host_path_(std::move(opening.host_path)) {}

  void amend_stat(struct stat& status) const override {
    if (!host_path_.empty()) std::ignore = ::stat(host_path_.c_str(), &status);
    if (subject_) subject_->set_owner(status);
  }

 protected:
  const std::optional<ProcSubject>& subject() const { return subject_; }

 private:
  const std::optional<ProcSubject> subject_;
  const std::string host_path_;
};

class TextFile final : public ProcFile {
 public:
  enum class End : std::uint8_t { kUnknown, kZero };

  TextFile(ProcOpening&& opening, TextSource source, TextSink sink, End end)
      : ProcFile(std::move(opening)),
        source_(std::move(source)),
        sink_(std::move(sink)),
        end_(end) {}

 protected:
  Result<std::uint64_t> read_at(AddressSpace& memory, VirtAddr to, std::uint64_t length,
                                std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    if (position == 0 || !is_made_) {
      GONZO_ASSIGN(text_, source_());
      is_made_ = true;
    }
    if (position >= text_.size()) return 0;
    const std::string_view piece = std::string_view(text_).substr(position, length);
    GONZO_TRY(memory.copy_out(to, std::as_bytes(std::span(piece))));
    position += piece.size();
    return piece.size();
  }
  Result<std::uint64_t> write_at(AddressSpace& memory, VirtAddr from, std::uint64_t length,
                                 std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    if (!sink_) return fail(Errno::kInval);
    std::string bytes(std::min<std::uint64_t>(length, kPageSize), '\0');
    GONZO_TRY(memory.copy_in(std::as_writable_bytes(std::span(bytes)), from));
    GONZO_ASSIGN(const std::uint64_t taken, sink_(bytes));
    position += taken;
    return taken;
  }
  SeekKind seek_kind() const override {
    return end_ == End::kZero ? SeekKind::kFixedSize : SeekKind::kText;
  }

 private:
  const TextSource source_;
  const TextSink sink_;
  const End end_;
  bool is_made_ GONZO_GUARDED_BY(lock_) = false;
  std::string text_ GONZO_GUARDED_BY(lock_);
};

/// Takes a short text in one write, of which only the start is looked at.
class SinkFile final : public ProcFile {
 public:
  SinkFile(ProcOpening&& opening, TextSink sink)
      : ProcFile(std::move(opening)), sink_(std::move(sink)) {}

 protected:
  Result<std::uint64_t> write_at(AddressSpace& memory, VirtAddr from, std::uint64_t length,
                                 std::uint64_t&) override GONZO_REQUIRES(lock_) {
    constexpr std::uint64_t kMost = 12;  // Linux: PROC_NUMBUF, less its NUL
    std::string bytes(std::min(length, kMost), '\0');
    GONZO_TRY(memory.copy_in(std::as_writable_bytes(std::span(bytes)), from));
    return sink_(bytes);
  }
  SeekKind seek_kind() const override { return SeekKind::kNowhere; }

 private:
  const TextSink sink_;
};

/// Words of eight bytes, one a page. Linux: pagemap_read.
class PagemapFile final : public ProcFile {
 public:
  PagemapFile(ProcOpening&& opening, std::weak_ptr<ProcessMemory> memory)
      : ProcFile(std::move(opening)),
        memory_(std::move(memory)),
        shown_(has_capability(CAP_SYS_ADMIN) ? ~0ULL : ~kFrameBits) {}

 protected:
  Result<std::uint64_t> read_at(AddressSpace& memory, VirtAddr to, std::uint64_t length,
                                std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    constexpr std::uint64_t kWord = sizeof(std::uint64_t);
    const auto held = memory_.lock();
    if (held == nullptr) return 0;
    if (position % kWord != 0 || length % kWord != 0) return fail(Errno::kInval);
    AddressSpace& shown = held->space();
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

  const std::weak_ptr<ProcessMemory> memory_;
  /// Where frames lie is for administrators (Linux: CAP_SYS_ADMIN at open).
  const std::uint64_t shown_;
};

/// The program's memory, at its address. Linux: mem_rw.
class MemFile final : public ProcFile {
 public:
  MemFile(ProcOpening&& opening, std::weak_ptr<ProcessMemory> memory)
      : ProcFile(std::move(opening)), memory_(std::move(memory)) {}

 protected:
  Result<std::uint64_t> read_at(AddressSpace& memory, VirtAddr to, std::uint64_t length,
                                std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    const auto held = memory_.lock();
    if (held == nullptr) return 0;
    return in_pages(
        length, position, [&](VirtAddr at, std::uint64_t done, std::span<std::byte> page) {
          const std::size_t had = held->space().read_forced(at, page);
          return had == 0 ? Outcome{} : Outcome{had, memory.copy_out(to + done, page.first(had))};
        });
  }
  Result<std::uint64_t> write_at(AddressSpace& memory, VirtAddr from, std::uint64_t length,
                                 std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    const auto held = memory_.lock();
    if (held == nullptr) return 0;
    return in_pages(length, position,
                    [&](VirtAddr at, std::uint64_t done, std::span<std::byte> page) {
                      auto copied = memory.copy_in(page, from + done);
                      return Outcome{copied ? held->space().write_forced(at, page) : 0, copied};
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

  const std::weak_ptr<ProcessMemory> memory_;
};

class DirectoryFile final : public ProcFile {
 public:
  DirectoryFile(ProcOpening&& opening, DirectorySource source)
      : ProcFile(std::move(opening)), source_(std::move(source)) {}

  void amend_stat(struct stat& status) const override {
    ProcFile::amend_stat(status);
    if (subject()) amend_directory_size(*subject(), status);
  }

 protected:
  Result<std::uint64_t> read_at(AddressSpace&, VirtAddr, std::uint64_t, std::uint64_t&) override
      GONZO_REQUIRES(lock_) {
    return fail(Errno::kIsDir);
  }
  Result<std::vector<DirectoryEntry>> entries() override GONZO_REQUIRES(lock_) { return source_(); }
  SeekKind seek_kind() const override { return SeekKind::kFixedSize; }

 private:
  const DirectorySource source_;
};

}  // namespace

OpenFileRef open_text(ProcOpening opening, TextSource source, TextSink sink) {
  return std::make_shared<TextFile>(std::move(opening), std::move(source), std::move(sink),
                                    TextFile::End::kUnknown);
}
OpenFileRef open_bytes(ProcOpening opening, TextSource source) {
  return std::make_shared<TextFile>(std::move(opening), std::move(source), TextSink(),
                                    TextFile::End::kZero);
}
OpenFileRef open_sink(ProcOpening opening, TextSink sink) {
  return std::make_shared<SinkFile>(std::move(opening), std::move(sink));
}
OpenFileRef open_pagemap(ProcOpening opening, std::weak_ptr<ProcessMemory> memory) {
  return std::make_shared<PagemapFile>(std::move(opening), std::move(memory));
}
OpenFileRef open_mem(ProcOpening opening, std::weak_ptr<ProcessMemory> memory) {
  return std::make_shared<MemFile>(std::move(opening), std::move(memory));
}
OpenFileRef open_directory(ProcOpening opening, DirectorySource source) {
  return std::make_shared<DirectoryFile>(std::move(opening), std::move(source));
}

void amend_directory_size(const ProcSubject& subject, struct stat& status) {
  const auto files = subject.files();
  if (status.st_size == 0) return;
  status.st_size = files != nullptr ? static_cast<off_t>(files->numbers().size()) : 0;
}

}  // namespace gonzo

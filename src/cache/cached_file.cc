#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "cache/pages.h"
#include "frame/object_memory.h"
#include <gonzo/base/check.h>
#include <gonzo/cache/cached_file.h>

namespace gonzo {

CacheCounts& CacheCounts::operator+=(const CacheCounts& other) {
  resident += other.resident;
  dirty += other.dirty;
  hits += other.hits;
  misses += other.misses;
  read_ahead += other.read_ahead;
  written += other.written;
  reads += other.reads;
  writes += other.writes;
  return *this;
}

CachedFile::CachedFile(FrameAllocator& frames, std::shared_ptr<BackingFile> file,
                       const FileStatus& status, Config config)
    : frames_(frames),
      objects_(config.objects),
      memory_(config.memory),
      number_(objects_ != nullptr ? objects_->enter(*this) : 0),
      is_memory_(file->is_memory()),
      file_(std::move(file)),
      size_(status.size),
      writer_(file_->is_writable() ? file_ : nullptr),
      stamp_(status),
      read_ahead_(config.read_ahead),
      charge_(std::move(config.charge)) {
  const ReadAheadLimits& limits = config.read_ahead;
  GONZO_CHECK(limits.around_pages != 0 && limits.around_pages <= ReadAheadLimits::kMostPages &&
              limits.stream_pages <= ReadAheadLimits::kMostPages);
}

void CachedFile::operator delete(CachedFile* file, std::destroying_delete_t) {
  end_object(file, file->memory_);
}

CachedFile::~CachedFile() {
  if (objects_ != nullptr) objects_->leave(number_);
  std::ignore = write_back(0, kEveryPage);
  drop(0, kEveryPage, Drop::kAll, SIZE_MAX);
}

Result<ObjectPage> CachedFile::get_page(std::uint64_t index, PageIntent intent) {
  for (;;) {
    const auto size = current_size();
    if (!size) return fail(Errno::kIo);
    if (index >= pages_of(*size)) return fail(Errno::kFault);
    Lookup found;
    {
      LockGuard guard(lock_);
      found = look_up(index);
      if (found.kind == Lookup::Kind::kReady) {
        frames_.get(found.pfn);
        note_use(index, found.pfn, intent);
        ++counts_.hits;
        return ObjectPage{.pfn = found.pfn, .major = false};
      }
    }
    if (found.kind == Lookup::Kind::kBeingRead) {
      wait_for_read(found.generation);
      continue;
    }
    GONZO_ASSIGN(const std::optional<ObjectPage> page, read_in(index, *size, intent));
    if (page) return *page;
  }
}

void CachedFile::get_resident(std::uint64_t first, std::span<Pfn> out) {
  const std::uint64_t file_pages = pages_of(size_.load(std::memory_order_relaxed));
  LockGuard guard(lock_);
  index_.find_run(first, out);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i].is_none()) continue;
    if (first + i < file_pages && frames_.frame(out[i]).has(frame_flags::kUptodate)) {
      frames_.get(out[i]);
      note_use(first + i, out[i], PageIntent::kRead);
    } else {
      out[i] = Pfn::none();
    }
  }
}

bool CachedFile::is_resident(std::uint64_t index) {
  {
    LockGuard guard(lock_);
    const Lookup found = look_up(index);
    if (found.kind != Lookup::Kind::kAbsent || !is_memory_) {
      return found.kind == Lookup::Kind::kReady;
    }
  }
  // What the file has is in memory, here or there.
  const std::uint64_t offset = index << kPageShift;
  return offset < size_.load(std::memory_order_relaxed) && file_->data_end(offset) > offset;
}

void CachedFile::mark_dirty(std::uint64_t index) {
  LockGuard guard(lock_);
  const Lookup found = look_up(index);
  // A page that was truncated while mapped has nowhere to be written to.
  if (found.kind == Lookup::Kind::kReady) set_dirty(index, found.pfn);
}

ObjectName CachedFile::name() const {
  const FileIdentity identity = file_->identity();
  return {.device_major = identity.device_major,
          .device_minor = identity.device_minor,
          .inode = identity.inode,
          .path = file_->path()};
}

std::size_t CachedFile::invalidate(std::uint64_t first, std::uint64_t end, std::size_t limit) {
  return drop(first, end, Drop::kUnused, limit);
}

Result<void> CachedFile::adopt(std::shared_ptr<BackingFile> file) {
  LockGuard guard(writeback_lock_);
  GONZO_ASSIGN(const FileStatus status, file->status());
  if (writer_ == nullptr && file->is_writable()) writer_ = std::move(file);
  if (!status.unchanged_since(stamp_)) {
    drop(0, kEveryPage, Drop::kUnused, SIZE_MAX);
    // With pages of before still in use, the next reopen() must see the difference too.
    if (counts().resident == 0) stamp_ = status;
  }
  return apply_size(status.size);
}

Result<void> CachedFile::reopen(std::shared_ptr<BackingFile> file) {
  LockGuard guard(writeback_lock_);
  // An error stays for the next sync() to report.
  std::ignore = write_back_locked(0, kEveryPage);
  GONZO_ASSIGN(const FileStatus status, file->status());
  file_ = std::move(file);
  writer_ = file_->is_writable() ? file_ : nullptr;
  if (!status.unchanged_since(stamp_)) drop(0, kEveryPage, Drop::kAll, SIZE_MAX);
  stamp_ = status;
  return apply_size(status.size);
}

void CachedFile::release_writer() {
  LockGuard guard(writeback_lock_);
  std::ignore = write_back_locked(0, kEveryPage);
  if (writer_ != file_) writer_ = nullptr;
}

bool CachedFile::is_linked() const {
  const auto status = file_->status();
  return !status || status->links != 0;
}

CacheCounts CachedFile::counts() const {
  LockGuard guard(lock_);
  CacheCounts counts = counts_;
  counts.resident = index_.size();
  return counts;
}

CachedFile::Lookup CachedFile::look_up(std::uint64_t index) const {
  const Pfn pfn = index_.find(index);
  if (pfn.is_none()) return {Lookup::Kind::kAbsent, pfn, 0};
  if (frames_.frame(pfn).has(frame_flags::kUptodate)) return {Lookup::Kind::kReady, pfn, 0};
  // Read under lock_, so before publish() changes it.
  return {Lookup::Kind::kBeingRead, pfn, reads_finished_.load(std::memory_order_relaxed)};
}

void CachedFile::wait_for_read(std::uint32_t generation) const {
  reads_finished_.wait(generation, std::memory_order_acquire);
}

void CachedFile::set_dirty(std::uint64_t index, Pfn pfn) {
  Frame& frame = frames_.frame(pfn);
  if (!index_.has_mark(index, PageMark::kWritable)) index_.set_mark(index, PageMark::kWritable);
  if (frame.has(frame_flags::kDirty)) return;
  frame.set(frame_flags::kDirty);
  index_.set_mark(index, PageMark::kDirty);
  if (counts_.dirty++ == 0) dirty_since_ = std::chrono::steady_clock::now();
  if (objects_ != nullptr && !is_memory_) objects_->count_dirty(1);
}

void CachedFile::note_use(std::uint64_t index, Pfn pfn, PageIntent intent) {
  if (intent == PageIntent::kWrite) {
    set_dirty(index, pfn);
  } else if (is_memory_ && has_writable_areas() && !index_.has_mark(index, PageMark::kWritable)) {
    index_.set_mark(index, PageMark::kWritable);
  }
}

void CachedFile::clear_dirty(std::uint64_t index, Pfn pfn) {
  Frame& frame = frames_.frame(pfn);
  if (!frame.has(frame_flags::kDirty)) return;
  frame.clear(frame_flags::kDirty);
  index_.clear_mark(index, PageMark::kDirty);
  --counts_.dirty;
  if (objects_ != nullptr && !is_memory_) objects_->count_dirty(-1);
}

void CachedFile::remove(std::uint64_t index, Pfn pfn, PageIndex::SpareNodes& spare) {
  clear_dirty(index, pfn);
  index_.erase(index, spare);
  frames_.frame(pfn).mapping = nullptr;
  if (is_memory_) charge_.shrink(1);
}

std::size_t CachedFile::drop(std::uint64_t first, std::uint64_t end, Drop what, std::size_t limit) {
  constexpr std::size_t kPagesPerHold = 64;
  std::size_t dropped = 0;
  while (first < end && dropped < limit) {
    std::array<Pfn, kPagesPerHold> gone;
    std::size_t count = 0;
    Lookup blocked{Lookup::Kind::kAbsent, {}, 0};
    PageIndex::SpareNodes nodes;
    {
      LockGuard guard(lock_);
      for (std::size_t seen = 0; seen < kPagesPerHold && dropped + count < limit; ++seen) {
        const PageIndex::Entry page = index_.next_present(first, end);
        if (!page.found()) {
          first = end;
          break;
        }
        const Frame& frame = frames_.frame(page.pfn);
        if (!frame.has(frame_flags::kUptodate)) {
          if (what == Drop::kAll) {
            blocked = look_up(page.index);
            break;
          }
        } else if (what == Drop::kAll || (frame.refs.load(std::memory_order_relaxed) == 1 &&
                                          !frame.has(frame_flags::kDirty))) {
          // One reference is the index's own, and another could only be taken under lock_.
          remove(page.index, page.pfn, nodes);
          gone[count++] = page.pfn;
        }
        first = page.index + 1;
      }
    }
    for (const Pfn pfn : std::span(gone).first(count)) frames_.put(pfn);
    dropped += count;
    if (blocked.kind == Lookup::Kind::kBeingRead) wait_for_read(blocked.generation);
  }
  return dropped;
}

Pfn CachedFile::get_ready(std::uint64_t index) {
  for (;;) {
    Lookup found;
    {
      LockGuard guard(lock_);
      found = look_up(index);
      if (found.kind == Lookup::Kind::kAbsent) return Pfn::none();
      if (found.kind == Lookup::Kind::kReady) {
        frames_.get(found.pfn);
        return found.pfn;
      }
    }
    wait_for_read(found.generation);
  }
}

std::string CachedFile::verify() const {
  LockGuard guard(lock_);
  std::uint64_t present = 0;
  std::uint64_t dirty = 0;
  std::uint64_t from = 0;
  for (PageIndex::Entry page; (page = index_.next_present(from, kEveryPage)).found();
       from = page.index + 1) {
    const Frame& frame = frames_.frame(page.pfn);
    const std::string where = "page " + std::to_string(page.index) + ": ";
    if (frame.state != FrameState::kPageCache) return where + "its frame is in another state";
    if (frame.mapping != this || frame.index != page.index) return where + "frame points elsewhere";
    if (frame.refs.load() < 1 + frame.maps.load()) return where + "fewer references than users";
    if (frame.has(frame_flags::kDirty) != index_.has_mark(page.index, PageMark::kDirty)) {
      return where + "frame and index disagree on dirty";
    }
    ++present;
    dirty += frame.has(frame_flags::kDirty) ? 1 : 0;
  }
  if (present != index_.size()) return "the index miscounts its pages";
  if (dirty != counts_.dirty) return "dirty pages are miscounted";
  return {};
}

}  // namespace gonzo

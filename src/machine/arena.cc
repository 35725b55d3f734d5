#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "base/background_thread.h"
#include "machine/huge_backing.h"
#include "machine/memory_file.h"
#include <gonzo/machine/arena.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kFirstWindow = 1 * kMiB;
constexpr std::uint64_t kLastWindow = 32 * kMiB;
constexpr std::uint64_t kStep = 1 * kMiB;  // one host call, some 0.7 ms
constexpr int kPopulateWrite = 23;         // MADV_POPULATE_WRITE, Linux 5.14

/// A program that uses less is not worth a huge page.
constexpr std::uint64_t kWorthHuge = 4 * kMiB;

/// As much ahead as was used already, within limits.
std::uint64_t window(std::uint64_t used) { return std::clamp(used, kFirstWindow, kLastWindow); }

void back(int fd, std::byte* memory, std::uint64_t start, std::uint64_t bytes) {
  if (madvise(memory + start, bytes, kPopulateWrite) == 0) return;
  // An older kernel. Failure (memory is short) is no matter here: the first touch tries again.
  static_cast<void>(
      fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(start), static_cast<off_t>(bytes)));
}

/// Shared memory at an address where the host can have huge pages in it.
void* map_aligned(int fd, std::size_t bytes) {
  constexpr std::uint64_t kAlignment = HugeBacking::kBytes;
  void* const room = mmap(nullptr, bytes + kAlignment, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return room;
  auto* const first = static_cast<std::byte*>(room);
  const std::uint64_t before = -reinterpret_cast<std::uintptr_t>(room) % kAlignment;
  if (before > 0) munmap(first, before);
  munmap(first + before + bytes, kAlignment - before);
  return mmap(first + before, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED,
              fd, 0);
}

}  // namespace

Result<std::unique_ptr<Arena>> Arena::create(std::size_t bytes, Backing backing) {
  if (bytes == 0 || bytes != page_floor(bytes)) return fail(Errno::kInval);
  GONZO_ASSIGN(FileDescriptor file, create_memory_file("gonzo-arena", bytes));
  void* const memory = map_aligned(file.get(), bytes);
  if (memory == MAP_FAILED) return fail_from_host();
  madvise(memory, bytes,
          MADV_HUGEPAGE);  // a wish: EINVAL where the host has none for shared memory
  return std::unique_ptr<Arena>(
      new Arena(file.release(), static_cast<std::byte*>(memory), bytes, backing));
}

Arena::~Arena() {
  std::thread thread;
  {
    LockGuard guard(mutex_);
    stopping_ = true;
    thread.swap(thread_);
    changed_.notify_all();
  }
  if (thread.joinable()) thread.join();
  munmap(memory_, bytes_);
  close(fd_);
}

void Arena::grown_to(Pfn virgin_start) {
  if (backing_ == Backing::kOnTouch) return;
  const std::uint64_t mark = virgin_start.address().value;
  if (low_.load(std::memory_order_relaxed) <= mark &&
      mark < calm_.load(std::memory_order_relaxed)) {
    return;
  }
  LockGuard guard(mutex_);
  if (stopping_) return;
  if (mark < stream_start_ || mark > backed_ + kLastWindow || backed_ == 0) begin_stream(mark);
  mark_ = std::max(mark_, mark);
  if (!thread_.joinable()) start_thread();
  changed_.notify_all();
}

// Each zone is used up from its own start, so the mark jumps when one is full.
void Arena::begin_stream(std::uint64_t mark) {
  stream_start_ = mark;
  mark_ = mark;
  backed_ = mark;
  low_.store(mark, std::memory_order_relaxed);
  calm_.store(mark, std::memory_order_relaxed);
}

void Arena::start_thread() {
  try {
    thread_ = start_background_thread([this] { back_ahead(); });
  } catch (const std::system_error&) {
    thread_ = {};  // then frames are backed by their first touch; the next call tries again
  }
}

/// From `start` on, of what may be handed out next. Returns the bytes.
std::uint64_t Arena::back_step(HugeBacking& huge, std::uint64_t start, std::uint64_t goal,
                               std::uint64_t used) {
  const bool has_block = start % HugeBacking::kBytes == 0 && start + HugeBacking::kBytes <= bytes_;
  if (has_block && used >= kWorthHuge && huge.back(memory_ + start)) return HugeBacking::kBytes;
  const std::uint64_t bytes = std::min(kStep, goal - start);
  back(fd_, memory_, start, bytes);
  return bytes;
}

void Arena::back_ahead() {
  HugeBacking huge;
  LockGuard guard(mutex_);
  while (!stopping_) {
    backed_ = std::max(backed_, mark_);  // those were faster than we
    const std::uint64_t goal =
        std::min<std::uint64_t>(mark_ + window(mark_ - stream_start_), bytes_);
    if (backed_ >= goal) {
      changed_.wait(mutex_);
      continue;
    }
    const std::uint64_t start = backed_;
    const std::uint64_t used = mark_ - stream_start_;
    mutex_.unlock();
    const std::uint64_t bytes = back_step(huge, start, goal, used);
    mutex_.lock();
    if (backed_ != start) continue;  // another stream began meanwhile
    backed_ = start + bytes;
    total_ += bytes;
    // Wake again when half of the window is used up.
    const std::uint64_t ahead = window(mark_ - stream_start_) / 2;
    calm_.store(backed_ > stream_start_ + ahead ? backed_ - ahead : stream_start_,
                std::memory_order_relaxed);
  }
}

std::uint64_t Arena::backed_ahead() const {
  LockGuard guard(mutex_);
  return total_;
}

}  // namespace gonzo

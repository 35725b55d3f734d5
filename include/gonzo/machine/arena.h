// The memory that guests run in: one file, mapped once. Linux: the direct map of physical memory.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>

#include <gonzo/base/address.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/base/thread_annotations.h>
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

class HugeBacking;

/// A memfd whose offsets are the guest-physical addresses, so that a machine can map any frame
/// elsewhere. The host backs it at first touch: an idle arena costs nothing.
class Arena final : public GrowthListener {
 public:
  enum class Backing : std::uint8_t {
    kOnTouch,  ///< each first touch of a frame pays the host's price
    kAhead,    ///< a thread of the arena backs memory in large steps before it is handed out
  };

  /// `bytes`: a multiple of the page size. EINVAL: it is not, or is 0. ENOMEM, EMFILE: the host
  /// refused. EFBIG: more than RLIMIT_FSIZE.
  static Result<std::unique_ptr<Arena>> create(std::size_t bytes,
                                               Backing backing = Backing::kAhead);
  ~Arena() override;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  std::span<std::byte> memory() const { return {memory_, bytes_}; }
  int fd() const { return fd_; }

  /// The frame allocator is about to hand out frames from `virgin_start` on. Wakes the backing
  /// thread when what is backed runs short; else costs an atomic read. Thread-safe.
  void grown_to(Pfn virgin_start) override GONZO_EXCLUDES(mutex_);
  /// Bytes that were backed ahead so far.
  std::uint64_t backed_ahead() const GONZO_EXCLUDES(mutex_);

 private:
  Arena(int fd, std::byte* memory, std::size_t bytes, Backing backing)
      : fd_(fd), memory_(memory), bytes_(bytes), backing_(backing) {}
  void back_ahead() GONZO_EXCLUDES(mutex_);
  std::uint64_t back_step(HugeBacking& huge, std::uint64_t start, std::uint64_t goal,
                          std::uint64_t used);
  void start_thread() GONZO_REQUIRES(mutex_);
  void begin_stream(std::uint64_t mark) GONZO_REQUIRES(mutex_);

  const int fd_;
  std::byte* const memory_;
  const std::size_t bytes_;
  const Backing backing_;

  /// [low_, calm_): a mark in here needs no attention.
  std::atomic<std::uint64_t> low_{0};
  std::atomic<std::uint64_t> calm_{0};

  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t stream_start_ GONZO_GUARDED_BY(mutex_) = 0;
  std::uint64_t mark_ GONZO_GUARDED_BY(mutex_) = 0;    ///< bytes; frames before it were handed out
  std::uint64_t backed_ GONZO_GUARDED_BY(mutex_) = 0;  ///< [stream_start_, backed_) is backed
  std::uint64_t total_ GONZO_GUARDED_BY(mutex_) = 0;
  bool stopping_ GONZO_GUARDED_BY(mutex_) = false;
  std::thread thread_ GONZO_GUARDED_BY(mutex_);
};

}  // namespace gonzo

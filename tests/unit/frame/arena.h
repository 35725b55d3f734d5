// Guest memory for tests: page aligned, zero, backed by the host only where it is touched.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include <gonzo/base/check.h>
#include <gonzo/frame/frame_allocator.h>

namespace gonzo::test {

class Memory {
 public:
  explicit Memory(std::uint64_t frames, int protection = PROT_READ | PROT_WRITE)
      : size_(frames * kPageSize),
        base_(::mmap(nullptr, size_, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                     0)) {
    GONZO_CHECK(base_ != MAP_FAILED);
  }
  ~Memory() { ::munmap(base_, size_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  std::span<std::byte> span() const { return {static_cast<std::byte*>(base_), size_}; }

 private:
  std::size_t size_;
  void* base_;
};

/// An allocator on memory of its own.
class Arena {
 public:
  explicit Arena(std::uint64_t frames, FrameAllocator::Config config = {},
                 int protection = PROT_READ | PROT_WRITE)
      : memory_(frames, protection) {
    config.memory = memory_.span();
    auto created = FrameAllocator::create(config);
    GONZO_CHECK(created.has_value());
    frames_ = std::move(*created);
  }

  FrameAllocator* operator->() { return frames_.get(); }
  FrameAllocator& operator*() { return *frames_; }

  std::uint64_t used(FrameState state) const {
    return frames_->stats().by_state[std::to_underlying(state)];
  }
  void fill(Pfn pfn, int byte, std::uint64_t count = 1) {
    std::memset(frames_->address(pfn), byte, count * kPageSize);
  }
  bool is_filled(Pfn pfn, int byte, std::uint64_t count = 1) const {
    for (std::byte b : std::span(frames_->address(pfn), count * kPageSize)) {
      if (b != static_cast<std::byte>(byte)) return false;
    }
    return true;
  }

 private:
  Memory memory_;
  std::unique_ptr<FrameAllocator> frames_;
};

}  // namespace gonzo::test

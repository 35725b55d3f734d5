// Memory and frames for a test, and what a test knows of each format by itself.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <span>

#include <gonzo/base/check.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/page_table.h>

namespace gonzo::test {

/// Zeroed, page-aligned memory, backed as it is touched.
class Arena {
 public:
  explicit Arena(std::size_t bytes = std::size_t{64} << 20, PressureHandler* pressure = nullptr)
      : bytes_(bytes) {
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    GONZO_CHECK(memory != MAP_FAILED);
    memory_ = static_cast<std::byte*>(memory);
    auto frames =
        FrameAllocator::create({.memory = std::span(memory_, bytes), .pressure = pressure});
    GONZO_CHECK(frames.has_value());
    frames_ = std::move(*frames);
  }
  /// Every frame must be back.
  ~Arena() {
    EXPECT_EQ(frames_->check_all_free(), "");
    frames_.reset();
    ::munmap(memory_, bytes_);
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  FrameAllocator& frames() { return *frames_; }
  std::uint64_t table_frames() const {
    return frames_->stats().by_state[static_cast<int>(FrameState::kPageTable)];
  }
  Pfn allocate(FrameState state) {
    auto pfn = frames_->allocate(0, state, ZeroPolicy::kZeroed);
    GONZO_CHECK(pfn.has_value());
    return *pfn;
  }

 private:
  std::size_t bytes_;
  std::byte* memory_;
  std::unique_ptr<FrameAllocator> frames_;
};

/// Written down from the manual, not taken from the code under test.
struct FormatFacts {
  PagingFormat format;
  const char* name;
  unsigned levels;
  std::uint64_t user_end;
  bool no_execute;
  std::uint64_t large_bytes;  ///< of a level 2 page
  bool has_giant;             ///< 1 GiB pages at level 3

  friend std::ostream& operator<<(std::ostream& out, const FormatFacts& facts) {
    return out << facts.name;
  }
};

inline constexpr FormatFacts kFormats[] = {
    {PagingFormat::kClassic32, "Classic32", 2, 0xc0000000, false, 4ULL << 20, false},
    {PagingFormat::kPae, "Pae", 3, 0xc0000000, true, 2ULL << 20, false},
    {PagingFormat::kFourLevel, "FourLevel", 4, 0x7fff'ffff'f000, true, 2ULL << 20, true},
    {PagingFormat::kFiveLevel, "FiveLevel", 5, 0xff'ffff'ffff'f000, true, 2ULL << 20, true},
};

inline constexpr std::uint64_t kUserPage =
    pte::kPresent | pte::kWrite | pte::kUser | pte::kAccessed;

}  // namespace gonzo::test

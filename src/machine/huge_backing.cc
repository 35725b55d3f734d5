#include "machine/huge_backing.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include <gonzo/base/address.h>

namespace gonzo {
namespace {

constexpr int kCollapse = 25;  // MADV_COLLAPSE, Linux 6.1
/// What as many small pages cost, and less than a block that the VM's host has to find first.
constexpr std::chrono::microseconds kDear{1000};

}  // namespace

bool HugeBacking::back(std::byte* block) {
  if (!tries()) {
    if (skip_ > 0) --skip_;
    return false;
  }
  const auto start = std::chrono::steady_clock::now();
  // Where there is nothing yet, there is nothing to collapse.
  madvise(block, kPageSize, MADV_POPULATE_READ);
  const bool done = madvise(block, kBytes, kCollapse) == 0;
  if (!done && errno == EINVAL) is_supported_ = false;
  learn(done ? std::chrono::steady_clock::now() - start : 2 * kDear);
  return done;
}

void HugeBacking::learn(std::chrono::nanoseconds cost) {
  if (cost < kDear) {
    pause_ = std::max(pause_ / 2, kFirstPause);
    return;
  }
  skip_ = pause_;
  pause_ = std::min(2 * pause_, kLastPause);
}

}  // namespace gonzo

#include "frame/poison.h"

#include <cstring>

#include "frame/bad_frame.h"

namespace gonzo {
namespace {
constexpr int kPoison = 0xaa;
}

void poison(Frame& frame, std::byte* page) {
  std::memset(page, kPoison, kPageSize);
  frame.set(frame_flags::kPoisoned);
}

void check_poison(const Frame& frame, Pfn pfn, const std::byte* page) {
  const auto expected = static_cast<std::byte>(frame.has(frame_flags::kPoisoned) ? kPoison : 0);
  // All bytes are alike if the page equals itself moved by one.
  if (page[0] == expected && std::memcmp(page, page + 1, kPageSize - 1) == 0) return;
  bad_frame("written to while free", pfn, frame);
}

}  // namespace gonzo

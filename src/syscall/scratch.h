// Host memory for the arguments of one call.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace gonzo {

/// Small arguments come from the object itself, large ones from the heap; all go with it.
class Scratch {
 public:
  /// Aligned for any type; contents are zero (what a short copy leaves must not be the runner's).
  std::span<std::byte> take(std::size_t bytes) {
    const std::size_t rounded = (bytes + kAlignment - 1) & ~(kAlignment - 1);
    if (rounded <= inline_.size() - used_) {
      std::span<std::byte> result(inline_.data() + used_, bytes);
      used_ += rounded;
      for (std::byte& b : result) b = std::byte{0};
      return result;
    }
    heap_.push_back(std::make_unique<std::byte[]>(bytes));
    return {heap_.back().get(), bytes};
  }

 private:
  static constexpr std::size_t kAlignment = 16;
  alignas(kAlignment) std::array<std::byte, 1024> inline_;
  std::size_t used_ = 0;
  std::vector<std::unique_ptr<std::byte[]>> heap_;
};

}  // namespace gonzo

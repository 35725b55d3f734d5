// Small arithmetic that the files of the cache share.
#pragma once

#include <cstdint>

#include <gonzo/base/address.h>

namespace gonzo {

/// The end of a page range that is "all of the file".
inline constexpr std::uint64_t kEveryPage = ~std::uint64_t{0} >> kPageShift;

/// Pages that hold `bytes`, the last one maybe in part. Right for every value, unlike page_ceil().
constexpr std::uint64_t pages_of(std::uint64_t bytes) {
  return (bytes >> kPageShift) + ((bytes & ~kPageMask) != 0 ? 1 : 0);
}

}  // namespace gonzo

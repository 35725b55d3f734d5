// Which addresses show some pages of an object.
#pragma once

#include <algorithm>
#include <cstdint>

#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Where `vma` maps pages [first, end) of its object; may be empty.
inline AddressRange mapped_part(const Vma& vma, std::uint64_t first, std::uint64_t end) {
  const std::uint64_t here = vma.attributes().page_offset;
  const std::uint64_t from = std::clamp(first, here, here + vma.pages());
  const std::uint64_t to = std::clamp(end, from, here + vma.pages());
  return {vma.start() + (from - here) * kPageSize, vma.start() + (to - here) * kPageSize};
}

}  // namespace gonzo

// The first page of a swap file, as mkswap(8) writes it. Linux: union swap_header.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <gonzo/base/address.h>

namespace gonzo {

struct SwapHeader {
  static constexpr std::string_view kMagic = "SWAPSPACE2";

  std::array<char, 1024> boot{};  ///< a partition's boot code
  std::uint32_t version = 1;
  std::uint32_t last_page = 0;
  std::uint32_t bad_pages = 0;
  std::array<char, kPageSize - 1036 - kMagic.size()> unused{};  ///< name, UUID, bad pages
  std::array<char, kMagic.size()> magic{};

  static SwapHeader of(std::uint64_t pages) {
    SwapHeader header;
    header.last_page = static_cast<std::uint32_t>(pages - 1);
    std::memcpy(header.magic.data(), kMagic.data(), kMagic.size());
    return header;
  }
  bool is_valid() const { return std::string_view(magic.data(), magic.size()) == kMagic; }
};
static_assert(sizeof(SwapHeader) == kPageSize);

}  // namespace gonzo

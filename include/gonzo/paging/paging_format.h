// The processor's page-table formats. Intel SDM vol. 3A, 4.1.1.
#pragma once

#include <cstdint>

namespace gonzo {

enum class PagingFormat : std::uint8_t {
  kClassic32,  ///< 10+10+12, 4-byte entries, 4 MiB pages, no NX
  kPae,        ///< 2+9+9+12, 2 MiB pages, NX
  kFourLevel,  ///< 9+9+9+9+12, 2 MiB and 1 GiB pages, NX
  kFiveLevel,  ///< 9+9+9+9+9+12
};

inline constexpr int kPagingFormats = 4;

/// The formats of a machine with 4 GiB of addresses.
constexpr bool is_32bit(PagingFormat format) {
  return format == PagingFormat::kClassic32 || format == PagingFormat::kPae;
}

}  // namespace gonzo

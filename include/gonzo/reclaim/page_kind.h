// What it costs to let a page go.
#pragma once

#include <cstdint>

namespace gonzo {

/// Linux: folio_is_file_lru.
enum class PageKind : std::uint8_t {
  kAnonymous,  ///< must be written to swap: anonymous and shared memory
  kFile,       ///< dropped if clean, or written back to its file; also MADV_FREE's pages
};

}  // namespace gonzo

// How wide a terminal is.
#pragma once

#include <cstddef>

namespace gonzo {

/// Of the one that `fd` is, or as COLUMNS says, which goes first; else 80.
std::size_t columns_of(int fd);

}  // namespace gonzo

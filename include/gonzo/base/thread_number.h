// Which thread calls, as an index for what is kept by thread.
#pragma once

#include <cstddef>

namespace gonzo {

/// Small numbers, handed out in order as threads first come by.
std::size_t thread_number();

}  // namespace gonzo

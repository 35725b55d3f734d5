#include "frame/bad_frame.h"

#include <fmt/format.h>

#include <cstdlib>

#include "frame/descriptor.h"

namespace gonzo {

void bad_frame(const char* what, Pfn pfn, const Frame& frame) {
  fmt::print(stderr, "gonzo: internal error: {}: frame {} ({}, order {}, refs {}, maps {})\n", what,
             pfn.value, frame_state_name(peek_state(frame)), frame.order,
             frame.refs.load(std::memory_order_relaxed),
             frame.maps.load(std::memory_order_relaxed));
  std::abort();
}

}  // namespace gonzo

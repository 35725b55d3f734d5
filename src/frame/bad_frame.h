// The end of a run whose frames are used against the rules. Linux: bad_page (mm/page_alloc.c).
#pragma once

#include <gonzo/frame/frame.h>

namespace gonzo {

/// Prints what happened to which frame, and aborts.
[[noreturn]] void bad_frame(const char* what, Pfn pfn, const Frame& frame);

}  // namespace gonzo

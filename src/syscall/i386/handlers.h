// The handlers of calls that only i386 has, by file. Each returns its result or -errno.
#pragma once

#include <cstdint>

#include "syscall/call.h"

namespace gonzo {

// thread_area.cc
std::int64_t i386_set_thread_area(Call& call);
std::int64_t i386_get_thread_area(Call& call);

}  // namespace gonzo

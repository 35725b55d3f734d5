// Assertions. A failed one prints the place and the condition, then aborts.
#pragma once

namespace gonzo {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace gonzo

// Always on: for what would corrupt guest memory if it were false.
#define GONZO_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::gonzo::check_failed(#condition, __FILE__, __LINE__))

// In debug builds only.
#ifdef NDEBUG
#define GONZO_ASSERT(condition) static_cast<void>(0)
#else
#define GONZO_ASSERT(condition) GONZO_CHECK(condition)
#endif

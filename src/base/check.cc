#include <cstdio>
#include <cstdlib>

#include <gonzo/base/check.h>

namespace gonzo {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "gonzo: internal error: %s does not hold (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace gonzo

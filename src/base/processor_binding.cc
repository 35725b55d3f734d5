#include <sched.h>

#include <gonzo/base/processor_binding.h>

namespace gonzo {
namespace {

struct Binding {
  int processor = -1;
  cpu_set_t before{};
};

thread_local Binding own_binding;

}  // namespace

bool bind_to_processor(int processor) {
  Binding& own = own_binding;
  if (processor < 0 || processor >= CPU_SETSIZE) return false;
  if (own.processor == processor) return true;
  if (own.processor < 0 && sched_getaffinity(0, sizeof own.before, &own.before) != 0) return false;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<unsigned>(processor), &only);
  if (sched_setaffinity(0, sizeof only, &only) != 0) return false;
  own.processor = processor;
  return true;
}

void unbind_from_processor() {
  Binding& own = own_binding;
  if (own.processor < 0) return;
  own.processor = -1;
  // Fails only when all of those processors are gone: then the kernel has chosen others by itself.
  sched_setaffinity(0, sizeof own.before, &own.before);
}

int bound_processor() { return own_binding.processor; }

}  // namespace gonzo

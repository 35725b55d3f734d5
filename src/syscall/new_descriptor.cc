#include "syscall/new_descriptor.h"

#include <unistd.h>

#include "frame/object_memory.h"
#include "kernel/kernel_memory.h"

namespace gonzo {

Result<int> move_or_close(int host_fd) {
  const auto high = move_high(host_fd);
  if (!high) ::close(host_fd);
  return high;
}

Result<OpenFileRef> new_open_file(Call& call, int host_fd) {
  SlabCache& cache = call.process().system().kernel_memory().open_file_cache();
  const auto memory = allocate_object<OpenFile>(&cache);
  if (!memory) {
    ::close(host_fd);
    return fail(memory.error());
  }
  const auto high = move_or_close(host_fd);
  if (!high) {
    free_object(*memory, &cache);
    return fail(high.error());
  }
  return OpenFileRef(::new (*memory) OpenFile(*high),
                     [&cache](OpenFile* file) { end_object(file, &cache); });
}

Result<int> new_descriptor(Call& call, int host_fd, CloseOnExec cloexec) {
  GONZO_ASSIGN(OpenFileRef file, new_open_file(call, host_fd));
  return call.files().insert(std::move(file), cloexec);
}

}  // namespace gonzo

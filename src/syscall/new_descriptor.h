// A host descriptor that a call has made becomes the guest's.
#pragma once

#include "kernel/file_table.h"
#include "syscall/call.h"

namespace gonzo {

/// Takes `host_fd` over in any case. EMFILE, ENOMEM.
Result<int> new_descriptor(Call& call, int host_fd, CloseOnExec cloexec);
Result<OpenFileRef> new_open_file(Call& call, int host_fd);
/// Out of the way of the guest's numbers: the new one.
Result<int> move_or_close(int host_fd);

}  // namespace gonzo

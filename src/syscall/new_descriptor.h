// A host descriptor that a call has made becomes the guest's.
#pragma once

#include "kernel/file_table.h"

namespace gonzo {

/// Takes `host_fd` over in any case. EMFILE.
Result<int> new_descriptor(FileTable& files, int host_fd, CloseOnExec cloexec);
Result<OpenFileRef> new_open_file(int host_fd);
/// Out of the way of the guest's numbers: the new one.
Result<int> move_or_close(int host_fd);

}  // namespace gonzo

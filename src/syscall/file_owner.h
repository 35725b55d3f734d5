// Who would be told that a file is ready (fcntl's F_SETOWN). Linux: fs/fcntl.c (f_setown).
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/open_file.h"
#include "syscall/call.h"

namespace gonzo {

/// fcntl(2) with one of F_SETOWN, F_GETOWN, F_SETOWN_EX, F_GETOWN_EX; none for other commands.
/// ESRCH: nobody has the number; EINVAL, EFAULT. The host never learns of it: its numbers are not
/// the guest's, and the signal would go to whoever has the number there.
std::optional<std::int64_t> file_owner_call(Call& call, OpenFile& file);

}  // namespace gonzo

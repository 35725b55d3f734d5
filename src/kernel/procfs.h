// The names of /proc that tell about the guests instead of the runner. Linux: fs/proc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernel/proc_node.h"
#include "kernel/task.h"

namespace gonzo {

/// `task` asks. The guests' processes and threads by their numbers, self and thread-self; other
/// numbers, which are absent; of the rest of /proc what is the machine's: proc_machine_text.h. Also
/// /dev/fd, /dev/stdin and its like, and the machine's own devices (device_table.h). Repeated
/// slashes and "." are skipped; ".." is taken back within /proc; links on the way elsewhere are not
/// followed. Empty: not ours, ask the host.
std::optional<ProcNode> find_proc(Task& task, std::string_view absolute_path);

/// A name that the host gave, /proc/<a thread of the runner>/..., as the guest says it.
std::string to_guest_name(Task& task, std::string host_name);

}  // namespace gonzo

// What /proc lists: the guests, their threads and descriptors. Each opens a directory or file.
#pragma once

#include <optional>
#include <string_view>

#include "kernel/proc_node.h"

namespace gonzo {

/// /proc itself: the host's names, but of its processes the guests only.
Result<OpenFileRef> open_proc_root(ProcOpening&& opening, System& system);
/// Of a process or thread: the host's names, but for what is absent.
Result<OpenFileRef> open_proc_process(ProcOpening&& opening, System& system);
Result<OpenFileRef> open_proc_tasks(ProcOpening&& opening, System& system);
Result<OpenFileRef> open_proc_fd(ProcOpening&& opening, System& system);
Result<OpenFileRef> open_proc_fdinfo(ProcOpening&& opening, System& system);
/// fdinfo/N, by the name.
Result<OpenFileRef> open_proc_descriptor_facts(ProcOpening&& opening, System& system);

/// A name of /proc that is a number.
std::optional<int> parse_proc_number(std::string_view text);

}  // namespace gonzo

// File names from the guest.
#pragma once

#include <optional>
#include <string>

#include "syscall/call.h"

namespace gonzo {

/// What to ask the host for: names in /proc that mean the guest's (/proc/self/exe, /proc/self/fd/3,
/// /proc/1, /dev/stdin) become what they lead to; other names stay as they are.
std::string host_path(Call& call, int directory_fd, const std::string& path);

/// `path` as seen from the root, symbolic links left alone; empty when it is relative and its
/// directory cannot be named.
std::string absolute_path(Call& call, int directory_fd, const std::string& path);

/// What this name means, if it is one of /proc that tells about the guest.
std::optional<ProcNode> proc_node(Call& call, int directory_fd, const std::string& path);
/// The same for calls that follow links: never an alias.
std::optional<ProcNode> followed_proc_node(Call& call, int directory_fd, const std::string& path);

}  // namespace gonzo

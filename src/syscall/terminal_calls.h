// Terminals as calls see them: whose they are, and what a background process may do with them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernel/terminal.h"
#include "syscall/call.h"

namespace gonzo {

struct IoctlRow;

/// Those ioctls whose answer the host does not know. Nothing: it does.
std::optional<std::int64_t> terminal_ioctl(Call& call, const OpenFile& file, const IoctlRow& row);

/// Before the caller reads a terminal (SIGTTIN) or changes it (SIGTTOU): what the call returns if
/// it may not. Linux: tty_check_change.
std::optional<std::int64_t> in_background(Call& call, TerminalId terminal, int signal);

/// Which path to open for this one: /dev/tty is the caller's own terminal. Nothing: it has none.
std::optional<std::string> own_terminal_path(Call& call, std::string path);
/// A descriptor of the host's that was just opened with `flags`: perhaps a terminal, which its
/// opener may then have as its own (Linux: tty_open). EMFILE.
Result<OpenFileRef> opened_file(Call& call, int host_fd, std::uint64_t flags);

}  // namespace gonzo

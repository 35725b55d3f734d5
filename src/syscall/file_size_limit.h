// RLIMIT_FSIZE, the guest's. Linux: generic_write_check_limits (fs/read_write.c), inode_newsize_ok
// (fs/attr.c).
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/open_file.h"
#include "syscall/call.h"

namespace gonzo {

/// Most processes have none.
bool has_file_size_limit(const Call& call);

/// The most bytes that a regular file may grow to by the caller's doing; none: no limit. Holds for
/// what is open for writing only: the host refuses the rest for what it is.
std::optional<std::uint64_t> file_size_limit(const Call& call, const OpenFile& file);

/// For a write at `at` in a file with that limit: up to it, `length` becomes less. At it and beyond
/// the result is exceed_file_size()'s.
std::optional<std::int64_t> cut_write(const Call& call, std::uint64_t limit, std::uint64_t at,
                                      std::uint64_t& length);

/// Sends SIGXFSZ to the caller; -EFBIG.
std::int64_t exceed_file_size(const Call& call);

}  // namespace gonzo

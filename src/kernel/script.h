// The first line of a script. Linux: fs/binfmt_script.c.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace gonzo {

/// How much of a file decides what it is (Linux: BINPRM_BUF_SIZE).
inline constexpr std::size_t kProgramHeadBytes = 256;

struct ScriptLine {
  std::string interpreter;              ///< may be empty: execve then fails with ENOENT
  std::optional<std::string> argument;  ///< at most one: the rest of the line, inner blanks kept
};

/// `head` is the file's beginning, padded with NULs. Empty: no script, or one whose interpreter is
/// missing or cut off by the end of `head` (execve: ENOEXEC).
std::optional<ScriptLine> parse_script(std::span<const char, kProgramHeadBytes> head);

}  // namespace gonzo

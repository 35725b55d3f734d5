// What the live kernel makes of a program: the oracle for exec.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gonzo {

/// The process as it stands before its first instruction.
struct NativeImage {
  std::string maps;                             ///< /proc/PID/maps
  std::vector<std::string> stat;                ///< /proc/PID/stat, field n at index n
  std::map<std::uint64_t, std::uint64_t> auxv;  ///< AT_NULL left out
  std::uint64_t stack_pointer = 0, entry = 0;
  std::string comm, exe, cmdline, environ;
};

struct NativeExec {
  bool possible = true;              ///< false: this host lets nobody trace a child
  int error = 0;                     ///< execve returned it
  int signal = 0;                    ///< execve did not return, and the process died of it
  std::optional<NativeImage> image;  ///< it would run
};

/// Runs execve without address randomisation in a child that never gets to its first instruction.
NativeExec exec_natively(const std::string& path, const std::vector<std::string>& arguments,
                         const std::vector<std::string>& environment,
                         std::uint64_t stack_limit = 8ULL << 20);

/// Are [vvar] to [vdso] as large as ours? Then what lies below them lies where it does here.
bool has_our_vdso(const std::string& maps);

/// The lines of a maps text that are not the kernel's own ([vdso], [vvar], [vsyscall]).
std::vector<std::string> own_lines(const std::string& maps);

}  // namespace gonzo

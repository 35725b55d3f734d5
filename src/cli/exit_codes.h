// What the command itself ends with, as env(1) and timeout(1) do.
#pragma once

namespace gonzo::exit_code {

inline constexpr int kOwnFailure = 125;  ///< Gonzo could not do its part, or the options are wrong
inline constexpr int kNotExecutable = 126;  ///< the program was found but cannot be run
inline constexpr int kNotFound = 127;       ///< there is no such program

}  // namespace gonzo::exit_code

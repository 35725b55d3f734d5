// Where temporary files go that may be large.
#pragma once

#include <cstdlib>
#include <string>

namespace gonzo {

/// TMPDIR, or /var/tmp, which is seldom in memory.
inline std::string temporary_directory() {
  const char* const chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != 0 ? chosen : "/var/tmp";
}

}  // namespace gonzo

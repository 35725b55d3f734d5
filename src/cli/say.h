// The command's own voice.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>

namespace gonzo {

inline void say(const std::string& text) { fmt::print(stderr, "gonzo: {}\n", text); }

}  // namespace gonzo

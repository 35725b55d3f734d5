// What the host's /proc lists.
#pragma once

#include <string_view>
#include <vector>

#include "kernel/kernel_file.h"
#include <gonzo/base/function_ref.h>

namespace gonzo {

/// Those names of the host's directory that `is_shown`, in its order. None if there is no such.
std::vector<DirectoryEntry> list_host(const char* path,
                                      FunctionRef<bool(std::string_view name)> is_shown);

}  // namespace gonzo

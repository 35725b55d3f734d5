#include "kernel/host_directory.h"

#include <dirent.h>

#include <memory>

namespace gonzo {

std::vector<DirectoryEntry> list_host(const char* path,
                                      FunctionRef<bool(std::string_view name)> is_shown) {
  std::vector<DirectoryEntry> entries;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path), closedir);
  if (directory == nullptr) return entries;
  while (const dirent* entry = readdir(directory.get())) {
    if (!is_shown(entry->d_name)) continue;
    entries.push_back({entry->d_name, entry->d_ino, entry->d_type, entries.size()});
  }
  return entries;
}

}  // namespace gonzo

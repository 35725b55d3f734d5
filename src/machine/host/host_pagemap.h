// What the host's tables of a process hold: /proc/PID/pagemap (Documentation/admin-guide/mm/
// pagemap.rst).
#pragma once

#include <sys/types.h>

#include <span>

#include <gonzo/base/address.h>
#include <gonzo/base/file_descriptor.h>
#include <gonzo/base/function_ref.h>

namespace gonzo {

/// Thread-safe.
class HostPagemap {
 public:
  explicit HostPagemap(pid_t process);
  /// False: this host has no such file, or none for us.
  bool can_tell() const { return file_.is_open(); }
  /// Of `pages`, those that the host would find without a fault. None once the process has ended.
  void for_each_present(std::span<const VirtAddr> pages, FunctionRef<void(VirtAddr)> visit) const;

 private:
  FileDescriptor file_;
};

}  // namespace gonzo

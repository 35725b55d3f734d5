// The devices that a machine has besides the host's. Linux: cdev_map and devtmpfs.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "kernel/char_device.h"
#include "kernel/proc_files.h"

namespace gonzo {

class System;

/// Thread-safe: made once.
class DeviceTable {
 public:
  /// What the host is asked for in place of a device, by calls that do not ask for its contents: a
  /// file that anybody may open, and nobody rename, remove or change.
  static constexpr const char* kHostFile = "/proc/self/timerslack_ns";

  DeviceTable();

  const std::vector<std::unique_ptr<CharDevice>>& all() const { return devices_; }
  /// By its name in /dev; null: there is none.
  CharDevice* find(std::string_view name) const;

 private:
  std::vector<std::unique_ptr<CharDevice>> devices_;
};

/// /dev itself: the host's names, and those of the machine's devices.
Result<OpenFileRef> open_dev_root(ProcOpening&& opening, System& system);
/// The opener of their files. ENOMEM.
Result<OpenFileRef> open_device(ProcOpening&& opening, System& system);

}  // namespace gonzo

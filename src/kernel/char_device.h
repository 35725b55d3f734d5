// A character device: a driver with a name in /dev. Linux: struct cdev, struct file_operations.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "kernel/device_buffer.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>

namespace gonzo {

class KernelMemory;

/// One that shows memory of its driver's: to read(2) and write(2), through the kernel's addresses,
/// and to mmap(2), whose areas call back the buffer's operations (MappedObject; Linux:
/// vm_operations_struct). All files of a device share one buffer, which is there from the first
/// open until the last file is closed and the last area is gone. Thread-safe.
class CharDevice {
 public:
  /// The major numbers from 240 to 254 are for local and experimental use (Linux:
  /// Documentation/admin-guide/devices.txt).
  static constexpr unsigned kMajor = 240;
  /// Makes the buffer and fills it as the driver likes. ENOMEM.
  using Probe = Result<DeviceBufferRef> (*)(KernelMemory& memory, FrameAllocator& frames,
                                            const ObjectName& name);

  /// `name`: in /dev.
  CharDevice(std::string name, unsigned minor, Probe probe)
      : name_(std::move(name)), minor_(minor), probe_(probe) {}

  const std::string& name() const { return name_; }
  std::string path() const { return "/dev/" + name_; }
  std::uint64_t inode() const { return kFirstInode + minor_; }
  /// The buffer for one more file. ENOMEM.
  Result<DeviceBufferRef> open(KernelMemory& memory, FrameAllocator& frames) GONZO_EXCLUDES(lock_);
  /// By a buffer at its end.
  void forget(const DeviceBuffer& buffer) GONZO_EXCLUDES(lock_);
  /// What stat(2) says of it, whatever file of the host stands behind.
  void amend_stat(struct stat& status) const;

 private:
  static constexpr std::uint64_t kFirstInode = 0xd0000000;

  ObjectName object_name() const;

  const std::string name_;
  const unsigned minor_;
  const Probe probe_;
  Mutex lock_;  ///< while a buffer is made; the frame allocator's and Vmalloc's below it
  /// Without a reference of the device's.
  DeviceBuffer* buffer_ GONZO_GUARDED_BY(lock_) = nullptr;
};

}  // namespace gonzo

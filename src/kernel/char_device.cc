#include "kernel/char_device.h"

#include <sys/sysmacros.h>

namespace gonzo {
namespace {

/// Of the file system that /dev is, whatever that may be.
dev_t device_of_dev() {
  struct stat status{};
  return ::stat("/dev", &status) == 0 ? status.st_dev : dev_t{};
}

}  // namespace

Result<DeviceBufferRef> CharDevice::open(KernelMemory& memory, FrameAllocator& frames) {
  const LockGuard guard(lock_);
  if (buffer_ != nullptr && buffer_->try_add_ref()) {
    constexpr bool kAddRef = false;
    return DeviceBufferRef(buffer_, kAddRef);
  }
  GONZO_ASSIGN(DeviceBufferRef made, probe_(memory, frames, object_name()));
  made->belong_to(*this);
  buffer_ = made.get();
  return made;
}

/// A buffer that is ending may have a successor already.
void CharDevice::forget(const DeviceBuffer& buffer) {
  const LockGuard guard(lock_);
  if (buffer_ == &buffer) buffer_ = nullptr;
}

void CharDevice::amend_stat(struct stat& status) const {
  constexpr mode_t kMode = 0666;
  status.st_dev = device_of_dev();
  status.st_ino = inode();
  status.st_mode = S_IFCHR | kMode;
  status.st_uid = status.st_gid = 0;
  status.st_rdev = makedev(kMajor, minor_);
  status.st_size = 0;
}

ObjectName CharDevice::object_name() const {
  const dev_t device = device_of_dev();
  return {.device_major = major(device),
          .device_minor = minor(device),
          .inode = inode(),
          .path = path()};
}

}  // namespace gonzo

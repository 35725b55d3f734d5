#include "syscall/zero_device.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace gonzo {

namespace {

class ZeroDevice final : public MappedObject {
 public:
  explicit ZeroDevice(ObjectName name) : name_(std::move(name)) {}

  Result<ObjectPage> get_page(std::uint64_t, PageIntent) override { return fail(Errno::kFault); }
  void get_resident(std::uint64_t, std::span<Pfn> out) override {
    std::ranges::fill(out, Pfn::none());
  }
  bool is_resident(std::uint64_t) override { return false; }
  void mark_dirty(std::uint64_t) override {}
  Result<void> sync(std::uint64_t, std::uint64_t) override { return {}; }
  ObjectName name() const override { return name_; }
  bool is_shmem() const override { return false; }
  bool is_zero_device() const override { return true; }

 private:
  const ObjectName name_;
};

}  // namespace

ObjectRef make_zero_device(int host_fd, const struct stat& status) {
  std::array<char, 256> path;
  const ssize_t size =
      readlink(fmt::format("/proc/self/fd/{}", host_fd).c_str(), path.data(), path.size());
  return ObjectRef(new ZeroDevice(
      {.device_major = major(status.st_dev),
       .device_minor = minor(status.st_dev),
       .inode = status.st_ino,
       .path = std::string(path.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)))}));
}

}  // namespace gonzo

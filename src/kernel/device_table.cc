#include "kernel/device_table.h"

#include <dirent.h>

#include <algorithm>
#include <array>
#include <utility>

#include "kernel/example_devices.h"
#include "kernel/host_directory.h"
#include "kernel/kernel_memory.h"
#include "kernel/system.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

/// Reads and writes are the driver's: between user memory and the buffer, as the kernel sees it.
class DeviceFile final : public KernelFile {
 public:
  DeviceFile(ProcOpening&& opening, const CharDevice& device, DeviceBufferRef buffer)
      : KernelFile(opening.host_fd, opening.flags, std::move(opening.name)),
        device_(device),
        buffer_(std::move(buffer)) {}

  ObjectRef mapped_object() const override { return buffer_; }
  void amend_stat(struct stat& status) const override { device_.amend_stat(status); }

 protected:
  Result<std::uint64_t> read_at(AddressSpace& memory, VirtAddr to, std::uint64_t length,
                                std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    return in_pages(length, position, [&](std::uint64_t done, std::span<std::byte> page) {
      const auto had = buffer_->read(&memory.page_table(), position, page);
      return had ? memory.copy_out(to + done, page) : had;
    });
  }
  /// ENOSPC: past the end.
  Result<std::uint64_t> write_at(AddressSpace& memory, VirtAddr from, std::uint64_t length,
                                 std::uint64_t& position) override GONZO_REQUIRES(lock_) {
    if (length != 0 && position >= buffer_->size()) return fail(Errno::kNoSpc);
    return in_pages(length, position, [&](std::uint64_t done, std::span<std::byte> page) {
      const auto had = memory.copy_in(page, from + done);
      return had ? buffer_->write(&memory.page_table(), position, page) : had;
    });
  }
  SeekKind seek_kind() const override { return SeekKind::kAddress; }

 private:
  /// What was done before an error counts.
  template <typename Step>
  Result<std::uint64_t> in_pages(std::uint64_t length, std::uint64_t& position, Step step) const {
    std::array<std::byte, kPageSize> page;
    std::uint64_t done = 0;
    while (done < length && position < buffer_->size()) {
      const std::uint64_t size =
          std::min({length - done, buffer_->size() - position, std::uint64_t{page.size()}});
      if (const auto stepped = step(done, std::span(page).first(size)); !stepped) {
        if (done == 0) return fail(stepped.error());
        break;
      }
      done += size;
      position += size;
    }
    return done;
  }

  const CharDevice& device_;
  const DeviceBufferRef buffer_;
};

}  // namespace

DeviceTable::DeviceTable() {
  devices_.push_back(std::make_unique<CharDevice>("gonzo-vmalloc", 0, make_vmalloc_buffer));
  devices_.push_back(std::make_unique<CharDevice>("gonzo-pfnmap", 1, make_contiguous_buffer));
}

CharDevice* DeviceTable::find(std::string_view name) const {
  const auto found = std::ranges::find(
      devices_, name, [](const auto& device) -> std::string_view { return device->name(); });
  return found == devices_.end() ? nullptr : found->get();
}

Result<OpenFileRef> open_dev_root(ProcOpening&& opening, System& system) {
  return open_directory(std::move(opening), [&system] {
    const auto& devices = system.devices();
    std::vector<DirectoryEntry> entries =
        list_host("/dev", [&](std::string_view name) { return devices.find(name) == nullptr; });
    for (const auto& device : devices.all()) {
      entries.push_back({device->name(), device->inode(), DT_CHR, entries.size()});
    }
    return entries;
  });
}

Result<OpenFileRef> open_device(ProcOpening&& opening, System& system) {
  CharDevice* const device =
      system.devices().find(opening.name.substr(opening.name.rfind('/') + 1));
  if (device == nullptr) return fail(Errno::kNxIo);
  GONZO_ASSIGN(DeviceBufferRef buffer, device->open(system.kernel_memory(), system.frames()));
  return std::make_shared<DeviceFile>(std::move(opening), *device, std::move(buffer));
}

}  // namespace gonzo

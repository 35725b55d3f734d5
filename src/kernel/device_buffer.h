// Memory of a driver's that programs may map. Linux: what vm_private_data of such areas points to.
#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/kernel_access.h>
#include <gonzo/vma/mapped_object.h>

namespace gonzo {

class CharDevice;

/// Lives as long as a file or an area of it does. Its driver reaches it by kernel addresses alone.
/// Thread-safe, though who reads while another writes may see a part.
class DeviceBuffer : public MappedObject {
 public:
  /// Where the kernel sees it. All outlive the buffer.
  struct Place {
    FrameAllocator* frames;
    const KernelHalf* half;
    VirtAddr start;
    std::uint64_t bytes;  ///< whole pages
  };
  ~DeviceBuffer() override;

  std::uint64_t size() const { return place_.bytes; }
  std::uint64_t pages() const { return place_.bytes >> kPageShift; }
  /// The driver's look, under the page tables `current` of who asks, or the kernel's own (null).
  /// EINVAL: past the end.
  Result<void> read(PageTable* current, std::uint64_t offset, std::span<std::byte> to) const;
  Result<void> write(PageTable* current, std::uint64_t offset, std::span<const std::byte> from);
  /// Tells `device` of the buffer's end.
  void belong_to(CharDevice& device) { device_ = &device; }

  // MappedObject.
  /// Nothing is mapped that was not asked for.
  void get_resident(std::uint64_t first, std::span<Pfn> out) override;
  bool is_resident(std::uint64_t /*index*/) override { return false; }
  void mark_dirty(std::uint64_t /*index*/) override {}
  /// EINVAL: there is nothing to write to (Linux: vfs_fsync without file_operations::fsync).
  Result<void> sync(std::uint64_t first, std::uint64_t end) override;
  /// ENODEV (Linux: vfs_fallocate).
  Result<void> punch_hole(std::uint64_t first, std::uint64_t end) override;
  ObjectName name() const override { return name_; }
  bool is_shmem() const override { return false; }
  bool wants_write_notice() const override { return false; }

 protected:
  DeviceBuffer(const Place& place, ObjectName name)
      : place_(place), name_(static_cast<ObjectName&&>(name)) {}
  const Place& place() const { return place_; }

 private:
  bool holds(std::uint64_t offset, std::size_t size) const {
    return offset <= place_.bytes && size <= place_.bytes - offset;
  }

  const Place place_;
  const ObjectName name_;
  CharDevice* device_ = nullptr;
};

using DeviceBufferRef = boost::intrusive_ptr<DeviceBuffer>;

}  // namespace gonzo

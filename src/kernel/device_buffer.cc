#include "kernel/device_buffer.h"

#include <algorithm>

#include "kernel/char_device.h"

namespace gonzo {

DeviceBuffer::~DeviceBuffer() {
  if (device_ != nullptr) device_->forget(*this);
}

Result<void> DeviceBuffer::read(PageTable* current, std::uint64_t offset,
                                std::span<std::byte> to) const {
  if (!holds(offset, to.size())) return fail(Errno::kInval);
  return read_kernel(*place_.frames, *place_.half, current, place_.start + offset, to);
}

Result<void> DeviceBuffer::write(PageTable* current, std::uint64_t offset,
                                 std::span<const std::byte> from) {
  if (!holds(offset, from.size())) return fail(Errno::kInval);
  return write_kernel(*place_.frames, *place_.half, current, place_.start + offset, from);
}

void DeviceBuffer::get_resident(std::uint64_t /*first*/, std::span<Pfn> out) {
  std::ranges::fill(out, Pfn::none());
}

Result<void> DeviceBuffer::sync(std::uint64_t /*first*/, std::uint64_t /*end*/) {
  return fail(Errno::kInval);
}

Result<void> DeviceBuffer::punch_hole(std::uint64_t /*first*/, std::uint64_t /*end*/) {
  return fail(Errno::kNoDev);
}

}  // namespace gonzo

#include "kernel/example_devices.h"

#include <fmt/format.h>

#include <bit>
#include <string>
#include <utility>

#include "kernel/kernel_memory.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kBytes = kExamplePages * kPageSize;
static_assert(std::has_single_bit(kExamplePages));

Result<DeviceBufferRef> filled(DeviceBufferRef buffer, std::string_view text) {
  for (std::uint64_t page = 0; page < buffer->pages(); ++page) {
    const std::string line = fmt::format("gonzo: page {} of {}\n", page, text);
    GONZO_TRY(buffer->write(nullptr, page * kPageSize, std::as_bytes(std::span(line))));
  }
  return buffer;
}

class VmallocBuffer final : public DeviceBuffer {
 public:
  VmallocBuffer(Vmalloc& vmalloc, const Place& place, ObjectName name)
      : DeviceBuffer(place, std::move(name)), vmalloc_(vmalloc) {}
  ~VmallocBuffer() override { vmalloc_.free(place().start); }

  /// The fault operation (Linux: vmalloc_to_page, get_page). EFAULT: past the end.
  Result<ObjectPage> get_page(std::uint64_t index, PageIntent /*intent*/) override {
    if (index >= pages()) return fail(Errno::kFault);
    const Pfn pfn = vmalloc_.half().page_at(place().start + index * kPageSize);
    place().frames->get(pfn);
    return ObjectPage{.pfn = pfn};
  }

 private:
  Vmalloc& vmalloc_;
};

class ContiguousBuffer final : public DeviceBuffer {
 public:
  ContiguousBuffer(Pfn first, const Place& place, ObjectName name)
      : DeviceBuffer(place, std::move(name)), first_(first) {}
  ~ContiguousBuffer() override {
    for (std::uint64_t page = 0; page < pages(); ++page) place().frames->put(first_ + page);
  }

  /// No fault is ever needed: EFAULT.
  Result<ObjectPage> get_page(std::uint64_t /*index*/, PageIntent /*intent*/) override {
    return fail(Errno::kFault);
  }
  Result<AreaSetup> set_up_area(const NewArea& area) override {
    if (area.first >= pages() || area.pages > pages() - area.first) return fail(Errno::kInval);
    return AreaSetup{.frames = first_ + area.first};
  }

 private:
  const Pfn first_;
};

}  // namespace

Result<DeviceBufferRef> make_vmalloc_buffer(KernelMemory& memory, FrameAllocator& frames,
                                            const ObjectName& name) {
  GONZO_ASSIGN(Vmalloc* const vmalloc, memory.vmalloc());
  GONZO_ASSIGN(const VirtAddr start,
               vmalloc->allocate(kBytes, "make_vmalloc_buffer", VmallocUse::kUser));
  const DeviceBuffer::Place place{
      .frames = &frames, .half = &vmalloc->half(), .start = start, .bytes = kBytes};
  return filled(DeviceBufferRef(new VmallocBuffer(*vmalloc, place, name)), "vmalloc'ed memory");
}

/// The block is split, so that whoever pins a page of it holds that page (Linux:
/// alloc_pages_exact).
Result<DeviceBufferRef> make_contiguous_buffer(KernelMemory& memory, FrameAllocator& frames,
                                               const ObjectName& name) {
  constexpr unsigned kOrder = std::countr_zero(kExamplePages);
  GONZO_ASSIGN(Vmalloc* const vmalloc, memory.vmalloc());
  const KernelHalf& half = vmalloc->half();
  GONZO_ASSIGN(const Pfn first,
               frames.allocate_split(kOrder, FrameState::kKernel, ZeroPolicy::kZeroed));
  const DeviceBuffer::Place place{.frames = &frames,
                                  .half = &half,
                                  .start = half.direct_map() + first.address().value,
                                  .bytes = kBytes};
  const DeviceBufferRef buffer(new ContiguousBuffer(first, place, name));
  if (first.address().value + kBytes > half.mapped_bytes()) return fail(Errno::kNoMem);
  return filled(buffer, "contiguous memory");
}

}  // namespace gonzo

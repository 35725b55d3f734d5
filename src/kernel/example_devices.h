// Two drivers as one writes them to learn how: their memory is for programs to map. Each buffer has
// kExamplePages pages, which begin with a line of text that tells which page it is.
#pragma once

#include "kernel/device_buffer.h"

namespace gonzo {

class KernelMemory;

inline constexpr std::uint64_t kExamplePages = 16;

/// /dev/gonzo-vmalloc: scattered frames (vmalloc_user), which areas get page by page, by their
/// fault operation; beyond the end SIGBUS. Such pages are counted, as any object's are. ENOMEM.
Result<DeviceBufferRef> make_vmalloc_buffer(KernelMemory& memory, FrameAllocator& frames,
                                            const ObjectName& name);
/// /dev/gonzo-pfnmap: a block of the buddy allocator's, of which mmap shows all that was asked for
/// at once (remap_pfn_range), or fails with EINVAL. ENOMEM: no block, or not one that the kernel
/// maps.
Result<DeviceBufferRef> make_contiguous_buffer(KernelMemory& memory, FrameAllocator& frames,
                                               const ObjectName& name);

}  // namespace gonzo

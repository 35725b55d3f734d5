// The kernel's reads and writes of its own memory, by its own addresses.
#pragma once

#include <cstddef>
#include <span>

#include <gonzo/base/address.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/kernel_half.h>
#include <gonzo/paging/page_table.h>

namespace gonzo {

/// Copies page by page through walks of the tables with a supervisor's rights, as a processor in
/// the kernel would. With a `current` that carries `half`, the tables are its own, as in a system
/// call of its program, and a root entry that it has yet to see is fetched; else the half's own, as
/// in a kernel thread. EFAULT: something there is not mapped; what lies before has been copied
/// (Linux: copy_from_kernel_nofault, where others would be an oops). Thread-safe as long as what is
/// accessed stays mapped.
Result<void> read_kernel(FrameAllocator& frames, const KernelHalf& half, PageTable* current,
                         VirtAddr from, std::span<std::byte> to);
Result<void> write_kernel(FrameAllocator& frames, const KernelHalf& half, PageTable* current,
                          VirtAddr to, std::span<const std::byte> from);

}  // namespace gonzo

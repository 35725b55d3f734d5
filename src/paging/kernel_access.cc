#include <algorithm>
#include <cstring>

#include <gonzo/paging/kernel_access.h>
#include <gonzo/paging/software_mmu.h>

namespace gonzo {
namespace {

/// What a kernel address means under the tables that are loaded.
class KernelView {
 public:
  KernelView(FrameAllocator& frames, const KernelHalf& half, PageTable* current)
      : frames_(frames),
        half_(half),
        current_(current != nullptr && current->kernel_half() == &half ? current : nullptr) {}

  Result<std::byte*> at(VirtAddr address, Access access) const {
    const Pfn root = current_ != nullptr ? current_->root() : half_.root();
    const auto look = [&] {
      return walk(frames_, half_.format(), root, address, access, Privilege::kSupervisor);
    };
    auto found = look();
    if (!found && (found.error().error_code & fault_code::kPresent) == 0 && current_ != nullptr &&
        current_->adopt_kernel_entry(address)) {
      found = look();
    }
    if (!found) return fail(Errno::kFault);
    return frames_.address(found->physical);
  }

  /// Calls `copy(bytes, done)` for each page's part of the range.
  template <typename Copy>
  Result<void> for_each_page(VirtAddr start, std::size_t size, Access access, Copy copy) const {
    for (std::size_t done = 0; done < size;) {
      const VirtAddr address = start + done;
      const std::size_t part =
          std::min<std::size_t>(kPageSize - address.page_offset(), size - done);
      GONZO_ASSIGN(std::byte* const bytes, at(address, access));
      copy(std::span(bytes, part), done);
      done += part;
    }
    return {};
  }

 private:
  FrameAllocator& frames_;
  const KernelHalf& half_;
  PageTable* const current_;
};

}  // namespace

Result<void> read_kernel(FrameAllocator& frames, const KernelHalf& half, PageTable* current,
                         VirtAddr from, std::span<std::byte> to) {
  return KernelView(frames, half, current)
      .for_each_page(from, to.size(), Access::kRead,
                     [&](std::span<const std::byte> page, std::size_t done) {
                       std::memcpy(to.data() + done, page.data(), page.size());
                     });
}

Result<void> write_kernel(FrameAllocator& frames, const KernelHalf& half, PageTable* current,
                          VirtAddr to, std::span<const std::byte> from) {
  return KernelView(frames, half, current)
      .for_each_page(to, from.size(), Access::kWrite,
                     [&](std::span<std::byte> page, std::size_t done) {
                       std::memcpy(page.data(), from.data() + done, page.size());
                     });
}

}  // namespace gonzo

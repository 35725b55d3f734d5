// Pages of the kernel's own that programs may map. Linux: struct vm_special_mapping.
#pragma once

#include <span>

#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/vma/mapped_object.h>

namespace gonzo {

/// Thread-safe. The same frames from its making to its end, next to each other.
class KernelPages final : public MappedObject {
 public:
  /// `count` zeroed pages, a power of two. ENOMEM.
  static Result<boost::intrusive_ptr<KernelPages>> create(FrameAllocator& frames,
                                                          std::uint64_t count);
  /// Without any page.
  static ObjectRef none();
  ~KernelPages() override;

  std::span<std::byte> bytes() const;

  // MappedObject.
  Result<ObjectPage> get_page(std::uint64_t index, PageIntent intent) override;
  void get_resident(std::uint64_t first, std::span<Pfn> out) override;
  bool is_resident(std::uint64_t index) override { return index < count_; }
  void mark_dirty(std::uint64_t /*index*/) override {}
  Result<void> sync(std::uint64_t /*first*/, std::uint64_t /*end*/) override { return {}; }
  ObjectName name() const override { return {}; }
  bool is_shmem() const override { return false; }

 private:
  KernelPages(FrameAllocator* frames, Pfn first, std::uint64_t count)
      : frames_(frames), first_(first), count_(count) {}

  FrameAllocator* frames_;  ///< null: no pages
  Pfn first_;
  std::uint64_t count_;
};

}  // namespace gonzo

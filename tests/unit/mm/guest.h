// A guest without a machine: an address space on memory of its own, touched as a processor would,
// through its entries. At its end nothing may be left over.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "unit/mm/fake_object.h"
#include "vma_index_from_environment.h"
#include <gonzo/mm/address_space.h>
#include <gonzo/paging/software_mmu.h>

namespace gonzo::test {

/// Remembers what it was told.
class RecordingCache final : public TranslationCache {
 public:
  void invalidate(AddressRange range, Stricter what) override {
    std::lock_guard guard(mutex_);
    calls.emplace_back(range, what);
  }
  void collect_accesses(std::span<const VirtAddr> pages) override {
    if (collect) collect(pages);
  }
  std::vector<std::pair<AddressRange, Stricter>> calls;
  /// What the machine knows more than the entries say; none: nothing.
  std::function<void(std::span<const VirtAddr>)> collect;

 private:
  std::mutex mutex_;
};

class Guest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  static constexpr VirtAddr kBase{0x1000'0000};

  void SetUp() override { start({}); }
  void TearDown() override { stop(); }

  struct Setup {
    std::uint64_t bytes = 64 * kMiB;
    MemoryManager::Config manager{};
    AddressSpace::Config space{};
  };
  void start(const Setup& setup) {
    stop();
    bytes_ = setup.bytes;
    void* const memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    memory_ = static_cast<std::byte*>(memory);
    frames_ = *FrameAllocator::create({.memory = std::span(memory_, bytes_)});
    manager_ = *MemoryManager::create(*frames_, setup.manager);
    AddressSpace::Config config = setup.space;
    config.index = vma_index_from_environment();
    space_ = *AddressSpace::create(*manager_, cache_, config);
  }
  void stop() {
    if (!frames_) return;
    if (space_) {
      EXPECT_EQ(space_->verify(), "");
    }
    space_.reset();
    object_.reset();
    manager_.reset();
    EXPECT_EQ(frames_->verify(), "");
    EXPECT_EQ(frames_->check_all_free(), "");
    frames_.reset();
    ::munmap(memory_, bytes_);
    cache_.calls.clear();
  }

  static VirtAddr page(std::uint64_t n) { return kBase + n * kPageSize; }

  /// At kBase, or `at` pages above it.
  VirtAddr map(std::uint64_t pages, int protection = PROT_READ | PROT_WRITE,
               int flags = MAP_PRIVATE | MAP_ANONYMOUS, std::uint64_t at = 0) {
    return must_map({.hint = page(at),
                     .length = pages * kPageSize,
                     .protection = protection,
                     .flags = flags | MAP_FIXED});
  }
  FakeObject& make_object(std::uint64_t pages, FakeObject::Kind kind = FakeObject::Kind::kFile) {
    object_.reset(new FakeObject(*frames_, pages, kind));
    return *object_;
  }
  VirtAddr map_object(std::uint64_t pages, int protection, int sharing,
                      std::uint64_t first_page = 0) {
    return must_map({.hint = kBase,
                     .length = pages * kPageSize,
                     .protection = protection,
                     .flags = sharing | MAP_FIXED,
                     .object = object_,
                     .offset = first_page * kPageSize});
  }
  VirtAddr must_map(const MapRequest& request) {
    const auto mapped = space_->map(request);
    EXPECT_TRUE(mapped.has_value()) << errno_name(mapped ? Errno{} : mapped.error());
    return mapped.value_or(VirtAddr());
  }

  FaultOutcome read_fault(VirtAddr a) { return space_->fault(a, Access::kRead); }
  FaultOutcome write_fault(VirtAddr a) { return space_->fault(a, Access::kWrite); }
  static Entry entry_of(AddressSpace& space, VirtAddr a) {
    const EntryRef slot = space.page_table().find(a);
    return slot ? slot.load() : Entry();
  }
  Entry entry(VirtAddr a) { return entry_of(*space_, a); }
  Frame& frame(VirtAddr a) { return frames_->frame(entry(a).pfn()); }
  std::byte* bytes(VirtAddr a) { return frames_->address(entry(a).pfn()) + a.page_offset(); }

  /// A processor's access: the walk, and a fault each time that it fails. Null when the fault is
  /// not mended.
  static std::byte* access(AddressSpace& space, VirtAddr a, Access how) {
    FrameAllocator& frames = space.manager().frames();
    PageTable& table = space.page_table();
    for (;;) {
      const auto found = walk(frames, table.format(), table.root(), a, how, Privilege::kUser);
      if (found) return frames.address(found->physical);
      if (!mended(space.fault(a, how))) return nullptr;
    }
  }
  static void poke(AddressSpace& space, VirtAddr a, int value) {
    std::byte* const at = access(space, a, Access::kWrite);
    ASSERT_NE(at, nullptr) << std::hex << a.value;
    *at = static_cast<std::byte>(value);
  }
  static int peek(AddressSpace& space, VirtAddr a) {
    const std::byte* const at = access(space, a, Access::kRead);
    return at == nullptr ? -1 : std::to_integer<int>(*at);
  }
  void poke(VirtAddr a, int value) { poke(*space_, a, value); }
  int peek(VirtAddr a) { return peek(*space_, a); }

  RecordingCache cache_;
  std::unique_ptr<FrameAllocator> frames_;
  std::unique_ptr<MemoryManager> manager_;
  boost::intrusive_ptr<FakeObject> object_;
  std::unique_ptr<AddressSpace> space_;

 private:
  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace gonzo::test

// An object whose pages, failures and notifications a test controls.
#pragma once

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include <gonzo/base/check.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/vma/mapped_object.h>

namespace gonzo::test {

/// `pages` long; page i is full of the byte `i + 1`. A page is brought in by its first get_page,
/// which is major for a file, or by make_resident.
class FakeObject final : public MappedObject {
 public:
  enum class Kind { kFile, kShmem };

  FakeObject(FrameAllocator& frames, std::uint64_t pages, Kind kind = Kind::kFile)
      : frames_(frames), pages_(pages), kind_(kind) {}
  ~FakeObject() override {
    for (const auto& [index, pfn] : resident_) frames_.put(pfn);
  }

  Result<ObjectPage> get_page(std::uint64_t index, PageIntent intent) override {
    std::lock_guard guard(mutex_);
    asked.emplace_back(index, intent);
    if (failure) return fail(*failure);
    if (index >= pages_) return fail(Errno::kFault);
    const bool major = !resident_.contains(index) && kind_ == Kind::kFile;
    GONZO_ASSIGN(const Pfn pfn, bring_in(index));
    frames_.get(pfn);
    return ObjectPage{.pfn = pfn, .major = major};
  }
  void get_resident(std::uint64_t first, std::span<Pfn> out) override {
    std::lock_guard guard(mutex_);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto found = resident_.find(first + i);
      out[i] = found == resident_.end() ? Pfn::none() : found->second;
      if (!out[i].is_none()) frames_.get(out[i]);
    }
  }
  bool is_resident(std::uint64_t index) override {
    std::lock_guard guard(mutex_);
    return resident_.contains(index);
  }
  void mark_dirty(std::uint64_t index) override {
    std::lock_guard guard(mutex_);
    dirtied.push_back(index);
  }
  Result<void> sync(std::uint64_t, std::uint64_t) override { return {}; }
  ObjectName name() const override { return {.inode = 7, .path = "/fake"}; }
  bool is_shmem() const override { return kind_ == Kind::kShmem; }

  void make_resident(std::uint64_t first, std::uint64_t count) {
    std::lock_guard guard(mutex_);
    for (std::uint64_t i = first; i < first + count; ++i) GONZO_CHECK(bring_in(i).has_value());
  }
  Pfn frame_of(std::uint64_t index) {
    std::lock_guard guard(mutex_);
    return resident_.at(index);
  }

  std::optional<Errno> failure;  ///< of the next get_page calls
  std::vector<std::pair<std::uint64_t, PageIntent>> asked;
  std::vector<std::uint64_t> dirtied;

 private:
  Result<Pfn> bring_in(std::uint64_t index) {
    const auto found = resident_.find(index);
    if (found != resident_.end()) return found->second;
    GONZO_ASSIGN(const Pfn pfn, frames_.allocate(0, FrameState::kPageCache, ZeroPolicy::kDontCare));
    std::memset(frames_.address(pfn), static_cast<int>(index + 1), kPageSize);
    frames_.frame(pfn).mapping = this;
    frames_.frame(pfn).index = index;
    resident_.emplace(index, pfn);
    return pfn;
  }

  FrameAllocator& frames_;
  const std::uint64_t pages_;
  const Kind kind_;
  std::mutex mutex_;
  std::map<std::uint64_t, Pfn> resident_;
};

}  // namespace gonzo::test

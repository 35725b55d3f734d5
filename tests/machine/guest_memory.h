// Frames and a page table that a test fills by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include <gonzo/base/check.h>
#include <gonzo/machine/arena.h>
#include <gonzo/paging/kernel_half.h>
#include <gonzo/paging/page_table.h>

namespace gonzo {

inline constexpr std::uint64_t kUserRead = pte::kPresent | pte::kUser;
inline constexpr std::uint64_t kUserWrite = kUserRead | pte::kWrite;

class GuestMemory {
 public:
  /// `first`: FrameAllocator::Config's.
  explicit GuestMemory(PagingFormat format, std::size_t bytes = 32 << 20, Pfn first = Pfn(1))
      : arena_(Arena::create(bytes, Arena::Backing::kOnTouch).value()),
        frames_(FrameAllocator::create({.memory = arena_->memory(), .first = first}).value()),
        half_(KernelHalf::create(*frames_, format).value()) {}
  ~GuestMemory() { clear(); }
  /// Frees all that was allocated, and the page table.
  void clear() {
    if (table_ != nullptr) clear_table();
    clear_blocks();
  }
  /// Frees all that was allocated; nothing maps it.
  void clear_blocks() {
    for (const Block& block : blocks_) frames_->free(block.first, block.order);
    blocks_.clear();
  }
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  Arena& arena() { return *arena_; }
  FrameAllocator& frames() { return *frames_; }
  /// What the page tables carry. A machine that wants to prepare it does so before the first.
  KernelHalf& half() { return *half_; }
  PageTable& table() {
    if (table_ == nullptr)
      table_ = PageTable::create(*frames_, half_->format(), half_.get()).value();
    return *table_;
  }

  /// A zeroed frame, or 2^order of them.
  Pfn allocate(unsigned order = 0) {
    const Pfn first = frames_->allocate(order, FrameState::kAnonymous, ZeroPolicy::kZeroed).value();
    blocks_.push_back({first, order});
    return first;
  }
  void set(std::uint64_t address, Entry entry) {
    const EntryRef slot = table().ensure(VirtAddr(address)).value();
    const Entry before = slot.exchange(entry);
    if (before.is_blank() && !entry.is_blank()) table().entry_filled(slot);
    if (!before.is_blank() && entry.is_blank()) table().entry_blanked(slot);
  }
  Entry get(std::uint64_t address) const {
    const EntryRef slot = table_->find(VirtAddr(address));
    return slot ? slot.load() : Entry();
  }
  /// A new frame at `address`.
  Pfn map(std::uint64_t address, std::uint64_t flags) {
    const Pfn frame = allocate();
    set(address, Entry::map(frame, flags));
    return frame;
  }
  std::uint64_t& word(Pfn frame, std::uint64_t index = 0) {
    return reinterpret_cast<std::uint64_t*>(frames_->address(frame))[index];
  }
  /// Executable, read-only pages with this content; their frames.
  std::vector<Pfn> map_code(std::uint64_t address, std::span<const std::byte> code) {
    std::vector<Pfn> frames;
    for (std::size_t at = 0; at < code.size(); at += kPageSize) {
      const Pfn frame = map(address + at, kUserRead);
      const std::size_t bytes = std::min<std::size_t>(kPageSize, code.size() - at);
      std::memcpy(frames_->address(frame), code.data() + at, bytes);
      frames.push_back(frame);
    }
    return frames;
  }

 private:
  void clear_table() {
    table_->for_each_entry({VirtAddr(0), table_->user_end()}, [&](const LeafSlot& leaf) {
      leaf.entry.exchange(Entry());
      table_->entry_blanked(leaf.entry);
      return true;
    });
    table_.reset();
  }
  struct Block {
    Pfn first;
    unsigned order;
  };
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<FrameAllocator> frames_;
  std::unique_ptr<KernelHalf> half_;
  std::unique_ptr<PageTable> table_;
  std::vector<Block> blocks_;
};

}  // namespace gonzo

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
#include <gonzo/paging/page_table.h>

namespace gonzo {

inline constexpr std::uint64_t kUserRead = pte::kPresent | pte::kUser;
inline constexpr std::uint64_t kUserWrite = kUserRead | pte::kWrite;

class GuestMemory {
 public:
  explicit GuestMemory(PagingFormat format, std::size_t bytes = 32 << 20)
      : arena_(Arena::create(bytes, Arena::Backing::kOnTouch).value()),
        frames_(FrameAllocator::create({.memory = arena_->memory()}).value()),
        table_(PageTable::create(*frames_, format).value()) {}
  ~GuestMemory() {
    table_->for_each_entry({VirtAddr(0), table_->user_end()}, [&](const LeafSlot& leaf) {
      leaf.entry.exchange(Entry());
      table_->entry_blanked(leaf.entry);
      return true;
    });
    table_.reset();
    for (const Block& block : blocks_) frames_->free(block.first, block.order);
  }
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  Arena& arena() { return *arena_; }
  FrameAllocator& frames() { return *frames_; }
  PageTable& table() { return *table_; }

  /// A zeroed frame, or 2^order of them.
  Pfn allocate(unsigned order = 0) {
    const Pfn first = frames_->allocate(order, FrameState::kAnonymous, ZeroPolicy::kZeroed).value();
    blocks_.push_back({first, order});
    return first;
  }
  void set(std::uint64_t address, Entry entry) {
    const EntryRef slot = table_->ensure(VirtAddr(address)).value();
    const Entry before = slot.exchange(entry);
    if (before.is_blank() && !entry.is_blank()) table_->entry_filled(slot);
    if (!before.is_blank() && entry.is_blank()) table_->entry_blanked(slot);
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
  /// Executable, read-only pages with this content.
  void map_code(std::uint64_t address, std::span<const std::byte> code) {
    for (std::size_t at = 0; at < code.size(); at += kPageSize) {
      const Pfn frame = map(address + at, kUserRead);
      const std::size_t bytes = std::min<std::size_t>(kPageSize, code.size() - at);
      std::memcpy(frames_->address(frame), code.data() + at, bytes);
    }
  }

 private:
  struct Block {
    Pfn first;
    unsigned order;
  };
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<FrameAllocator> frames_;
  std::unique_ptr<PageTable> table_;
  std::vector<Block> blocks_;
};

}  // namespace gonzo

// A small machine with a page cache; every test ends with a look for leaked frames.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "unit/cache/fake_file.h"
#include "unit/frame/arena.h"
#include <gonzo/cache/page_cache.h>

namespace gonzo::test {

class CacheTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kFrames = 8192;

  explicit CacheTest(PageCache::Config config = {})
      : cache_(std::make_unique<PageCache>(*arena_, config)) {}

  void TearDown() override {
    if (cache_ != nullptr) {
      EXPECT_EQ(cache_->verify(), "");
    }
    cache_.reset();
    arena_->drain();
    EXPECT_EQ(arena_->check_all_free(), "");
  }

  CachedFileRef open(const std::shared_ptr<FakeInode>& inode,
                     FakeFile::Mode mode = FakeFile::Mode::kReadWrite,
                     const std::string& path = "/fake") {
    auto opened = cache_->open(std::make_shared<FakeFile>(inode, mode, path));
    EXPECT_TRUE(opened.has_value());
    return *opened;
  }

  /// A page that stays until let_go().
  ObjectPage take(MappedObject& object, std::uint64_t index,
                  PageIntent intent = PageIntent::kRead) {
    const auto page = object.get_page(index, intent);
    EXPECT_TRUE(page.has_value()) << "page " << index;
    return page.value_or(ObjectPage{});
  }
  void let_go(const ObjectPage& page) { arena_->put(page.pfn); }

  /// The first byte of the page, brought in if it is not there.
  int peek(MappedObject& object, std::uint64_t index, std::size_t offset = 0) {
    const ObjectPage page = take(object, index);
    const int byte = byte_of(page, offset);
    let_go(page);
    return byte;
  }
  /// A store through a shared mapping.
  void poke(MappedObject& object, std::uint64_t index, std::size_t offset, char byte) {
    const ObjectPage page = take(object, index, PageIntent::kWrite);
    store(page, offset, byte);
    let_go(page);
  }
  int byte_of(const ObjectPage& page, std::size_t offset = 0) {
    return static_cast<int>(arena_->address(page.pfn)[offset]);
  }
  void store(const ObjectPage& page, std::size_t offset, char byte) {
    arena_->address(page.pfn)[offset] = static_cast<std::byte>(byte);
  }
  /// Leaves junk in every frame, as a machine that has run a while.
  void soil() {
    constexpr unsigned kOrder = 5;
    std::vector<Pfn> blocks;
    while (auto block = arena_->allocate(kOrder, FrameState::kKernel, ZeroPolicy::kDontCare)) {
      arena_.fill(*block, 0xee, 1U << kOrder);
      blocks.push_back(*block);
    }
    for (const Pfn block : blocks) arena_->free(block, kOrder);
  }
  static Errno error_of(const auto& result) {
    EXPECT_FALSE(result.has_value());
    return result.has_value() ? Errno{0} : result.error();
  }

  Arena arena_{kFrames};
  std::unique_ptr<PageCache> cache_;
};

}  // namespace gonzo::test

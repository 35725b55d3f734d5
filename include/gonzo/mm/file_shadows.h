// What a policy remembers of pages of objects that have left memory. Linux keeps it in the page
// cache's tree, where it needs a shrinker of its own; a table as large as memory forgets by itself.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include <gonzo/reclaim/shadow.h>

namespace gonzo {

/// Not thread-safe. A page may take another's place: then the other comes back as if it were new.
class FileShadows {
 public:
  /// `pages`: how many it can remember at most; untouched parts cost nothing. Throws
  /// std::bad_alloc.
  explicit FileShadows(std::uint64_t pages)
      : mask_(std::bit_ceil(pages) - 1),
        entries_(static_cast<Entry*>(std::calloc(mask_ + 1, sizeof(Entry)))) {
    if (entries_ == nullptr) throw std::bad_alloc();
  }

  void remember(std::uint64_t object, std::uint64_t index, Shadow shadow) {
    const std::uint64_t key = key_of(object, index);
    entries_[key & mask_] = {.key = key, .word = shadow.word};
  }
  bool knows(std::uint64_t object, std::uint64_t index) const {
    const std::uint64_t key = key_of(object, index);
    return entries_[key & mask_].key == key;
  }
  /// And forgets it.
  Shadow recall(std::uint64_t object, std::uint64_t index) {
    const std::uint64_t key = key_of(object, index);
    Entry& entry = entries_[key & mask_];
    if (entry.key != key) return {};
    const Shadow shadow{entry.word};
    entry = {};
    return shadow;
  }

 private:
  struct Entry {
    std::uint64_t key, word;
  };
  struct Free {
    void operator()(Entry* entries) const { std::free(entries); }
  };

  /// Spread well, for pages come in runs (splitmix64, Steele, Lea and Flood 2014).
  static std::uint64_t key_of(std::uint64_t object, std::uint64_t index) {
    std::uint64_t z = object * 0x9e3779b97f4a7c15ULL + index + 1;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  std::uint64_t mask_;
  std::unique_ptr<Entry[], Free> entries_;
};

}  // namespace gonzo

// Pages whose entries have no A, of which a machine may know more.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <gonzo/base/address.h>
#include <gonzo/paging/translation_cache.h>

namespace gonzo {

/// Asks the machine for those that were used, in batches. With the address space's lock held.
class AgedPages {
 public:
  explicit AgedPages(TranslationCache& cache) : cache_(cache) {}
  ~AgedPages() { ask(); }
  AgedPages(const AgedPages&) = delete;
  AgedPages& operator=(const AgedPages&) = delete;

  void add(VirtAddr page) {
    if (count_ == pages_.size()) ask();
    pages_[count_++] = page;
  }

 private:
  void ask() {
    if (count_ != 0) cache_.collect_accesses(std::span(pages_).first(count_));
    count_ = 0;
  }

  TranslationCache& cache_;
  std::array<VirtAddr, 64> pages_;
  std::size_t count_ = 0;
};

}  // namespace gonzo

#include "unit/reclaim/reference.h"

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <set>
#include <vector>

namespace gonzo {
namespace {

using Pages = std::list<Page>;  // front: newest

bool holds(const Pages& pages, Page page) { return std::ranges::find(pages, page) != pages.end(); }
Page take_last(Pages& pages) {
  const Page page = pages.back();
  pages.pop_back();
  return page;
}

class FifoReference final : public Reference {
 public:
  void added(Page page, PageKind /*kind*/) override { pages_.push_front(page); }
  void accessed(Page /*page*/) override {}
  void removed(Page page) override { pages_.remove(page); }
  std::optional<Page> evict(SwapRoom /*swap*/, Harvest /*harvest*/) override {
    return take_last(pages_);
  }

 private:
  Pages pages_;
};

/// By the time of the last use.
class LruReference final : public Reference {
 public:
  void added(Page page, PageKind /*kind*/) override { used_[page] = ++now_; }
  void accessed(Page page) override { used_[page] = ++now_; }
  void removed(Page page) override { used_.erase(page); }
  std::optional<Page> evict(SwapRoom /*swap*/, Harvest harvest) override {
    while (true) {
      const auto oldest = std::ranges::min_element(
          used_, {}, [](const auto& page_and_time) { return page_and_time.second; });
      const Page page = oldest->first;
      if (harvest(page).entries == 0) {
        used_.erase(oldest);
        return page;
      }
      oldest->second = ++now_;
    }
  }

 private:
  std::map<Page, std::uint64_t> used_;
  std::uint64_t now_ = 0;
};

/// A ring and a hand. New pages come in just behind the hand.
class ClockReference final : public Reference {
 public:
  void added(Page page, PageKind /*kind*/) override {
    ring_.insert(ring_.begin() + hand_, page);
    ++hand_;
  }
  void accessed(Page page) override { used_.insert(page); }
  void removed(Page page) override {
    const auto at = std::ranges::find(ring_, page) - ring_.begin();
    ring_.erase(ring_.begin() + at);
    if (at < hand_) --hand_;
    used_.erase(page);
  }
  std::optional<Page> evict(SwapRoom /*swap*/, Harvest harvest) override {
    while (true) {
      if (hand_ >= std::ssize(ring_)) hand_ = 0;
      const Page page = ring_[static_cast<std::size_t>(hand_)];
      const bool was_used = used_.erase(page) != 0;
      if (harvest(page).entries == 0 && !was_used) {
        ring_.erase(ring_.begin() + hand_);
        return page;
      }
      ++hand_;
    }
  }

 private:
  std::vector<Page> ring_;
  std::ptrdiff_t hand_ = 0;
  std::set<Page> used_;
};

class TwoQueueReference final : public Reference {
 public:
  void added(Page page, PageKind /*kind*/) override {
    if (holds(a1out_, page)) {
      a1out_.remove(page);
      am_.push_front(page);
    } else {
      a1in_.push_front(page);
    }
  }
  void accessed(Page page) override {
    if (!holds(am_, page)) return;
    am_.remove(page);
    am_.push_front(page);
  }
  void removed(Page page) override {
    a1in_.remove(page);
    am_.remove(page);
  }
  std::optional<Page> evict(SwapRoom /*swap*/, Harvest harvest) override {
    const std::size_t size = a1in_.size() + am_.size();
    while (true) {
      if (a1in_.size() > size / 4 || am_.empty()) {
        const Page page = take_last(a1in_);
        harvest(page);
        a1out_.push_front(page);
        while (a1out_.size() > std::max<std::size_t>(size / 2, 1)) a1out_.pop_back();
        return page;
      }
      const Page page = take_last(am_);
      if (harvest(page).entries == 0) return page;
      am_.push_front(page);
    }
  }

 private:
  Pages a1in_, a1out_, am_;
};

class ArcReference final : public Reference {
 public:
  void added(Page page, PageKind /*kind*/) override {
    const std::size_t c = t1_.size() + t2_.size() + 1;
    if (holds(b1_, page)) {
      p_ = std::min(c, p_ + std::max<std::size_t>(b2_.size() / b1_.size(), 1));
      b1_.remove(page);
      t2_.push_front(page);
    } else if (holds(b2_, page)) {
      const std::size_t less = std::max<std::size_t>(b1_.size() / b2_.size(), 1);
      p_ = p_ > less ? p_ - less : 0;
      b2_.remove(page);
      t2_.push_front(page);
    } else {
      t1_.push_front(page);
    }
    while (!b1_.empty() && t1_.size() + b1_.size() > c) b1_.pop_back();
    while (!b2_.empty() && t1_.size() + t2_.size() + b1_.size() + b2_.size() > 2 * c) {
      b2_.pop_back();
    }
  }
  void accessed(Page page) override {
    removed(page);
    t2_.push_front(page);
  }
  void removed(Page page) override {
    t1_.remove(page);
    t2_.remove(page);
    seen_.erase(page);
  }
  std::optional<Page> evict(SwapRoom /*swap*/, Harvest harvest) override {
    while (true) {
      if (t1_.size() > p_ || t2_.empty()) {
        const Page page = take_last(t1_);
        if (harvest(page).entries == 0) {
          seen_.erase(page);
          b1_.push_front(page);
          return page;
        }
        (seen_.insert(page).second ? t1_ : t2_).push_front(page);
      } else {
        const Page page = take_last(t2_);
        if (harvest(page).entries == 0) {
          seen_.erase(page);
          b2_.push_front(page);
          return page;
        }
        t2_.push_front(page);
      }
    }
  }

 private:
  Pages t1_, t2_, b1_, b2_;
  std::set<Page> seen_;
  std::size_t p_ = 0;
};

class S3FifoReference final : public Reference {
 public:
  void added(Page page, PageKind /*kind*/) override {
    freq_[page] = 0;
    if (holds(ghost_, page)) {
      ghost_.remove(page);
      main_.push_front(page);
    } else {
      small_.push_front(page);
    }
  }
  void accessed(Page page) override { freq_[page] = std::min(freq_[page] + 1, 3); }
  void removed(Page page) override {
    small_.remove(page);
    main_.remove(page);
    freq_.erase(page);
  }
  std::optional<Page> evict(SwapRoom /*swap*/, Harvest harvest) override {
    const std::size_t size = freq_.size();
    while (true) {
      const auto page = !small_.empty() && (small_.size() >= size / 10 || main_.empty())
                            ? evict_small(harvest, size)
                            : evict_main(harvest);
      if (page) return page;
    }
  }

 private:
  int look(Page page, Harvest harvest, bool& bit) {
    bit = harvest(page).entries != 0;
    if (bit) accessed(page);
    return freq_[page];
  }
  std::optional<Page> evict_small(Harvest harvest, std::size_t size) {
    while (!small_.empty()) {
      const Page page = take_last(small_);
      bool bit = false;
      if (look(page, harvest, bit) > 1) {
        main_.push_front(page);
      } else if (bit) {
        small_.push_front(page);
      } else {
        freq_.erase(page);
        ghost_.push_front(page);
        while (ghost_.size() > std::max<std::size_t>(size - size / 10, 1)) ghost_.pop_back();
        return page;
      }
    }
    return std::nullopt;
  }
  std::optional<Page> evict_main(Harvest harvest) {
    while (true) {
      const Page page = take_last(main_);
      bool bit = false;
      if (look(page, harvest, bit) == 0) {
        freq_.erase(page);
        return page;
      }
      --freq_[page];
      main_.push_front(page);
    }
  }

  Pages small_, main_, ghost_;
  std::map<Page, int> freq_;
};

class SieveReference final : public Reference {
 public:
  void added(Page page, PageKind /*kind*/) override { pages_.push_front(page); }
  void accessed(Page page) override { visited_.insert(page); }
  void removed(Page page) override {
    const auto at = std::ranges::find(pages_, page);
    if (hand_ == page) step(at);
    pages_.erase(at);
    visited_.erase(page);
  }
  std::optional<Page> evict(SwapRoom /*swap*/, Harvest harvest) override {
    while (true) {
      const Page page = hand_.value_or(pages_.back());
      const auto at = std::ranges::find(pages_, page);
      step(at);
      const bool visited = visited_.erase(page) != 0;
      if (harvest(page).entries == 0 && !visited) {
        pages_.erase(at);
        return page;
      }
    }
  }

 private:
  void step(Pages::const_iterator at) {
    if (at == pages_.begin()) {
      hand_.reset();
    } else {
      hand_ = *std::prev(at);
    }
  }

  Pages pages_;
  std::optional<Page> hand_;
  std::set<Page> visited_;
};

}  // namespace

std::unique_ptr<Reference> make_reference(std::string_view name) {
  if (name == "linux") return make_linux_reference();
  if (name == "mglru") return make_mglru_reference();
  if (name == "clock") return std::make_unique<ClockReference>();
  if (name == "fifo") return std::make_unique<FifoReference>();
  if (name == "lru") return std::make_unique<LruReference>();
  if (name == "2q") return std::make_unique<TwoQueueReference>();
  if (name == "arc") return std::make_unique<ArcReference>();
  if (name == "s3fifo") return std::make_unique<S3FifoReference>();
  if (name == "sieve") return std::make_unique<SieveReference>();
  return nullptr;
}

}  // namespace gonzo

// Every kind of index against the others and against a std::map, in long random sequences, enough
// for several levels of each tree.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <gonzo/vma/vma_index.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kPages = 4096;
constexpr std::uint64_t kGuard = 8 * kPageSize;

constexpr VirtAddr page(std::uint64_t number) { return VirtAddr(number * kPageSize); }

enum class Do : std::uint8_t { kFill, kInsert, kMapTopDown, kErase, kEraseRun, kResize, kSearch };

/// Numbers that mean something only in a state, so that any part of a sequence is a sequence.
struct Step {
  Do what = Do::kSearch;
  std::uint64_t at = 0, length = 0, more = 0;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << '{' << static_cast<int>(step.what) << ' ' << step.at << ' ' << step.length << ' '
             << step.more << '}';
}

/// What an index is, by definition.
class Model {
 public:
  struct Area {
    AddressRange range;
    bool grows_down = false;
  };
  using Areas = std::map<VirtAddr, Area>;  ///< by end

  Areas areas;

  const Area* find(VirtAddr address) const {
    const auto it = areas.upper_bound(address);
    return it == areas.end() ? nullptr : &it->second;
  }
  bool is_free(AddressRange range) const {
    const Area* area = find(range.start);
    return area == nullptr || range.end <= area->range.start;
  }
  /// Every gap that is large enough, cut to the bounds, from low to high.
  std::vector<AddressRange> gaps(const GapRequest& request) const {
    std::vector<AddressRange> found;
    VirtAddr floor(0);
    const auto see = [&](VirtAddr end) {
      const AddressRange free{std::max(floor, request.low), std::min(end, request.high)};
      if (!free.empty() && free.size() >= request.size) found.push_back(free);
    };
    for (const auto& [end, area] : areas) {
      const std::uint64_t guard = area.grows_down ? request.guard : 0;
      see(area.range.start.value > guard ? area.range.start - guard : VirtAddr(0));
      floor = end;
    }
    see(request.high);
    return found;
  }
};

/// One index with areas of its own, for an area can be in one only.
struct Subject {
  VmaIndexKind kind;
  std::map<VirtAddr, std::unique_ptr<Vma>> areas;  ///< by start
  std::unique_ptr<VmaIndex> index;
};

class Contest {
 public:
  Contest() {
    for (std::size_t i = 0; i < subjects_.size(); ++i) {
      subjects_[i].kind = kVmaIndexKinds[i];
      subjects_[i].index = make_vma_index(kVmaIndexKinds[i]);
    }
  }

  void run(const Step& step) {
    switch (step.what) {
      case Do::kFill:
        return fill(step);
      case Do::kInsert:
        return try_insert(pages(step.at, 1 + step.length % 5), step.more % 8 == 0);
      case Do::kMapTopDown:
        for (std::uint64_t i = 0; i < step.length % 24; ++i) map_top_down(1 + step.more % 3);
        return;
      case Do::kErase:
        return erase_at(step.at);
      case Do::kEraseRun:
        for (std::uint64_t i = 0; i < step.length % 64; ++i) erase_at(step.at);
        return;
      case Do::kResize:
        return resize(step);
      case Do::kSearch:
        return search(step);
    }
  }

  void check() const {
    for (const Subject& subject : subjects_) {
      const VmaIndex& index = *subject.index;
      RC_ASSERT(index.verify() == "");
      RC_ASSERT(index.size() == model_.areas.size());
      const Vma *vma = index.first(), *before = nullptr;
      for (const auto& [end, area] : model_.areas) {
        RC_ASSERT(vma != nullptr);
        RC_ASSERT(vma->range() == area.range);
        RC_ASSERT(index.previous(*vma) == before);
        before = vma;
        vma = index.next(*vma);
      }
      RC_ASSERT(vma == nullptr);
      RC_ASSERT(index.last() == before);
    }
  }

  /// Every kind's answers are the model's.
  void search(const Step& step) const {
    const VirtAddr address = page(step.at % (kPages + 8)) + step.more % 2;
    const Model::Area* area = model_.find(address);
    const std::uint64_t low = step.length % 3 == 0 ? step.more % kPages : 1;
    const std::uint64_t high = step.length % 5 == 0 ? step.at % (2 * kPages) : kPages;
    const GapRequest request{(1 + step.length % 16) * kPageSize, page(low), page(high),
                             step.more % 7 == 0 ? 0 : kGuard};
    const std::vector<AddressRange> gaps = model_.gaps(request);
    std::optional<VirtAddr> top, bottom;
    if (!gaps.empty()) {
      top = gaps.back().end - request.size;
      bottom = gaps.front().start;
    }
    for (const Subject& subject : subjects_) {
      const Vma* found = subject.index->find(address);
      RC_ASSERT((found == nullptr) == (area == nullptr));
      if (area != nullptr) RC_ASSERT(found->range() == area->range);
      RC_ASSERT(subject.index->find_gap_top_down(request) == top);
      RC_ASSERT(subject.index->find_gap_bottom_up(request) == bottom);
    }
  }

 private:
  static AddressRange pages(std::uint64_t first, std::uint64_t count) {
    const std::uint64_t start = 1 + first % (kPages - 16);
    return {page(start), page(start + count)};
  }

  /// Many areas at once, with gaps of one page between, from one end or the other.
  void fill(const Step& step) {
    const std::uint64_t count = step.length % 512;
    const std::uint64_t start = 1 + step.at % kPages;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t offset = 2 * (step.more % 2 == 0 ? i : count - i);
      if (start + offset + 1 < kPages) try_insert(pages(start + offset, 1), step.more % 97 == i);
    }
  }
  void try_insert(AddressRange range, bool grows_down) {
    if (!model_.is_free(range)) return;
    model_.areas[range.end] = {range, grows_down};
    for (Subject& subject : subjects_) {
      auto vma = std::make_unique<Vma>(
          range, VmaAttributes{.flags = grows_down ? vm_flags::kGrowsDown : vm_flags::kRead});
      RC_ASSERT(subject.index->reserve(1).has_value());
      subject.index->insert(*vma);
      subject.areas[range.start] = std::move(vma);
    }
  }
  void map_top_down(std::uint64_t count) {
    const GapRequest request{count * kPageSize, page(1), page(kPages), kGuard};
    const std::vector<AddressRange> gaps = model_.gaps(request);
    for (const Subject& subject : subjects_) {
      const auto found = subject.index->find_gap_top_down(request);
      RC_ASSERT(found.has_value() == !gaps.empty());
      if (found) RC_ASSERT(*found == gaps.back().end - request.size);
    }
    if (gaps.empty()) return;
    try_insert({gaps.back().end - request.size, gaps.back().end}, false);
  }
  void erase_at(std::uint64_t at) {
    const Model::Area* area = model_.find(page(at % kPages));
    if (area == nullptr) return;
    const AddressRange range = area->range;
    model_.areas.erase(range.end);
    for (Subject& subject : subjects_) {
      const auto owned = subject.areas.find(range.start);
      subject.index->erase(*owned->second);
      subject.areas.erase(owned);
    }
  }
  /// Anywhere between the neighbours.
  void resize(const Step& step) {
    const auto it = model_.areas.upper_bound(page(step.at % kPages));
    if (it == model_.areas.end()) return;
    const auto above = std::next(it);
    const std::uint64_t low = it == model_.areas.begin() ? 1 : std::prev(it)->first.page_number();
    const std::uint64_t high =
        above == model_.areas.end() ? kPages + 8 : above->second.range.start.page_number();
    const std::uint64_t start = low + step.length % (high - low);
    const AddressRange range{page(start), page(start + 1 + step.more % (high - start))};
    Model::Area area = it->second;
    const VirtAddr old_start = area.range.start;
    area.range = range;
    model_.areas.erase(it);
    model_.areas[range.end] = area;
    for (Subject& subject : subjects_) {
      auto owned = subject.areas.extract(old_start);
      subject.index->resize(*owned.mapped(), range);
      owned.key() = range.start;
      subject.areas.insert(std::move(owned));
    }
  }

  Model model_;
  std::array<Subject, kVmaIndexKinds.size()> subjects_;
};

rc::Gen<Step> steps() {
  const auto number = rc::gen::inRange<std::uint64_t>(0, 1 << 16);
  const auto what = rc::gen::weightedElement<Do>({{1, Do::kFill},
                                                  {6, Do::kInsert},
                                                  {3, Do::kMapTopDown},
                                                  {4, Do::kErase},
                                                  {1, Do::kEraseRun},
                                                  {4, Do::kResize},
                                                  {6, Do::kSearch}});
  return rc::gen::build<Step>(rc::gen::set(&Step::what, what), rc::gen::set(&Step::at, number),
                              rc::gen::set(&Step::length, number),
                              rc::gen::set(&Step::more, number));
}

TEST(VmaIndexKinds, AgreeInRandomSequences) {
  const bool ok = rc::check("kinds", [] {
    Contest contest;
    for (const Step& step : *rc::gen::container<std::vector<Step>>(steps())) {
      contest.run(step);
      contest.check();
      contest.search(step);
    }
  });
  EXPECT_TRUE(ok);
}

/// Grows each tree to several levels and takes it down again, in three orders.
TEST(VmaIndexKinds, AgreeWhileManyAreasComeAndGo) {
  constexpr std::uint64_t kMany = 2000;
  for (const std::uint64_t stride : {1, 1999, 751}) {
    Contest contest;
    for (std::uint64_t i = 0; i < kMany; ++i) {
      contest.run({Do::kInsert, 2 * (i * stride % kMany), 0, i});
      if (i % 101 == 0) contest.check();
      contest.search({Do::kSearch, i * 7, i, i * 13});
    }
    contest.check();
    for (std::uint64_t i = 0; i < kMany; ++i) {
      contest.run({Do::kErase, 2 * (i * stride % kMany), 0, 0});
      if (i % 101 == 0) contest.check();
      contest.search({Do::kSearch, i * 7, i, i * 13});
    }
    contest.check();
  }
}

}  // namespace
}  // namespace gonzo

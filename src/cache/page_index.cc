#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include <gonzo/base/check.h>
#include <gonzo/cache/page_index.h>

namespace gonzo {
namespace {

constexpr unsigned kLevelBits = 6;
constexpr unsigned kFanout = 1U << kLevelBits;

/// Which of a node's bitmaps: those of the marks, and of what is present.
constexpr std::size_t bitmap_of(PageMark mark) { return std::to_underlying(mark); }
constexpr std::size_t kPresent = 2;
constexpr std::size_t kBitmaps = 3;

constexpr std::uint64_t bit(unsigned slot) { return std::uint64_t{1} << slot; }

/// The shift of the lowest root whose tree reaches `index`.
constexpr unsigned shift_for(std::uint64_t index) {
  unsigned shift = 0;
  while ((index >> shift) >> kLevelBits != 0) shift += kLevelBits;
  return shift;
}

}  // namespace

struct PageIndex::Node {
  Node* parent = nullptr;                      ///< in SpareNodes: the next one
  unsigned shift = 0;                          ///< of an index, to the slot number here; 0: a leaf
  unsigned slot = 0;                           ///< in the parent
  std::array<std::uint64_t, kBitmaps> bits{};  ///< of the slots; in an inner node: something below
  union {
    std::array<Node*, kFanout> children;
    std::array<Pfn, kFanout> pages;
  };

  Node() : children{} {}
  void reset_as(unsigned new_shift) {
    parent = nullptr;
    shift = new_shift;
    slot = 0;
    bits = {};
    if (shift == 0) {
      std::construct_at(&pages);  // all Pfn::none()
    } else {
      std::construct_at(&children);
      children.fill(nullptr);
    }
  }
  std::uint64_t& present() { return bits[kPresent]; }
  unsigned slot_of(std::uint64_t index) const { return (index >> shift) & (kFanout - 1); }
};

PageIndex::SpareNodes::~SpareNodes() {
  while (first_ != nullptr) delete std::exchange(first_, first_->parent);
}

Result<void> PageIndex::SpareNodes::fill(std::size_t count) {
  while (count_ < count) {
    Node* node = new (std::nothrow) Node;
    if (node == nullptr) return fail(Errno::kNoMem);
    give(node);
  }
  return {};
}

PageIndex::Node* PageIndex::SpareNodes::take() {
  GONZO_CHECK(first_ != nullptr);
  --count_;
  return std::exchange(first_, first_->parent);
}

void PageIndex::SpareNodes::give(Node* node) {
  node->parent = std::exchange(first_, node);
  ++count_;
}

PageIndex::~PageIndex() {
  // Depth first, without a stack: into the last child while there is one, then out through parent.
  Node* node = root_;
  while (node != nullptr) {
    if (node->shift != 0 && node->present() != 0) {
      const auto slot = static_cast<unsigned>(std::bit_width(node->present())) - 1;
      node->present() &= ~bit(slot);
      node = node->children[slot];
    } else {
      delete std::exchange(node, node->parent);
    }
  }
}

bool PageIndex::covers(std::uint64_t index) const {
  return root_ != nullptr && (index >> root_->shift) >> kLevelBits == 0;
}

PageIndex::Node* PageIndex::leaf_of(std::uint64_t index) const {
  if (!covers(index)) return nullptr;
  Node* node = root_;
  while (node != nullptr && node->shift != 0) node = node->children[node->slot_of(index)];
  return node;
}

Pfn PageIndex::find(std::uint64_t index) const {
  const Node* leaf = leaf_of(index);
  return leaf != nullptr ? leaf->pages[leaf->slot_of(index)] : Pfn::none();
}

void PageIndex::find_run(std::uint64_t first, std::span<Pfn> out) const {
  const Node* leaf = nullptr;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t index = first + i;
    if (i == 0 || index % kFanout == 0) leaf = leaf_of(index);
    out[i] = leaf != nullptr ? leaf->pages[leaf->slot_of(index)] : Pfn::none();
  }
}

PageIndex::Entry PageIndex::next(std::size_t bitmap, std::uint64_t from, std::uint64_t end) const {
  const Node* node = root_;
  while (from < end && covers(from)) {
    const unsigned slot = node->slot_of(from);
    const std::uint64_t here = node->bits[bitmap] >> slot;
    if (here == 0) {  // nothing more below this node: on with the index after it, from the top
      const std::uint64_t span_mask = (bit(node->shift) << kLevelBits) - 1;
      if (node == root_ || (from | span_mask) == ~std::uint64_t{0}) return {};
      from = (from | span_mask) + 1;
      node = root_;
      continue;
    }
    const auto skipped = static_cast<unsigned>(std::countr_zero(here));
    if (skipped != 0) from = ((from >> node->shift) + skipped) << node->shift;
    if (from >= end) return {};
    if (node->shift == 0) return {from, node->pages[slot + skipped]};
    node = node->children[slot + skipped];
  }
  return {};
}

PageIndex::Entry PageIndex::next_present(std::uint64_t from, std::uint64_t end) const {
  return next(kPresent, from, end);
}

PageIndex::Entry PageIndex::next_marked(PageMark mark, std::uint64_t from,
                                        std::uint64_t end) const {
  return next(bitmap_of(mark), from, end);
}

std::size_t PageIndex::nodes_needed(std::uint64_t first, std::uint64_t end) const {
  unsigned shift = shift_for(end - 1);
  std::size_t count = 1;  // a root
  if (root_ != nullptr) {
    shift = std::max(shift, root_->shift);
    count = (shift - root_->shift) / kLevelBits;  // roots above it
  }
  for (std::uint64_t index = first; index < end; index = (index | (kFanout - 1)) + 1) {
    unsigned missing = shift / kLevelBits;
    if (covers(index)) {
      const Node* node = root_;
      const Node* deepest = node;
      while (node != nullptr && node->shift != 0) {
        deepest = node;
        node = node->children[node->slot_of(index)];
      }
      missing = node != nullptr ? 0 : deepest->shift / kLevelBits;
    }
    count += missing;
  }
  return count;
}

void PageIndex::grow_to(std::uint64_t index, SpareNodes& spare) {
  if (root_ == nullptr) {
    root_ = spare.take();
    root_->reset_as(shift_for(index));
  }
  while (!covers(index)) {
    Node* top = spare.take();
    top->reset_as(root_->shift + kLevelBits);
    top->children[0] = root_;
    for (std::size_t i = 0; i < kBitmaps; ++i) top->bits[i] = root_->bits[i] != 0 ? bit(0) : 0;
    root_->parent = top;
    root_ = top;
  }
}

void PageIndex::insert(std::uint64_t index, Pfn pfn, SpareNodes& spare) {
  grow_to(index, spare);
  Node* node = root_;
  while (node->shift != 0) {
    const unsigned slot = node->slot_of(index);
    Node*& child = node->children[slot];
    if (child == nullptr) {
      child = spare.take();
      child->reset_as(node->shift - kLevelBits);
      child->parent = node;
      child->slot = slot;
      node->present() |= bit(slot);
    }
    node = child;
  }
  const unsigned slot = node->slot_of(index);
  GONZO_CHECK((node->present() & bit(slot)) == 0);
  node->pages[slot] = pfn;
  node->present() |= bit(slot);
  ++size_;
}

void PageIndex::erase(std::uint64_t index, SpareNodes& spare) {
  clear_mark(index, PageMark::kDirty);
  clear_mark(index, PageMark::kWritable);
  Node* node = leaf_of(index);
  unsigned slot = node->slot_of(index);
  GONZO_CHECK((node->present() & bit(slot)) != 0);
  node->pages[slot] = Pfn::none();
  --size_;
  for (;;) {
    node->present() &= ~bit(slot);
    if (node->present() != 0) return;
    Node* parent = node->parent;
    slot = node->slot;
    spare.give(node);
    if (parent == nullptr) {
      root_ = nullptr;
      return;
    }
    parent->children[slot] = nullptr;
    node = parent;
  }
}

bool PageIndex::has_mark(std::uint64_t index, PageMark mark) const {
  const Node* leaf = leaf_of(index);
  return leaf != nullptr && (leaf->bits[bitmap_of(mark)] & bit(leaf->slot_of(index))) != 0;
}

void PageIndex::set_mark(std::uint64_t index, PageMark mark) {
  Node* node = leaf_of(index);
  GONZO_CHECK(node != nullptr);
  for (unsigned slot = node->slot_of(index); node != nullptr; node = node->parent) {
    node->bits[bitmap_of(mark)] |= bit(slot);
    slot = node->slot;
  }
}

void PageIndex::clear_mark(std::uint64_t index, PageMark mark) {
  Node* node = leaf_of(index);
  GONZO_CHECK(node != nullptr);
  for (unsigned slot = node->slot_of(index); node != nullptr; node = node->parent) {
    node->bits[bitmap_of(mark)] &= ~bit(slot);
    if (node->bits[bitmap_of(mark)] != 0) return;
    slot = node->slot;
  }
}

}  // namespace gonzo

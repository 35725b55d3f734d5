// Memory for the B-tree's nodes, of which some lie ready: an insert takes those only.
#pragma once

#include <cstddef>
#include <new>

#include <gonzo/base/check.h>
#include <gonzo/base/result.h>

namespace gonzo::btree {

/// Not thread-safe.
template <typename N>
class NodePool {
 public:
  /// `most`: blocks there may be at once, taken and spare.
  explicit NodePool(std::size_t most = ~std::size_t{0}) : most_(most) {}
  /// All must have been given back.
  ~NodePool() {
    GONZO_ASSERT(taken_ == 0);
    trim(0);
  }
  NodePool(const NodePool&) = delete;
  NodePool& operator=(const NodePool&) = delete;

  /// At least `spare` blocks lie ready afterwards. ENOMEM: as many as before do.
  Result<void> reserve(std::size_t spare) {
    const std::size_t before = spare_;
    while (spare_ < spare) {
      void* const block =
          spare_ + taken_ < most_ ? ::operator new(sizeof(N), kAlignment, std::nothrow) : nullptr;
      if (block == nullptr) {
        trim(before);
        return fail(Errno::kNoMem);
      }
      push(block);
    }
    return {};
  }
  /// Room for a node. There must be some.
  void* take() {
    GONZO_CHECK(first_ != nullptr);
    ++taken_;
    return pop();
  }
  void give(void* block) {
    --taken_;
    push(block);
  }
  /// Gives blocks beyond `spare` back to the host.
  void trim(std::size_t spare) {
    while (spare_ > spare) ::operator delete(pop(), kAlignment);
  }

  std::size_t taken() const { return taken_; }
  std::size_t bytes() const { return (spare_ + taken_) * sizeof(N); }

 private:
  static constexpr std::align_val_t kAlignment{alignof(N)};
  struct Spare {
    Spare* next;
  };
  void push(void* block) {
    first_ = new (block) Spare{first_};
    ++spare_;
  }
  void* pop() {
    Spare* const block = first_;
    first_ = block->next;
    --spare_;
    return block;
  }

  const std::size_t most_;
  Spare* first_ = nullptr;
  std::size_t spare_ = 0, taken_ = 0;
};

}  // namespace gonzo::btree

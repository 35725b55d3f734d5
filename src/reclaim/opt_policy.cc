#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "reclaim/listed_policy.h"
#include <gonzo/reclaim/opt_policy.h>

namespace gonzo {

namespace {

/// The position of each use's next use of the same page. Last uses come after all others, the
/// later the farther, so that no two are equal.
std::vector<std::uint64_t> next_uses(std::span<const std::uint32_t> trace) {
  const std::uint32_t highest = trace.empty() ? 0 : *std::ranges::max_element(trace);
  std::vector<std::uint64_t> upcoming(std::size_t{highest} + 1, trace.size());
  std::vector<std::uint64_t> next(trace.size());
  for (std::size_t at = trace.size(); at-- > 0;) {
    std::uint64_t& use = upcoming[trace[at]];
    next[at] = use == trace.size() ? trace.size() + at : use;
    use = at;
  }
  return next;
}

/// Frames by their next use, the farthest on top.
class FarthestHeap {
 public:
  explicit FarthestHeap(std::uint32_t frames) : heap_(frames), at_(frames), use_(frames) {}

  bool empty() const { return size_ == 0; }
  std::uint32_t top() const { return heap_[0]; }
  std::uint64_t use(std::uint32_t frame) const { return use_[frame]; }
  void insert(std::uint32_t frame, std::uint64_t use) {
    use_[frame] = use;
    put(size_, frame);
    rise(size_++);
  }
  void erase(std::uint32_t frame) {
    const std::uint32_t hole = at_[frame];
    const std::uint32_t last = heap_[--size_];
    if (last == frame) return;
    put(hole, last);
    rise(hole);
    sink(at_[last]);
  }
  std::size_t bytes() const { return heap_.bytes() + at_.bytes() + use_.bytes(); }

 private:
  bool farther(std::uint32_t one, std::uint32_t other) const {
    return use_[heap_[one]] > use_[heap_[other]];
  }
  void put(std::uint32_t place, std::uint32_t frame) {
    heap_[place] = frame;
    at_[frame] = place;
  }
  void exchange(std::uint32_t one, std::uint32_t other) {
    const std::uint32_t frame = heap_[one];
    put(one, heap_[other]);
    put(other, frame);
  }
  void rise(std::uint32_t place) {
    for (; place != 0 && farther(place, (place - 1) / 2); place = (place - 1) / 2) {
      exchange(place, (place - 1) / 2);
    }
  }
  void sink(std::uint32_t place) {
    while (true) {
      std::uint32_t highest = place;
      for (std::uint64_t child : {2ULL * place + 1, 2ULL * place + 2}) {
        if (child < size_ && farther(static_cast<std::uint32_t>(child), highest)) {
          highest = static_cast<std::uint32_t>(child);
        }
      }
      if (highest == place) return;
      exchange(place, highest);
      place = highest;
    }
  }

  ZeroedArray<std::uint32_t> heap_, at_;
  ZeroedArray<std::uint64_t> use_;
  std::uint32_t size_ = 0;
};

/// The one list only holds what the heaps, one for each kind, order.
class OptPolicy final : public ListedPolicy {
 public:
  OptPolicy(std::uint32_t frames, std::span<const std::uint32_t> trace)
      : ListedPolicy("opt", frames, 1),
        next_(next_uses(trace)),
        heaps_{FarthestHeap(frames), FarthestHeap(frames)} {}

  std::size_t bytes() const override {
    return ListedPolicy::bytes() + heaps_[0].bytes() + heaps_[1].bytes() +
           next_.size() * sizeof(next_[0]);
  }

 protected:
  void enter(std::uint32_t frame, Shadow /*returning*/) override { list(frame, next_use()); }
  void hit(std::uint32_t frame) override {
    heap_of(frame).erase(frame);
    heap_of(frame).insert(frame, next_use());
  }
  std::uint32_t next(ScanPass& pass) override {
    if (pass.left[0] == 0) return FrameLists::kNone;
    --pass.left[0];
    const FarthestHeap& anon = heaps_[0];
    const FarthestHeap& file = heaps_[1];
    const bool may_anon = !anon.empty() && may_leave(PageKind::kAnonymous, pass.request);
    if (file.empty()) return may_anon ? anon.top() : FrameLists::kNone;
    if (!may_anon) return file.top();
    return anon.use(anon.top()) > file.use(file.top()) ? anon.top() : file.top();
  }
  Verdict decide(std::uint32_t /*frame*/, References /*references*/) override {
    return Verdict::kEvict;
  }
  void put_back(std::uint32_t frame, Kept /*why*/) override {
    list(frame, heap_of(frame).use(frame));
  }
  void unlink(std::uint32_t frame) override { heap_of(frame).erase(frame); }

 private:
  FarthestHeap& heap_of(std::uint32_t frame) {
    return heaps_[static_cast<unsigned>(lists().kind(frame))];
  }
  void list(std::uint32_t frame, std::uint64_t use) {
    lists().push_front(0, frame);
    heap_of(frame).insert(frame, use);
  }
  std::uint64_t next_use() {
    const std::uint64_t now = now_++;
    return now < next_.size() ? next_[now] : next_.size() + now;
  }

  std::vector<std::uint64_t> next_;
  std::uint64_t now_ = 0;
  std::array<FarthestHeap, 2> heaps_;
};

}  // namespace

std::unique_ptr<ReclaimPolicy> make_opt_policy(std::uint32_t frames,
                                               std::span<const std::uint32_t> trace) {
  return std::make_unique<OptPolicy>(frames, trace);
}

}  // namespace gonzo

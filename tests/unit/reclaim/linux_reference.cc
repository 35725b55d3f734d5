// Linux's lists and multi-generational lists, the plain way.
#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <map>
#include <vector>

#include "unit/reclaim/reference.h"

namespace gonzo {
namespace {

constexpr int kAnon = 0, kFile = 1;
constexpr long kSwappiness = 60;

/// Calls `pass(priority)` until one gives a page, as select_at_any_price does.
template <typename Pass>
std::optional<Page> at_any_price(Pass pass) {
  for (int attempt = 12; attempt > -16; --attempt) {
    if (const std::optional<Page> page = pass(std::max(attempt, 0))) return page;
  }
  return std::nullopt;
}

class LinuxReference final : public Reference {
 public:
  void added(Page page, PageKind kind) override {
    State& state = states_[page] = {.kind = static_cast<int>(kind)};
    if (const auto it = shadows_.find(page); it != shadows_.end()) {
      const auto [age, workingset] = it->second;
      shadows_.erase(it);
      if (age_ - age <= workingset_size(state.kind)) {
        state.active = true;
        ++age_;
        ++activations_[state.kind];
        if (workingset) {
          state.workingset = true;
          note_cost(state.kind, 32);
        }
      }
    }
    push(page);
  }
  void accessed(Page page) override {
    State& state = states_[page];
    if (!state.referenced) {
      state.referenced = true;
    } else if (!state.active) {
      state.referenced = false;
      pull(page);
      activate(page);
    }
  }
  void removed(Page page) override {
    pull(page);
    states_.erase(page);
  }
  std::optional<Page> evict(SwapRoom swap, Harvest harvest) override {
    return at_any_price([&](int priority) { return pass(priority, swap, harvest); });
  }

 private:
  struct State {
    int kind = kAnon;
    bool active = false, referenced = false, workingset = false;
  };
  using Queue = std::deque<Page>;  // front: newest

  static std::size_t slot(int kind, bool active) {
    return static_cast<std::size_t>(kind) * 2 + (active ? 1 : 0);
  }
  Queue& queue(int kind, bool active) { return queues_[kind][active ? 1 : 0]; }
  long size(int kind, bool active) { return static_cast<long>(queue(kind, active).size()); }
  void push(Page page) {
    const State& state = states_[page];
    queue(state.kind, state.active).push_front(page);
  }
  void pull(Page page) {
    const State& state = states_[page];
    std::erase(queue(state.kind, state.active), page);
  }
  void activate(Page page) {
    states_[page].active = true;
    ++age_;
    push(page);
  }
  long workingset_size(int kind) {
    long pages = size(kFile, true) + (kind == kAnon ? size(kFile, false) : 0);
    if (swap_) pages += size(kAnon, true) + (kind == kFile ? size(kAnon, false) : 0);
    return pages;
  }
  void note_cost(int kind, long cost) {
    cost_[kind] += cost;
    const long all =
        size(kAnon, false) + size(kAnon, true) + size(kFile, false) + size(kFile, true);
    if (cost_[0] + cost_[1] > all / 4) cost_ = {cost_[0] / 2, cost_[1] / 2};
  }
  /// Of machines with less than a gigabyte.
  bool inactive_is_low(int kind) { return size(kind, false) < size(kind, true); }
  bool may_deactivate(int kind) {
    return refaulting_[kind] || activations_[kind] != activations_before_[kind] ||
           inactive_is_low(kind);
  }

  std::optional<Page> pass(int priority, SwapRoom swap, Harvest harvest) {
    begin(priority, swap);
    while (left_[0] + left_[1] + left_[2] + left_[3] > 0) {
      const long anon = left_[0] + left_[1], file = left_[2] + left_[3];
      int kind = kAnon;
      if (anon == 0 || file == 0) {
        kind = anon == 0 ? kFile : kAnon;
      } else if (credit_ >= 0) {
        credit_ = std::min(credit_, anon) - file;
      } else {
        kind = kFile;
        credit_ = std::max(credit_, -file) + anon;
      }
      bool active = active_turn_[kind];
      if (left_[slot(kind, false)] == 0) active = true;
      if (left_[slot(kind, true)] == 0) active = false;
      active_turn_[kind] = !active;
      long& left = left_[slot(kind, active)];
      if (size(kind, active) == 0) {
        left = 0;
        continue;
      }
      --left;
      const Page page = queue(kind, active).back();
      queue(kind, active).pop_back();
      const References references = harvest(page);
      if (active) {
        look_at_active(page, references);
      } else if (!stays(page, references)) {
        return page;
      }
    }
    return std::nullopt;
  }

  void begin(int priority, SwapRoom swap) {
    swap_ = swap == SwapRoom::kAvailable;
    if (priority == 12) {
      for (const int kind : {kAnon, kFile}) {
        refaulting_[kind] = activations_[kind] != activations_before_[kind];
        activations_before_[kind] = activations_[kind];
      }
    }
    std::array<long, 2> share = {0, 1};
    bool all = false;
    if (swap_ && priority == 0) {
      all = true;
    } else if (swap_ && (size(kFile, false) >> priority == 0 || may_deactivate(kFile))) {
      const long a = 2 * cost_[0] + cost_[1], f = cost_[0] + 2 * cost_[1];
      share = {kSwappiness * (a + f + 1) / (a + 1), (200 - kSwappiness) * (a + f + 1) / (f + 1)};
    }
    all = all || share[0] == share[1];
    for (const int kind : {kAnon, kFile}) {
      for (const bool active : {false, true}) {
        const long pages = size(kind, active) >> priority;
        left_[slot(kind, active)] = active && !may_deactivate(kind) ? 0
                                    : all                           ? pages
                                          : pages * share[kind] / (share[0] + share[1]);
      }
    }
    if (swap_ && inactive_is_low(kAnon)) left_[1] = std::max(left_[1], 32L);
  }

  void look_at_active(Page page, References references) {
    State& state = states_[page];
    if (state.kind == kFile && references.executable && references.entries > 0) {
      note_cost(kFile, 1);
    } else {
      state.active = false;
      state.workingset = true;
    }
    push(page);
  }
  bool stays(Page page, References references) {
    State& state = states_[page];
    const bool before = state.referenced;
    if (references.entries == 0) {
      note_cost(state.kind, 32);
      shadows_[page] = {age_++, state.workingset};
      states_.erase(page);
      return false;
    }
    note_cost(state.kind, 1);
    state.referenced = true;
    if (before || references.entries > 1 || (references.executable && state.kind == kFile)) {
      activate(page);
    } else {
      push(page);
    }
    return true;
  }

  std::array<std::array<Queue, 2>, 2> queues_;
  std::map<Page, State> states_;
  std::map<Page, std::pair<long, bool>> shadows_;
  std::array<long, 2> cost_{}, activations_{}, activations_before_{};
  std::array<bool, 2> refaulting_{}, active_turn_{};
  std::array<long, 4> left_{};
  long age_ = 0, credit_ = 0;
  bool swap_ = true;
};

class MglruReference final : public Reference {
 public:
  void added(Page page, PageKind kind) override {
    State state{.kind = static_cast<int>(kind)};
    if (const auto it = shadows_.find(page); it != shadows_.end()) {
      const Shadowed then = it->second;
      shadows_.erase(it);
      if (youngest_ - then.youngest < 4) {
        ++counts_[state.kind][tier(then.uses, then.workingset)].refaulted;
        state.workingset = then.workingset;
        state.uses = then.workingset ? 0 : then.uses;
      }
    }
    if (state.kind == kAnon) {
      state.generation = state.workingset ? youngest_ : youngest_ - 1;
    } else {
      state.generation = state.workingset ? youngest_ - 2 : youngest_ - 3;
    }
    state.generation = std::max(state.generation, oldest_[state.kind]);
    states_[page] = state;
    generation(state.kind, state.generation).push_front(page);
  }
  void accessed(Page page) override {
    State& state = states_[page];
    if (state.uses < 4) {
      ++state.uses;
    } else {
      state.workingset = true;
    }
  }
  void removed(Page page) override {
    const State& state = states_[page];
    std::erase(generation(state.kind, state.generation), page);
    states_.erase(page);
  }
  std::optional<Page> evict(SwapRoom swap, Harvest harvest) override {
    return at_any_price([&](int priority) { return pass(priority, swap, harvest); });
  }

 private:
  struct State {
    int kind = kAnon;
    long generation = 0;
    int uses = 0;
    bool workingset = false;
  };
  struct Shadowed {
    long youngest = 0;
    int uses = 0;
    bool workingset = false;
  };
  struct Counts {
    long refaulted = 0, evicted = 0, spared = 0, past_refaulted = 0, past_total = 0;
  };
  using Queue = std::deque<Page>;

  static int tier(int uses, bool workingset) {
    if (workingset) return 3;
    return uses <= 1 ? 0 : uses == 2 ? 1 : 2;
  }
  Queue& generation(int kind, long number) { return generations_[kind][number]; }
  long pages_of(int kind) {
    long pages = 0;
    for (const auto& [number, queue] : generations_[kind]) {
      pages += static_cast<long>(queue.size());
    }
    return pages;
  }
  void retire(int kind) {
    Queue& from = generation(kind, oldest_[kind]);
    Queue& to = generation(kind, oldest_[kind] + 1);
    for (const Page page : from) {
      states_[page].generation = oldest_[kind] + 1;
      to.push_back(page);
    }
    generations_[kind].erase(oldest_[kind]++);
    for (Counts& counts : counts_[kind]) {
      counts = {.past_refaulted = (counts.past_refaulted + counts.refaulted) / 2,
                .past_total = (counts.past_total + counts.evicted + counts.spared) / 2};
    }
  }
  void age() {
    for (const int kind : {kAnon, kFile}) {
      if (youngest_ - oldest_[kind] + 1 == 4) retire(kind);
    }
    ++youngest_;
  }
  bool must_age(bool swap) {
    const long oldest = swap ? std::min(oldest_[kAnon], oldest_[kFile]) : oldest_[kFile];
    if (oldest + 2 > youngest_) return true;
    if (oldest + 2 < youngest_) return false;
    long total = 0, young = 0, old = 0;
    for (const int kind : {kAnon, kFile}) {
      if (kind == kAnon && !swap) continue;
      total += pages_of(kind);
      young += static_cast<long>(generation(kind, youngest_).size());
      if (youngest_ - 2 >= oldest_[kind]) {
        old += static_cast<long>(generation(kind, youngest_ - 2).size());
      }
    }
    return young * 2 > total || old * 4 < total;
  }
  /// Whether `a`, weighed by `a_gain`, comes back no more than `b` does.
  static bool no_worse(const Counts& b, long b_gain, const Counts& a, long a_gain) {
    const long a_refaulted = a.past_refaulted + a.refaulted;
    const long b_refaulted = b.past_refaulted + b.refaulted;
    const long a_total = a.past_total + a.evicted + a.spared;
    const long b_total = b.past_total + b.evicted + b.spared;
    return a_refaulted < 64 ||
           a_refaulted * (b_total + 64) * b_gain <= (b_refaulted + 1) * a_total * a_gain;
  }
  int highest_tier(int kind) {
    int highest = 0;
    while (highest < 3 && no_worse(counts_[kind][0], 2, counts_[kind][highest + 1], 3)) ++highest;
    return highest;
  }

  /// For 32 pages.
  int choose(bool swap) {
    for (const int kind : {kAnon, kFile}) tiers_[kind] = highest_tier(kind);
    const bool anon =
        swap && !no_worse(counts_[kAnon][0], kSwappiness, counts_[kFile][0], 200 - kSwappiness);
    return anon ? kAnon : kFile;
  }

  std::optional<Page> pass(int priority, SwapRoom space, Harvest harvest) {
    const bool swap = space == SwapRoom::kAvailable;
    if (must_age(swap)) age();
    const auto pages = static_cast<long>(states_.size());
    long left = priority == 0 ? 2 * pages : std::max(pages >> priority, 32L);
    int kind = kFile;
    for (int looks = 0;; ++looks) {
      if (looks % 32 == 0) kind = choose(swap);
      std::optional<Page> page = scan(kind, left);
      if (!page && (swap || kind == kAnon)) page = scan(1 - kind, left);
      if (!page) return std::nullopt;
      State& state = states_[*page];
      if (harvest(*page).entries == 0) {
        ++counts_[state.kind][tier(state.uses, state.workingset)].evicted;
        shadows_[*page] = {youngest_, state.uses, state.workingset};
        states_.erase(*page);
        return page;
      }
      const bool before = state.uses != 0 || state.workingset;
      state.uses = before ? 0 : 1;
      state.workingset = before;
      state.generation = std::max(before ? youngest_ : youngest_ - 1, oldest_[state.kind]);
      generation(state.kind, state.generation).push_front(*page);
    }
  }
  std::optional<Page> scan(int kind, long& left) {
    if (pages_of(kind) == 0) return std::nullopt;
    while (left > 0) {
      Queue& queue = generation(kind, oldest_[kind]);
      if (queue.empty()) {
        if (youngest_ - oldest_[kind] + 1 <= 2) age();
        retire(kind);
        continue;
      }
      --left;
      const Page page = queue.back();
      queue.pop_back();
      State& state = states_[page];
      const int its_tier = tier(state.uses, state.workingset);
      const bool in_use = state.workingset && state.uses == 4;
      if (its_tier <= tiers_[kind] && !in_use) return page;
      if (!in_use) ++counts_[kind][its_tier].spared;
      state.uses = 0;
      state.workingset = in_use;
      ++state.generation;
      generation(kind, state.generation).push_front(page);
    }
    return std::nullopt;
  }

  std::map<Page, State> states_;
  std::map<Page, Shadowed> shadows_;
  std::array<std::map<long, Queue>, 2> generations_;
  std::array<std::array<Counts, 4>, 2> counts_{};
  std::array<int, 2> tiers_{};  ///< the highest that are not spared
  std::array<long, 2> oldest_{};
  long youngest_ = 3;
};

}  // namespace

std::unique_ptr<Reference> make_linux_reference() { return std::make_unique<LinuxReference>(); }
std::unique_ptr<Reference> make_mglru_reference() { return std::make_unique<MglruReference>(); }

}  // namespace gonzo

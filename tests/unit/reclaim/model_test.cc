// Each policy beside its reference, in random lives of pages and on traces of known shapes: both
// evict the same pages.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <ostream>
#include <utility>
#include <vector>

#include "reclaim/generated_trace.h"
#include "unit/reclaim/reference.h"

namespace gonzo {
namespace {

enum class Do : std::uint8_t { kTouch, kCall, kFree, kEvict, kEvictFiles };

/// Numbers that mean something only in a state, so that any part of a sequence is a sequence.
struct Step {
  Do what = Do::kTouch;
  std::uint32_t place = 0;
  std::uint32_t entries = 1;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << '{' << static_cast<int>(step.what) << ' ' << step.place << ' ' << step.entries
             << '}';
}

/// A machine whose places (addresses, file offsets) hold contents, in memory or out.
class Contest {
 public:
  Contest(std::string_view name, std::uint32_t frames)
      : policy_(make_policy(name, frames)), reference_(make_reference(name)), content_in_(frames) {
    for (std::uint32_t frame = frames; frame-- > 0;) free_.push_back(frame);
  }

  void run(const Step& step) {
    switch (step.what) {
      case Do::kTouch:
      case Do::kCall:
        return use(step);
      case Do::kFree:
        return discard(step.place);
      case Do::kEvict:
        if (free_.size() < content_in_.size()) evict(SwapRoom::kAvailable);
        return;
      case Do::kEvictFiles:
        if (policy_->name() == "linux" || policy_->name() == "mglru") evict(SwapRoom::kNone);
        return;
    }
  }
  std::string verify() const { return policy_->verify(); }
  /// Empty, or how the two differed.
  const std::string& difference() const { return difference_; }
  std::uint64_t evictions() const { return policy_->stats().pgsteal.total(); }

 private:
  struct Content {
    std::uint32_t place = 0, frame = 0;
    bool in_memory = false;
    Shadow shadow;
    References ours, theirs;  ///< accessed bits, one set for each side
  };

  /// Odd places are a file's, every fourth is code.
  static PageKind kind_of(std::uint32_t place) {
    return place % 2 == 0 ? PageKind::kAnonymous : PageKind::kFile;
  }
  static References seen(const Step& step) { return {step.entries, step.place % 4 == 3}; }

  void use(const Step& step) {
    auto [at, is_new] = at_.try_emplace(step.place, next_page_);
    if (is_new) contents_[next_page_++] = {.place = step.place};
    const Page page = at->second;
    Content& content = contents_[page];
    const bool was_there = content.in_memory;
    if (!was_there && !bring_in(page, content)) return;
    if (step.what == Do::kTouch) {
      content.ours = content.theirs = seen(step);
    } else if (was_there) {
      policy_->accessed(content.frame);
      reference_->accessed(page);
    }
  }

  bool bring_in(Page page, Content& content) {
    if (free_.empty()) evict(SwapRoom::kAvailable);
    if (free_.empty()) return false;
    content.frame = free_.back();
    free_.pop_back();
    content.in_memory = true;
    content_in_[content.frame] = page;
    policy_->added(content.frame, kind_of(content.place), content.shadow);
    reference_->added(page, kind_of(content.place));
    return true;
  }

  void discard(std::uint32_t place) {
    const auto at = at_.find(place);
    if (at == at_.end()) return;
    const Content& content = contents_[at->second];
    if (content.in_memory) {
      policy_->removed(content.frame);
      reference_->removed(at->second);
      free_.push_back(content.frame);
    }
    at_.erase(at);
  }

  void evict(SwapRoom swap) {
    std::uint32_t victim = 0;
    const std::size_t found = select_at_any_price(
        *policy_, {.swap = swap}, std::span(&victim, 1),
        [&](std::uint32_t frame) { return std::exchange(contents_[content_in_[frame]].ours, {}); });
    const std::optional<Page> theirs = reference_->evict(
        swap, [&](Page page) { return std::exchange(contents_[page].theirs, {}); });
    const std::optional<Page> ours = found == 1 ? std::optional(content_in_[victim]) : std::nullopt;
    if (ours != theirs) {
      difference_ =
          fmt::format("ours evicts {}, the reference {}", ours ? *ours : 0, theirs ? *theirs : 0);
    }
    if (!ours) return;
    Content& content = contents_[*ours];
    content.in_memory = false;
    content.shadow = policy_->evicted(victim, Eviction::kWritten);
    free_.push_back(victim);
  }

  std::unique_ptr<ReclaimPolicy> policy_;
  std::unique_ptr<Reference> reference_;
  std::map<std::uint32_t, Page> at_;  ///< what each place holds
  std::map<Page, Content> contents_;
  std::vector<Page> content_in_;
  std::vector<std::uint32_t> free_;
  Page next_page_ = 1;
  std::string difference_;
};

class PolicyModel : public ::testing::TestWithParam<std::string_view> {};

INSTANTIATE_TEST_SUITE_P(, PolicyModel,
                         ::testing::ValuesIn(policy_names().begin(), policy_names().end()),
                         [](const auto& test) { return "of_" + std::string(test.param); });

TEST_P(PolicyModel, evicts_what_its_reference_evicts_in_random_lives) {
  const bool holds = rc::check("same victims", [&] {
    const auto frames = *rc::gen::inRange<std::uint32_t>(1, 40);
    const auto places = *rc::gen::inRange<std::uint32_t>(1, 4 * frames);
    const auto step = rc::gen::build<Step>(
        rc::gen::set(&Step::what, rc::gen::weightedElement<Do>({{12, Do::kTouch},
                                                                {12, Do::kCall},
                                                                {2, Do::kFree},
                                                                {2, Do::kEvict},
                                                                {1, Do::kEvictFiles}})),
        rc::gen::set(&Step::place, rc::gen::inRange<std::uint32_t>(0, places)),
        rc::gen::set(&Step::entries, rc::gen::inRange<std::uint32_t>(0, 3)));
    const auto steps = *rc::gen::resize(1000, rc::gen::container<std::vector<Step>>(step));
    Contest contest(GetParam(), frames);
    for (const Step& next : steps) {
      contest.run(next);
      RC_ASSERT(contest.difference() == "");
      RC_ASSERT(contest.verify() == "");
    }
  });
  EXPECT_TRUE(holds);
}

void run(Contest& contest, const Trace& trace, Do how) {
  for (std::size_t at = 0; at < trace.size() && contest.difference().empty(); ++at) {
    contest.run({.what = how, .place = trace[at]});
    if (at % 64 == 0) {
      ASSERT_EQ(contest.verify(), "") << "at use " << at;
    }
  }
  EXPECT_EQ(contest.difference(), "");
  EXPECT_GT(contest.evictions(), 100U);
}

TEST_P(PolicyModel, evicts_what_its_reference_evicts_on_known_shapes) {
  const std::array traces = {zipf_trace(400, 6000, 0.9, 1), loop_trace(120, 3000),
                             hot_and_scan_trace(60, 500, 6000, 70, 2)};
  for (std::size_t shape = 0; shape < traces.size(); ++shape) {
    for (const Do how : {Do::kCall, Do::kTouch}) {
      SCOPED_TRACE(fmt::format("shape {}, {}", shape, how == Do::kCall ? "each use" : "bits"));
      Contest contest(GetParam(), 100);
      run(contest, traces[shape], how);
    }
  }
}

}  // namespace
}  // namespace gonzo

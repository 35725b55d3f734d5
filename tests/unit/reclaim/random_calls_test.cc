// Every call in every order that its contract allows, with several passes under way at once: the
// states of pages stay what they ought to be, and the structures sound.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <ostream>
#include <vector>

#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo {
namespace {

constexpr std::uint32_t kFrames = 24;

enum class Do : std::uint8_t {
  kAdd,
  kAccess,
  kRemove,
  kCool,
  kWritten,
  kTake,
  kBegin,
  kIsolate,
  kJudge,
  kEvict,
  kKeep
};

struct Step {
  Do what = Do::kAdd;
  std::uint32_t frame = 0;
  unsigned more = 0;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << '{' << static_cast<int>(step.what) << ' ' << step.frame << ' ' << step.more << '}';
}

/// What a page is, by the interface's words. An isolated page is judged once at most.
enum class Is : std::uint8_t { kUnknown, kListed, kIsolated, kDoomed };

class Caller {
 public:
  explicit Caller(std::string_view name)
      : policy_(make_policy(name, kFrames)), is_(kFrames), shadows_(kFrames) {}

  void run(const Step& step) {
    Is& is = is_[step.frame];
    switch (step.what) {
      case Do::kAdd:
        if (is == Is::kUnknown) add(step);
        return;
      case Do::kTake:
        RC_ASSERT(policy_->take(step.frame) == (is == Is::kListed));
        if (is == Is::kListed) is = Is::kIsolated;
        return;
      case Do::kBegin:
        pass_[step.frame % 2] =
            policy_->begin({.priority = step.more % 13,
                            .swap = step.frame % 4 == 0 ? SwapRoom::kNone : SwapRoom::kAvailable});
        return;
      case Do::kIsolate:
        return isolate(step);
      case Do::kJudge:
        if (is == Is::kIsolated) judge(step);
        return;
      case Do::kEvict:
      case Do::kKeep:
        if (is == Is::kIsolated || is == Is::kDoomed) end(step);
        return;
      default:
        if (is != Is::kUnknown) tell(step);
    }
  }

  void check() const {
    RC_ASSERT(policy_->verify() == "");
    const PolicyStats stats = policy_->stats();
    const auto count = [&](auto... which) {
      return static_cast<std::uint64_t>(
          std::ranges::count_if(is_, [&](Is is) { return ((is == which) || ...); }));
    };
    RC_ASSERT(stats.nr_active.total() + stats.nr_inactive.total() == count(Is::kListed));
    RC_ASSERT(stats.nr_isolated.total() == count(Is::kIsolated, Is::kDoomed));
    for (std::uint32_t frame = 0; frame < kFrames; ++frame) {
      RC_ASSERT(policy_->knows(frame) == (is_[frame] != Is::kUnknown));
    }
  }

 private:
  void add(const Step& step) {
    const PageKind kind = step.more % 2 == 0 ? PageKind::kAnonymous : PageKind::kFile;
    // Sometimes contents that have left before, sometimes new ones.
    policy_->added(step.frame, kind, step.more % 3 == 0 ? Shadow{} : shadows_[step.frame]);
    shadows_[step.frame] = {};
    is_[step.frame] = Is::kListed;
  }
  void tell(const Step& step) {
    if (step.what == Do::kAccess) policy_->accessed(step.frame);
    if (step.what == Do::kCool) policy_->cooled(step.frame);
    if (step.what == Do::kWritten) policy_->written(step.frame);
    if (step.what == Do::kRemove) {
      policy_->removed(step.frame);
      is_[step.frame] = Is::kUnknown;
    }
  }
  void isolate(const Step& step) {
    std::vector<std::uint32_t> out(1 + step.more % 8);
    out.resize(policy_->isolate(pass_[step.frame % 2], out));
    for (const std::uint32_t frame : out) {
      RC_ASSERT(is_[frame] == Is::kListed);
      is_[frame] = Is::kIsolated;
    }
  }
  void judge(const Step& step) {
    const Verdict verdict =
        policy_->judge(step.frame, {.entries = step.more % 3, .executable = step.more % 2 == 1});
    is_[step.frame] = verdict == Verdict::kKeep ? Is::kListed : Is::kDoomed;
  }
  void end(const Step& step) {
    if (step.what == Do::kEvict) {
      shadows_[step.frame] = policy_->evicted(
          step.frame, step.more % 2 == 0 ? Eviction::kDropped : Eviction::kWritten);
      RC_ASSERT(!shadows_[step.frame].is_none());
      RC_ASSERT(shadows_[step.frame].word >> 62 == 0U);
      is_[step.frame] = Is::kUnknown;
    } else {
      policy_->kept(step.frame, static_cast<Kept>(step.more % 3));
      is_[step.frame] = Is::kListed;
    }
  }

  std::unique_ptr<ReclaimPolicy> policy_;
  std::vector<Is> is_;
  std::vector<Shadow> shadows_;
  std::array<ScanPass, 2> pass_;
};

class RandomCalls : public ::testing::TestWithParam<std::string_view> {};

INSTANTIATE_TEST_SUITE_P(, RandomCalls,
                         ::testing::ValuesIn(policy_names().begin(), policy_names().end()),
                         [](const auto& test) { return "of_" + std::string(test.param); });

TEST_P(RandomCalls, leave_each_page_in_one_state_and_the_structures_sound) {
  const bool holds = rc::check("sound", [] {
    const auto step = rc::gen::build<Step>(
        rc::gen::set(&Step::what, rc::gen::weightedElement<Do>({{16, Do::kAdd},
                                                                {6, Do::kAccess},
                                                                {2, Do::kRemove},
                                                                {2, Do::kCool},
                                                                {2, Do::kWritten},
                                                                {1, Do::kTake},
                                                                {2, Do::kBegin},
                                                                {6, Do::kIsolate},
                                                                {12, Do::kJudge},
                                                                {6, Do::kEvict},
                                                                {3, Do::kKeep}})),
        rc::gen::set(&Step::frame, rc::gen::inRange<std::uint32_t>(0, kFrames)),
        rc::gen::set(&Step::more, rc::gen::inRange<unsigned>(0, 64)));
    const auto steps = *rc::gen::resize(600, rc::gen::container<std::vector<Step>>(step));
    Caller caller(GetParam());
    for (std::size_t at = 0; at < steps.size(); ++at) {
      caller.run(steps[at]);
      if (at % 8 == 0) caller.check();
    }
    caller.check();
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace gonzo

// The machine in the Windows kernel's terms.
#include "observe/windows_view.h"

#include <gmock/gmock.h>
#include <sys/mman.h>

#include <numeric>
#include <sstream>

#include "unit/kernel/soft_world.h"
#include "unit/mm/guest.h"
#include <gonzo/machine/arena.h>

namespace gonzo::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Type = VadReport::Type;

TEST(PfnListsTest, EachFrameIsOnItsList) {
  using namespace frame_flags;
  const struct {
    FrameState state;
    std::int32_t maps;
    int flags;
    PfnList list;
  } cases[] = {
      {FrameState::kVirgin, 0, 0, PfnList::kZeroed},
      {FrameState::kFree, 0, kZeroed, PfnList::kZeroed},
      {FrameState::kFree, 0, kPoisoned, PfnList::kFree},
      {FrameState::kCached, 0, 0, PfnList::kFree},
      {FrameState::kAnonymous, 1, 0, PfnList::kActive},
      {FrameState::kAnonymous, 1, kSwapCached, PfnList::kActive},
      {FrameState::kAnonymous, 0, kSwapCached | kReadAhead, PfnList::kStandby},
      {FrameState::kAnonymous, 0, kSwapCached | kUnwritten, PfnList::kModified},
      {FrameState::kPageCache, 3, kUptodate | kDirty, PfnList::kActive},
      {FrameState::kPageCache, 0, kUptodate, PfnList::kStandby},
      {FrameState::kPageCache, 0, kUptodate | kDirty, PfnList::kModified},
      {FrameState::kPageCache, 0, kUptodate | kSwapBacked, PfnList::kModified},
      {FrameState::kPageCache, 0, 0, PfnList::kTransition},
      {FrameState::kPageTable, 0, 0, PfnList::kActive},
      {FrameState::kKernel, 0, 0, PfnList::kActive},
      {FrameState::kReserved, 0, 0, PfnList::kActive},
  };
  for (const auto& [state, maps, flags, list] : cases) {
    EXPECT_EQ(list_of({.state = state, .maps = maps, .flags = static_cast<std::uint16_t>(flags)}),
              list)
        << frame_state_name(state) << " " << maps << " " << flags;
  }
}

class PfnCountTest : public Guest {};

TEST_F(PfnCountTest, AllFramesAreCountedOnce) {
  map(20);
  for (std::uint64_t i = 0; i < 20; ++i) poke(page(i), 1);
  const PfnLists before = PfnLists::count(*frames_);
  EXPECT_EQ(before.total, frames_->frame_count());
  EXPECT_EQ(std::accumulate(before.frames.begin(), before.frames.end(), std::uint64_t{0}),
            before.total);
  EXPECT_EQ(before.of(ActiveUse::kPrivate), 20U);
  EXPECT_EQ(before.of(ActiveUse::kPageTable), space_->counts().table_frames);
  EXPECT_EQ(std::accumulate(before.active.begin(), before.active.end(), std::uint64_t{0}),
            before.on(PfnList::kActive));

  const auto block = frames_->allocate(5, FrameState::kKernel, ZeroPolicy::kDontCare).value();
  EXPECT_EQ(PfnLists::count(*frames_).of(ActiveUse::kKernel), before.of(ActiveUse::kKernel) + 32);
  frames_->free(block, 5);

  ASSERT_TRUE(space_->unmap(page(0), 20 * kPageSize).has_value());
  frames_->drain();
  const PfnLists after = PfnLists::count(*frames_);
  EXPECT_EQ(after.of(ActiveUse::kPrivate), 0U);
  EXPECT_GE(after.on(PfnList::kFree), before.on(PfnList::kFree) + 20) << "not zero any more";
}

class VadTreeTest : public ::testing::Test {
 protected:
  /// Areas at even pages, from the lowest on.
  VadTree tree(VmaIndexKind index, std::uint64_t areas) {
    const auto arena = Arena::create(16 << 20, Arena::Backing::kOnTouch).value();
    const auto frames = FrameAllocator::create({.memory = arena->memory()}).value();
    const auto manager = MemoryManager::create(*frames, {}).value();
    NoTranslationCache cache;
    const auto space = AddressSpace::create(*manager, cache, {.index = index}).value();
    for (std::uint64_t i = 0; i < areas; ++i) {
      EXPECT_TRUE(space->map({.hint = VirtAddr(0x10000 + 2 * i * kPageSize),
                              .length = kPageSize,
                              .protection = protections_.at(i % protections_.size()),
                              .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED}));
    }
    return VadTree::of(*space);
  }
  static std::vector<unsigned> levels(const VadTree& tree) {
    std::vector<unsigned> levels;
    for (const VadReport& vad : tree.vads) levels.push_back(vad.level);
    return levels;
  }

  std::vector<int> protections_{PROT_READ | PROT_WRITE};
};

TEST_F(VadTreeTest, LevelsAreThoseOfTheTree) {
  const VadTree seven = tree(VmaIndexKind::kAvlTree, 7);
  EXPECT_THAT(levels(seven), ElementsAre(2, 1, 2, 0, 2, 1, 2));
  EXPECT_EQ(seven.height(), 3U);
  EXPECT_DOUBLE_EQ(seven.average_level(), 10.0 / 7);
  for (const VadReport& vad : seven.vads) EXPECT_EQ(vad.balance, 0);

  const VadTree two = tree(VmaIndexKind::kAvlTree, 2);
  EXPECT_THAT(levels(two), ElementsAre(0, 1));
  EXPECT_EQ(two.vads[0].balance, 1);
  EXPECT_EQ(two.vads[0].range.start, VirtAddr(0x10000));
  EXPECT_EQ(tree(VmaIndexKind::kAvlTree, 0).height(), 0U);
}

TEST_F(VadTreeTest, ALargeTreeIsBalanced) {
  const VadTree many = tree(VmaIndexKind::kAvlTree, 1000);
  EXPECT_EQ(many.vads.size(), 1000U);
  EXPECT_LE(many.height(), 14U) << "1.44 log2(n + 2)";
  EXPECT_GE(many.height(), 10U);
  unsigned roots = 0;
  for (const VadReport& vad : many.vads) {
    EXPECT_LE(std::abs(vad.balance), 1);
    roots += vad.level == 0 ? 1 : 0;
  }
  EXPECT_EQ(roots, 1U);
}

TEST_F(VadTreeTest, OtherIndexesHaveNoLevels) {
  for (const VmaIndexKind index : {VmaIndexKind::kBTree, VmaIndexKind::kRedBlackTree}) {
    const VadTree list = tree(index, 7);
    EXPECT_FALSE(list.is_avl());
    EXPECT_THAT(levels(list), Each(0U));
    const std::string text = windows_view_text({.tree = list}, 80);
    EXPECT_THAT(text, HasSubstr("VADs, as a list"));
    EXPECT_THAT(text, HasSubstr("Total VADs: 7"));
    EXPECT_EQ(text.find("depth"), std::string::npos);
  }
}

TEST_F(VadTreeTest, CommitAndProtection) {
  protections_ = {PROT_NONE,
                  PROT_READ,
                  PROT_READ | PROT_WRITE,
                  PROT_READ | PROT_EXEC,
                  PROT_READ | PROT_WRITE | PROT_EXEC,
                  PROT_EXEC};
  std::vector<std::string_view> names;
  std::vector<std::uint64_t> commits;
  for (const VadReport& vad : tree(VmaIndexKind::kAvlTree, 6).vads) {
    names.push_back(vad.protection());
    commits.push_back(vad.commit);
  }
  EXPECT_THAT(names, ElementsAre("NO_ACCESS", "READONLY", "READWRITE", "EXECUTE_READ",
                                 "EXECUTE_READWRITE", "EXECUTE"));
  EXPECT_THAT(commits, ElementsAre(0, 0, 1, 0, 1, 0)) << "what Linux's rules charge";
  using namespace vm_flags;
  EXPECT_EQ((VadReport{.flags = kRead | kWrite, .type = Type::kImage}.protection()), "WRITECOPY");
  EXPECT_EQ((VadReport{.flags = kRead | kWrite | kExec, .type = Type::kMapped}.protection()),
            "EXECUTE_WRITECOPY");
  EXPECT_EQ((VadReport{.flags = kRead | kWrite | kShared, .type = Type::kMapped}.protection()),
            "READWRITE");
}

TEST(WindowsViewTest, OfAProcess) {
  SoftWorld world;
  const VirtAddr at = world.memory()
                          .map({.length = 4 * kPageSize,
                                .protection = PROT_READ | PROT_WRITE,
                                .flags = MAP_PRIVATE | MAP_ANONYMOUS})
                          .value();
  ASSERT_TRUE(world.memory().store(at, 1).has_value());
  const WindowsView view = WindowsView::of(world.process());
  EXPECT_EQ(view.process, 1);
  EXPECT_EQ(view.counts.total, 4U);
  EXPECT_EQ(view.counts.committed, 4U);
  ASSERT_EQ(view.tree.vads.size(), 1U);
  EXPECT_EQ(view.tree.vads[0].type, Type::kPrivate);
  EXPECT_EQ(view.pfns.of(ActiveUse::kPrivate), view.counts.rss_anon);
  EXPECT_EQ(view.pfns.total, (64U << 20) / kPageSize);
  EXPECT_EQ(view.directory_base, world.memory().page_table().root().address().value);

  const std::string text = windows_view_text(view, 80);
  EXPECT_THAT(text, HasSubstr("VirtualSize                  4 pages"));
  EXPECT_THAT(text, HasSubstr("PageFaultCount               1, 0 of them hard"));
  EXPECT_THAT(text, HasSubstr("Bad                          0 pages"));
}

TEST(WindowsViewTest, FitsTheTerminal) {
  WindowsView view{.process = 1, .program = std::string(50, 'p')};
  view.tree.vads = {{.range = {VirtAddr(0x7fff'f7fc'1000), VirtAddr(0x7fff'f7fc'3000)},
                     .level = 12,
                     .balance = -1,
                     .flags = vm_flags::kRead | vm_flags::kWrite | vm_flags::kExec,
                     .commit = 2,
                     .type = Type::kImage,
                     .name = "/usr/lib/" + std::string(120, 'l')}};
  for (const std::size_t width : {10U, 60U, 80U, 132U}) {
    std::istringstream lines(windows_view_text(view, width));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), std::max<std::size_t>(width, 60)) << line;
    }
  }
}

}  // namespace
}  // namespace gonzo::test

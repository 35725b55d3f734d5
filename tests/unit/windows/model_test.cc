// Random lives of a process against a plain list of pages.
#include <algorithm>
#include <optional>
#include <random>

#include "unit/windows/windows_world.h"

namespace gonzo::test {
namespace {

constexpr std::uint64_t kFirstPage = 16, kPages = 30 * 16, kGranulePages = 16;
constexpr std::uint64_t kSectionPages = 40;

/// What a page may be used for, without the words of the code under test.
bool lets_read(std::uint32_t p) { return p != page::kNoAccess; }
bool lets_write(std::uint32_t p) {
  return p == page::kReadWrite || p == page::kWriteCopy || p == page::kExecuteReadWrite;
}
bool lets_execute(std::uint32_t p) {
  return p == page::kExecute || p == page::kExecuteRead || p == page::kExecuteReadWrite;
}

enum class Kind { kFree, kPrivate, kReadView, kWriteView, kCopyView };

struct Page {
  Kind kind = Kind::kFree;
  std::uint64_t base = 0;  ///< the reservation's first page
  std::uint32_t allocation_protect = 0;
  bool committed = false;
  std::uint32_t protect = 0;
  std::uint64_t section_page = 0;
  std::optional<int> own;  ///< a private page's byte; a copied one's

  bool is_view() const { return kind > Kind::kPrivate; }
  /// What a query says.
  std::uint32_t shown() const {
    const std::uint32_t access = protect & ~page::kGuard;
    if (kind == Kind::kCopyView && own && access == page::kWriteCopy) {
      return page::kReadWrite | (protect & page::kGuard);
    }
    return committed ? protect : 0;
  }
};

/// Numbers are pages from kFirstPage on.
class Model {
 public:
  Model() : pages_(kPages), section_(kSectionPages) {}

  Page& at(std::uint64_t n) { return pages_[n]; }
  int& byte(std::uint64_t n) {
    Page& page = pages_[n];
    if (page.kind == Kind::kPrivate) return page.own ? *page.own : page.own.emplace(0);
    return page.own ? *page.own : section_[page.section_page];
  }
  bool is_free(std::uint64_t first, std::uint64_t end) const {
    // The rest of a reservation's last granule is not to be had.
    end = (end + kGranulePages - 1) / kGranulePages * kGranulePages;
    return std::all_of(pages_.begin() + static_cast<std::ptrdiff_t>(first),
                       pages_.begin() + static_cast<std::ptrdiff_t>(end),
                       [](const Page& page) { return page.kind == Kind::kFree; });
  }
  std::optional<std::uint64_t> room(std::uint64_t count, bool top_down) const {
    std::optional<std::uint64_t> found;
    for (std::uint64_t n = 0; n + count <= kPages; n += kGranulePages) {
      if (!is_free(n, n + count)) continue;
      found = n;
      if (!top_down) break;
    }
    return found;
  }
  /// All in one reservation.
  bool is_one(std::uint64_t first, std::uint64_t end) const {
    if (first >= end || end > kPages || pages_[first].kind == Kind::kFree) return false;
    for (std::uint64_t n = first; n < end; ++n) {
      if (pages_[n].kind == Kind::kFree || pages_[n].base != pages_[first].base) return false;
    }
    return true;
  }
  bool is_committed(std::uint64_t first, std::uint64_t end) const {
    return std::all_of(pages_.begin() + static_cast<std::ptrdiff_t>(first),
                       pages_.begin() + static_cast<std::ptrdiff_t>(end),
                       [](const Page& page) { return page.committed; });
  }
  std::uint64_t end_of(std::uint64_t n) const {
    std::uint64_t end = n;
    while (end < kPages && pages_[end].kind != Kind::kFree && pages_[end].base == pages_[n].base) {
      ++end;
    }
    return end;
  }
  std::uint64_t alike_from(std::uint64_t n) const {
    std::uint64_t end = n + 1;
    const Page& one = pages_[n];
    while (end < kPages && pages_[end].kind == one.kind && pages_[end].base == one.base &&
           pages_[end].committed == one.committed && pages_[end].shown() == one.shown()) {
      ++end;
    }
    return end;
  }
  std::uint64_t private_commit() const {
    return static_cast<std::uint64_t>(std::ranges::count_if(pages_, [](const Page& page) {
      return page.kind == Kind::kCopyView || (page.kind == Kind::kPrivate && page.committed);
    }));
  }

 private:
  std::vector<Page> pages_;
  std::vector<int> section_;
};

class WindowsModelTest : public WindowsWorld, public testing::WithParamInterface<unsigned> {
 protected:
  static constexpr Win32Error kNone{};

  void SetUp() override {
    WindowsWorld::SetUp();
    section_ = Section::create(*manager_, kSectionPages * kPageSize, page::kReadWrite).value();
    guest_ = &add_process({.range = {VirtAddr(0), address(kPages)}});
  }
  static VirtAddr address(std::uint64_t n) { return VirtAddr((kFirstPage + n) * kPageSize); }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  VirtualMemory& memory() { return guest_->memory(); }
  static Win32Error outcome(const auto& result) { return result ? kNone : result.error(); }
  std::uint32_t any_protection() {
    constexpr std::uint32_t kAll[] = {page::kNoAccess,        page::kReadOnly, page::kReadWrite,
                                      page::kReadWrite,       page::kExecute,  page::kExecuteRead,
                                      page::kExecuteReadWrite};
    const std::uint32_t one = kAll[below(std::size(kAll))];
    return one != page::kNoAccess && below(4) == 0 ? one | page::kGuard : one;
  }
  struct Range {
    std::uint64_t first, end;
    VirtAddr start;
    std::uint64_t size;
  };
  /// Bytes that begin and end anywhere in their pages; often of one reservation.
  Range any_range() {
    const std::uint64_t first = below(kPages);
    const std::uint64_t most = below(3) == 0 ? kPages - first : 6;
    const std::uint64_t end = std::min(kPages, first + 1 + below(most));
    const std::uint64_t skip = below(kPageSize);
    const std::uint64_t lacks = below(end - first == 1 ? kPageSize - skip : kPageSize);
    return {first, end, address(first) + skip, (end - first) * kPageSize - skip - lacks};
  }

  void reserve() {
    const std::uint32_t protection = any_protection();
    const bool commits = below(2) == 0, top_down = below(2) == 0;
    const std::uint32_t type =
        mem::kReserve | (commits ? mem::kCommit : 0) | (top_down ? mem::kTopDown : 0);
    std::uint64_t first = 0, end = 0;
    Win32Error expected = kNone;
    VirtAddr at;
    std::uint64_t size = (1 + below(40)) * kPageSize - below(kPageSize);
    if (below(2) == 0) {
      const auto room = model_.room((size + kPageSize - 1) / kPageSize, top_down);
      if (!room) {
        expected = Win32Error::kNotEnoughMemory;
      } else {
        first = *room;
        end = first + (size + kPageSize - 1) / kPageSize;
      }
    } else {
      const Range range = any_range();
      at = range.start;
      size = range.size;
      first = range.first / kGranulePages * kGranulePages;
      end = range.end;
      if (!model_.is_free(first, end)) expected = Win32Error::kInvalidAddress;
    }
    const auto done = memory().allocate(at, size, type, protection);
    ASSERT_EQ(outcome(done), expected);
    if (!done) return;
    ASSERT_EQ(*done, address(first));
    for (std::uint64_t n = first; n < end; ++n) {
      model_.at(n) = {.kind = Kind::kPrivate,
                      .base = first,
                      .allocation_protect = protection,
                      .committed = commits,
                      .protect = commits ? protection : 0};
    }
  }

  bool view_lets(const Page& page, std::uint32_t protection) {
    const std::uint32_t access = protection & ~page::kGuard;
    if (!page.is_view()) return true;
    if (access == page::kReadWrite) return page.kind == Kind::kWriteView;
    return !lets_execute(access);
  }

  void commit_or_protect() {
    const Range range = any_range();
    const std::uint32_t protection = any_protection();
    const bool commits = below(2) == 0;
    const bool is_one = model_.is_one(range.first, range.end);
    Win32Error expected = kNone;
    if (!is_one || (!commits && !model_.is_committed(range.first, range.end))) {
      expected = Win32Error::kInvalidAddress;
    } else if (!view_lets(model_.at(range.first), protection)) {
      expected = Win32Error::kInvalidParameter;
    }
    if (commits) {
      const auto done = memory().allocate(range.start, range.size, mem::kCommit, protection);
      ASSERT_EQ(outcome(done), expected);
    } else {
      const auto done = memory().protect(range.start, range.size, protection);
      ASSERT_EQ(outcome(done), expected);
      if (done) {
        ASSERT_EQ(*done, model_.at(range.first).shown());
      }
    }
    if (expected != kNone) return;
    for (std::uint64_t n = range.first; n < range.end; ++n) {
      model_.at(n).committed = true;
      model_.at(n).protect = protection;
    }
  }

  void decommit() {
    const Range range = any_range();
    Win32Error expected = kNone;
    const Page& one = model_.at(range.first);
    if (one.kind == Kind::kFree) {
      expected = Win32Error::kInvalidAddress;
    } else if (one.is_view() || !model_.is_one(range.first, range.end)) {
      expected = Win32Error::kInvalidParameter;
    }
    ASSERT_EQ(outcome(memory().free(range.start, range.size, mem::kDecommit)), expected);
    if (expected != kNone) return;
    for (std::uint64_t n = range.first; n < range.end; ++n) {
      model_.at(n).committed = false;
      model_.at(n).protect = 0;
      model_.at(n).own.reset();
    }
  }

  void release() {
    std::uint64_t n = below(kPages);
    const Page one = model_.at(n);
    if (one.kind != Kind::kFree && below(2) == 0) n = one.base;
    const bool unmaps = below(2) == 0;
    Win32Error expected = kNone;
    if (one.kind == Kind::kFree || (unmaps && !one.is_view())) {
      expected = Win32Error::kInvalidAddress;
    } else if (!unmaps && one.is_view()) {
      expected = Win32Error::kInvalidParameter;
    } else if (!unmaps && n != one.base) {
      expected = Win32Error::kInvalidAddress;
    }
    const auto done =
        unmaps ? memory().unmap_view(address(n)) : memory().free(address(n), 0, mem::kRelease);
    ASSERT_EQ(outcome(done), expected);
    if (!done) return;
    const std::uint64_t end = model_.end_of(one.base);
    for (std::uint64_t i = one.base; i < end; ++i) model_.at(i) = {};
  }

  void map() {
    const Kind kind = static_cast<Kind>(static_cast<int>(Kind::kReadView) + below(3));
    const std::uint32_t access = kind == Kind::kReadView    ? file_map::kRead
                                 : kind == Kind::kWriteView ? file_map::kWrite
                                                            : file_map::kCopy;
    const std::uint32_t protection = kind == Kind::kReadView    ? page::kReadOnly
                                     : kind == Kind::kWriteView ? page::kReadWrite
                                                                : page::kWriteCopy;
    const std::uint64_t offset = below(2) * kGranulePages;
    const std::uint64_t count = 1 + below(kSectionPages - offset);
    const auto room = model_.room(count, false);
    const auto done = memory().map_view(section_, {.access = access,
                                                   .offset = offset * kPageSize,
                                                   .bytes = count * kPageSize - below(kPageSize)});
    ASSERT_EQ(outcome(done), room ? kNone : Win32Error::kNotEnoughMemory);
    if (!done) return;
    ASSERT_EQ(*done, address(*room));
    for (std::uint64_t i = 0; i < count; ++i) {
      model_.at(*room + i) = {.kind = kind,
                              .base = *room,
                              .allocation_protect = protection,
                              .committed = true,
                              .protect = protection,
                              .section_page = offset + i};
    }
  }

  void access() {
    const std::uint64_t n = below(kPages);
    Page& one = model_.at(n);
    const VirtAddr at = address(n) + 40;
    const int how = static_cast<int>(below(3));
    const auto value = static_cast<std::uint8_t>(below(256));
    NtStatus expected = NtStatus::kAccessViolation;
    if (one.committed && (one.protect & page::kGuard) != 0) {
      expected = NtStatus::kGuardPageViolation;
    } else if (one.committed && (how == 0   ? lets_read(one.protect)
                                 : how == 1 ? lets_write(one.protect)
                                            : lets_execute(one.protect))) {
      expected = NtStatus::kSuccess;
    }
    if (expected == NtStatus::kGuardPageViolation) one.protect &= ~page::kGuard;
    if (how == 2) {
      ASSERT_EQ(guest_->execute(at), expected);
    } else if (how == 1) {
      ASSERT_EQ(guest_->write(at, value), expected);
      if (expected != NtStatus::kSuccess) return;
      if (one.kind == Kind::kCopyView) one.own = value;
      model_.byte(n) = value;
    } else if (expected == NtStatus::kSuccess) {
      ASSERT_EQ(guest_->read(at), model_.byte(n));
    } else {
      ASSERT_EQ(guest_->touch(at), expected);
    }
  }

  void query() {
    const std::uint64_t n = below(kPages);
    const Page& one = model_.at(n);
    const MemoryBasicInformation found = memory().query(address(n) + below(kPageSize)).value();
    ASSERT_EQ(found.base_address, address(n));
    ASSERT_EQ(found.region_size, (model_.alike_from(n) - n) * kPageSize);
    if (one.kind == Kind::kFree) {
      ASSERT_EQ(found.state, mem::kFree);
      return;
    }
    ASSERT_EQ(found.state, one.committed ? mem::kCommit : mem::kReserve);
    ASSERT_EQ(found.allocation_base, address(one.base));
    ASSERT_EQ(found.allocation_protect, one.allocation_protect);
    ASSERT_EQ(found.protect, one.shown());
    ASSERT_EQ(found.type, one.is_view() ? mem::kMapped : mem::kPrivate);
  }

  void step() {
    switch (below(12)) {
      case 0:
        return reserve();
      case 1:
      case 2:
        return commit_or_protect();
      case 3:
        return decommit();
      case 4:
        return release();
      case 5:
        return map();
      case 6:
      case 7:
        return query();
      default:
        return access();
    }
  }

  std::mt19937 random_{GetParam()};
  Model model_;
  WindowsProcess* guest_ = nullptr;
};

TEST_P(WindowsModelTest, AgreesWithAListOfPages) {
  for (int number = 0; number < 3000; ++number) {
    SCOPED_TRACE(number);
    step();
    if (HasFatalFailure()) return;
    if (number % 16 == 0) {
      ASSERT_EQ(memory().verify(), "");
      ASSERT_EQ(memory().counts().committed, model_.private_commit());
    }
    if (number % 200 == 0) push_out();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, WindowsModelTest, testing::Range(1U, 9U));

}  // namespace
}  // namespace gonzo::test

// Random fills, blanks, changes and table frees against a std::map.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "unit/paging/arena.h"
#include <gonzo/paging/page_table.h>
#include <gonzo/paging/software_mmu.h>

namespace gonzo {
namespace {

using test::Arena;
using test::FormatFacts;

enum class OperationKind : std::uint8_t { kFill, kBlank, kReplace, kZapRange, kFreeTables };

struct Operation {
  OperationKind kind;
  std::uint64_t page;   ///< page number
  std::uint64_t pages;  ///< of a range
  std::uint64_t frame;
};

void showValue(const Operation& operation, std::ostream& out) {
  out << "{kind " << static_cast<int>(operation.kind) << ", page " << std::hex << operation.page
      << ", pages " << operation.pages << ", frame " << operation.frame << "}";
}

/// Pages cluster around table borders, so that tables are shared, emptied and reused.
rc::Gen<Operation> operations(std::uint64_t user_pages) {
  const auto page = rc::gen::map(
      rc::gen::pair(rc::gen::inRange<unsigned>(0, 12), rc::gen::inRange<std::uint64_t>(0, 8)),
      [user_pages](const std::pair<unsigned, std::uint64_t>& at) {
        const std::uint64_t borders[] = {4,          512,        1024,       4096,
                                         1 << 18,    1 << 19,    1ULL << 27, 1ULL << 28,
                                         1ULL << 34, 1ULL << 36, 3ULL << 36, user_pages - 4};
        return (borders[at.first] % user_pages + at.second + user_pages - 4) % user_pages;
      });
  const auto kind = rc::gen::weightedElement<OperationKind>({{6, OperationKind::kFill},
                                                             {3, OperationKind::kBlank},
                                                             {2, OperationKind::kReplace},
                                                             {1, OperationKind::kZapRange},
                                                             {2, OperationKind::kFreeTables}});
  return rc::gen::construct<Operation>(kind, page, rc::gen::inRange<std::uint64_t>(1, 3000),
                                       rc::gen::inRange<std::uint64_t>(1, 0x100000));
}

class Model {
 public:
  explicit Model(PagingFormat format) : table_(*PageTable::create(arena_.frames(), format)) {}
  ~Model() { table_.reset(); }

  void apply(const Operation& operation) {
    const VirtAddr address(operation.page * kPageSize);
    const Entry entry = Entry::map(Pfn(operation.frame), test::kUserPage);
    const AddressRange range{address,
                             std::min(address + operation.pages * kPageSize, table_->user_end())};
    switch (operation.kind) {
      case OperationKind::kFill:
      case OperationKind::kReplace:
        return write(address, entry);
      case OperationKind::kBlank:
        return write(address, Entry());
      case OperationKind::kZapRange:
        return zap(range);
      case OperationKind::kFreeTables:
        return free_tables(range);
    }
  }

  void check() {
    RC_ASSERT(table_->verify() == "");
    std::map<std::uint64_t, Entry> seen;
    std::uint64_t last = 0;
    table_->for_each_entry({VirtAddr(0), table_->user_end()}, [&](const LeafSlot& leaf) {
      RC_ASSERT(seen.empty() || leaf.address.value > last);
      last = leaf.address.value;
      seen.emplace(last, leaf.entry.load());
      return true;
    });
    RC_ASSERT(seen == entries_);
    for (const auto& [address, entry] : entries_) {
      RC_ASSERT(table_->find(VirtAddr(address)).load() == entry);
      const auto walked = walk(arena_.frames(), table_->format(), table_->root(),
                               VirtAddr(address + 0x123), Access::kRead, Privilege::kUser);
      RC_ASSERT(walked.has_value());
      RC_ASSERT(walked->physical.value == entry.pfn().address().value + 0x123);
    }
  }

  /// All tables but the root must go with the last entry; then the root.
  void finish() {
    zap({VirtAddr(0), table_->user_end()});
    free_tables({VirtAddr(0), table_->user_end()});
    RC_ASSERT(table_->table_frames() == 1U);
    table_.reset();
    RC_ASSERT(arena_.table_frames() == 0U);
  }

 private:
  void write(VirtAddr address, Entry entry) {
    const EntryRef slot = entry.is_blank() ? table_->find(address) : *table_->ensure(address);
    if (!slot) {
      RC_ASSERT(!entries_.contains(address.value));
      return;
    }
    const Entry old = slot.exchange(entry);
    RC_ASSERT(old.is_blank() == !entries_.contains(address.value));
    if (old.is_blank() && !entry.is_blank()) table_->entry_filled(slot);
    if (!old.is_blank() && entry.is_blank()) table_->entry_blanked(slot);
    if (entry.is_blank()) {
      entries_.erase(address.value);
    } else {
      entries_[address.value] = entry;
    }
  }

  void zap(AddressRange range) {
    table_->for_each_table(range, [&](VirtAddr first, EntryRef entry, unsigned count) {
      RC_ASSERT(range.contains({first, first + count * kPageSize}));
      unsigned blanked = 0;
      for (unsigned i = entry.leading_blanks(count); i < count; ++i) {
        if (!entry.at(i).exchange(Entry()).is_blank()) ++blanked;
      }
      table_->entry_blanked(entry, blanked);
      return true;
    });
    entries_.erase(entries_.lower_bound(range.start.value), entries_.lower_bound(range.end.value));
  }

  void free_tables(AddressRange range) {
    table_->free_tables(range, VirtAddr(0), table_->user_end());
  }

  Arena arena_{std::size_t{16} << 20};
  std::unique_ptr<PageTable> table_;
  std::map<std::uint64_t, Entry> entries_;
};

class PageTableModelTest : public ::testing::TestWithParam<FormatFacts> {};

INSTANTIATE_TEST_SUITE_P(Formats, PageTableModelTest, ::testing::ValuesIn(test::kFormats),
                         [](const auto& parameters) { return parameters.param.name; });

TEST_P(PageTableModelTest, BehavesAsAMap) {
  const bool held = rc::check([&] {
    const auto sequence =
        *rc::gen::container<std::vector<Operation>>(operations(GetParam().user_end >> kPageShift));
    Model model(GetParam().format);
    for (const Operation& operation : sequence) {
      model.apply(operation);
      model.check();
    }
    model.finish();
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace gonzo

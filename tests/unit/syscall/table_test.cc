#include "syscall/table.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cstring>
#include <set>
#include <string>

namespace gonzo {
namespace {

TEST(SyscallTable, FindsCallsByNumber) {
  const SyscallTable table;
  EXPECT_STREQ(table.find(SYS_read)->name, "read");
  EXPECT_STREQ(table.find(SYS_openat)->name, "openat");
  EXPECT_STREQ(table.find(452)->name, "fchmodat2");
  EXPECT_EQ(table.find(400), nullptr);
  EXPECT_EQ(table.find(1'000'000), nullptr);
  EXPECT_EQ(table.find(~0ULL), nullptr);
}

TEST(SyscallTable, NamesEveryCallThatTheHeadersKnow) {
  const SyscallTable table;
  constexpr unsigned kLastOfFirstBlock = SYS_rseq;
  for (unsigned number = 0; number <= kLastOfFirstBlock; ++number) {
    EXPECT_NE(table.find(number), nullptr) << number;
  }
  for (unsigned number = SYS_pidfd_send_signal; number <= SYS_set_mempolicy_home_node; ++number) {
    EXPECT_NE(table.find(number), nullptr) << number;
  }
}

TEST(SyscallTable, NamesAreUnique) {
  std::set<std::string> names;
  const SyscallTable table;
  for (const SyscallRow* row : table.rows()) {
    if (row == nullptr) continue;
    EXPECT_TRUE(names.insert(row->name).second) << row->name;
  }
}

TEST(SyscallTable, DescriptionsHangTogether) {
  const SyscallTable table;
  for (const SyscallRow* row : table.rows()) {
    if (row == nullptr) continue;
    const Signature& signature = row->signature;
    EXPECT_TRUE(signature.handler == nullptr || signature.absent == Errno{}) << row->name;
    for (unsigned i = row->argument_count(); i < 6; ++i) {
      EXPECT_EQ(signature.arguments[i].kind, ArgumentKind::kNone) << row->name;
    }
    for (const Argument& argument : signature.arguments) {
      EXPECT_TRUE(argument.kind != ArgumentKind::kBytes || argument.size != 0) << row->name;
      EXPECT_TRUE(argument.style != Style::kSymbols || argument.symbols != nullptr) << row->name;
      const bool counted = argument.extent != Extent::kFixed;
      if (!counted) continue;
      const Argument& counter = signature.arguments[argument.counter];
      EXPECT_EQ(counter.kind, argument.extent == Extent::kValueResult ? ArgumentKind::kLength
                                                                      : ArgumentKind::kInteger)
          << row->name;
    }
    const std::int8_t flag = signature.close_on_exec.argument;
    EXPECT_LT(flag, static_cast<int>(row->argument_count())) << row->name;
  }
}

}  // namespace
}  // namespace gonzo

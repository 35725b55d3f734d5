// i386's calls: the same work behind other numbers, registers and structures.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <csignal>
#include <ctime>

#include "syscall/i386/table.h"
#include "syscall/user_types.h"
#include "unit/syscall/guest_caller.h"
#include <gonzo/machine/user_descriptor.h>

namespace gonzo {
namespace {

TEST(I386Table, KnowsTheCallsByTheirOwnNumbers) {
  const SyscallTable native;
  const I386Table table(native);
  EXPECT_STREQ(table.find(1).row->name, "exit");
  EXPECT_STREQ(table.find(4).row->name, "write");
  EXPECT_STREQ(table.find(192).row->name, "mmap");
  EXPECT_STREQ(table.find(243).row->name, "set_thread_area");
  EXPECT_EQ(table.find(17).row, nullptr);  // break
  EXPECT_EQ(table.find(1U << 31).row, nullptr);
}

TEST(I386Table, JoinsWhatIsSpreadOverRegisters) {
  const SyscallTable native;
  const I386Table table(native);
  const auto arranged = [&](std::uint32_t number, const Arguments& arguments) {
    return table.find(number).arrange(arguments);
  };
  constexpr std::uint64_t kWide = 0x2'0000'0001;
  EXPECT_EQ(arranged(180, {3, 4, 5, 1, 2})[3], kWide);                            // pread64
  EXPECT_EQ(arranged(193, {3, 1, 2}), (Arguments{3, kWide}));                     // truncate64
  EXPECT_EQ(arranged(324, {3, 0, 1, 2, 1, 2}), (Arguments{3, 0, kWide, kWide}));  // fallocate
  EXPECT_EQ(arranged(140, {3, 2, 1, 7, SEEK_SET}), (Arguments{3, kWide, SEEK_SET, 7}));
  EXPECT_EQ(arranged(19, {3, 0xffffffff})[1], ~0ULL);                     // lseek by -1
  EXPECT_EQ(arranged(192, {0, 1, 2, 3, 4, 5})[5], 5 * kPageSize);         // mmap2
  EXPECT_EQ(arranged(120, {1, 2, 3, 4, 5}), (Arguments{1, 2, 3, 5, 4}));  // clone
  EXPECT_EQ(arranged(23, {0xffff})[0], 0xffffffff);                       // setuid(-1)
}

class I386CallTest : public testing::Test {
 protected:
  I386CallTest() {
    EXPECT_TRUE(guest.task().process().renew_memory(PagingFormat::kClassic32).has_value());
    EXPECT_TRUE(guest.memory()
                    .map({.hint = at,
                          .length = 4 * kPageSize,
                          .protection = PROT_READ | PROT_WRITE,
                          .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED})
                    .has_value());
  }
  std::int64_t call(std::uint32_t number, const Arguments& arguments) {
    return guest.syscalls().answer_i386(guest.task(), number, arguments);
  }
  template <typename T>
  void put(VirtAddr where, const T& value) {
    EXPECT_TRUE(guest.memory().store(where, value).has_value());
  }
  template <typename T>
  T get(VirtAddr where) {
    const auto value = guest.memory().load<T>(where);
    EXPECT_TRUE(value.has_value());
    return value.value_or(T{});
  }
  std::uint64_t address(std::uint64_t offset = 0) const { return at.value + offset; }

  GuestCaller guest;
  const VirtAddr at{0x10000000};
};

TEST_F(I386CallTest, ClocksHaveTwoSizes) {
  ASSERT_EQ(call(265, {CLOCK_REALTIME, address()}), 0);
  ASSERT_EQ(call(403, {CLOCK_REALTIME, address(64)}), 0);
  const auto narrow = get<std::array<std::int32_t, 3>>(at);
  const auto wide = get<timespec>(at + 64);
  EXPECT_GE(wide.tv_sec, narrow[0]);
  EXPECT_LE(wide.tv_sec, narrow[0] + 5);
  EXPECT_EQ(narrow[2], 0);  // nothing was written past it
}

TEST_F(I386CallTest, PaddingBesideNanosecondsDoesNotCount) {
  put(at, std::array<std::uint32_t, 4>{0, 0, 1000, 0xdeadbeef});
  EXPECT_EQ(call(407, {CLOCK_MONOTONIC, 0, address(), 0}), 0);
  put(at, std::array<std::int32_t, 2>{0, 1'000'000'000});
  EXPECT_EQ(call(162, {address(), 0}), -EINVAL);
}

TEST_F(I386CallTest, StatHasItsOwnLayout) {
  guest.write(at, "/etc/passwd");
  struct stat host{};
  ASSERT_EQ(::stat("/etc/passwd", &host), 0);
  ASSERT_EQ(call(195, {address(), address(256)}), 0);
  EXPECT_EQ(get<std::uint32_t>(at + 256 + 16), host.st_mode);
  EXPECT_EQ(get<std::int64_t>(at + 256 + 44), host.st_size);
  EXPECT_EQ(get<std::uint64_t>(at + 256 + 88), host.st_ino);
}

TEST_F(I386CallTest, PipesSocketsAndVectorsWork) {
  // socketcall(SYS_SOCKETPAIR), whose arguments lie in memory.
  put(at, std::array<std::uint32_t, 4>{AF_UNIX, SOCK_STREAM, 0,
                                       static_cast<std::uint32_t>(address(64))});
  ASSERT_EQ(call(102, {8, address()}), 0);
  const auto fds = get<std::array<std::int32_t, 2>>(at + 64);
  guest.write(at + 128, "hello");
  put(at, std::array<std::uint32_t, 4>{static_cast<std::uint32_t>(address(128)), 2,
                                       static_cast<std::uint32_t>(address(130)), 3});
  EXPECT_EQ(call(146, {static_cast<std::uint32_t>(fds[0]), address(), 2}), 5);
  EXPECT_EQ(call(3, {static_cast<std::uint32_t>(fds[1]), address(256), 10}), 5);
  EXPECT_EQ(guest.text(at + 256, 5), "hello");
  put(at, std::array<std::uint32_t, 2>{0, 0x80000000});
  EXPECT_EQ(call(146, {static_cast<std::uint32_t>(fds[0]), address(), 1}), -EINVAL);
  EXPECT_EQ(call(102, {99, address()}), -EINVAL);
  EXPECT_EQ(call(102, {8, 16}), -EFAULT);
}

TEST_F(I386CallTest, ActionsRememberWhoInstalledThem) {
  put(at, std::array<std::uint32_t, 5>{0x8050000, SA_SIGINFO, 0, 1, 0x80000000});
  ASSERT_EQ(call(174, {SIGUSR1, address(), 0, 8}), 0);
  const auto action = guest.task().process().signals().get(SIGUSR1);
  ASSERT_TRUE(action.has_value());
  EXPECT_EQ(action->flags, SA_SIGINFO | kI386Action);
  EXPECT_EQ(action->mask, 0x80000000'00000001);
  ASSERT_EQ(call(174, {SIGUSR1, 0, address(64), 8}), 0);
  const auto told = get<std::array<std::uint32_t, 5>>(at + 64);
  EXPECT_EQ(told[0], 0x8050000U);
  EXPECT_EQ(told[1], unsigned{SA_SIGINFO});
  EXPECT_EQ(told[4], 0x80000000U);
}

TEST_F(I386CallTest, ThreadAreasAreEntriesOfTheThread) {
  UserDescriptor wanted{.entry_number = ~0U, .base = 0x12345678, .limit = 0xfffff, .flags = 0x51};
  put(at, wanted);
  ASSERT_EQ(call(243, {address()}), 0);
  EXPECT_EQ(get<std::uint32_t>(at), segment::kFirstTls);
  EXPECT_EQ(guest.task().registers().tls[0], 0x12dff334'5678ffffULL);
  put(at, std::uint32_t{segment::kFirstTls});
  ASSERT_EQ(call(244, {address()}), 0);
  const auto back = get<UserDescriptor>(at);
  EXPECT_EQ(back.base, wanted.base);
  EXPECT_EQ(back.limit, wanted.limit);
  EXPECT_EQ(back.flags, wanted.flags);

  for (const std::uint32_t entry : {6U, 11U, 15U}) {
    wanted.entry_number = entry;
    put(at, wanted);
    EXPECT_EQ(call(243, {address()}), -EINVAL) << entry;
  }
  wanted = {.entry_number = ~0U, .flags = 0};  // no 32-bit segment, but not empty either
  wanted.limit = 1;
  put(at, wanted);
  EXPECT_EQ(call(243, {address()}), -EINVAL);
  for (int i = 0; i < 2; ++i) {
    put(at, UserDescriptor{.entry_number = ~0U, .base = 1, .limit = 1, .flags = 0x51});
    EXPECT_EQ(call(243, {address()}), 0);
  }
  put(at, UserDescriptor{.entry_number = ~0U, .base = 1, .limit = 1, .flags = 0x51});
  EXPECT_EQ(call(243, {address()}), -ESRCH);
  EXPECT_EQ(call(243, {16}), -EFAULT);
}

TEST(UserDescriptor, IsTheProcessorsDescriptorAndBack) {
  // A flat data segment of 4 GiB, as every manual shows it (accessed).
  const UserDescriptor flat{.entry_number = 12, .limit = 0xfffff, .flags = 0x11};
  EXPECT_EQ(flat.to_descriptor(), 0x00cff300'0000ffffULL);
  const UserDescriptor back = UserDescriptor::of(flat.to_descriptor(), 12);
  EXPECT_EQ(back.base, flat.base);
  EXPECT_EQ(back.limit, flat.limit);
  EXPECT_EQ(back.flags, flat.flags);
  EXPECT_EQ(UserDescriptor{}.to_descriptor(), 0U);
  EXPECT_TRUE(UserDescriptor::of(0, 12).is_empty());
}

}  // namespace
}  // namespace gonzo

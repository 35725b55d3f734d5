#include "machine/qemu/descriptor_tables.h"

#include <gtest/gtest.h>

#include <gonzo/machine/user_descriptor.h>

namespace gonzo {
namespace {

constexpr TlsDescriptors kNone{};

TEST(DescriptorTablesTest, UsersMayLoadTheirOwnSegmentsAndNoOthers) {
  for (const std::uint16_t selector : {0, 1, 2, 3, 0x23, 0x2b, 0x33}) {
    EXPECT_TRUE(is_loadable(selector, kNone)) << selector;
  }
  // The kernel's, the task's, a thread's that is not there, the local table's, past the end.
  for (const std::uint16_t selector : {0x08, 0x13, 0x1b, 0x43, 0x63, 0x07, 0x2f, 0xffff}) {
    EXPECT_FALSE(is_loadable(selector, kNone)) << selector;
  }
}

TEST(DescriptorTablesTest, AThreadsSegmentIsLoadableWhenItIsThereAndReadable) {
  const auto with = [](std::uint32_t flags) {
    return TlsDescriptors{UserDescriptor{.limit = 0xfffff, .flags = flags}.to_descriptor()};
  };
  constexpr std::uint32_t kData = UserDescriptor::k32Bit | UserDescriptor::kLimitInPages;
  EXPECT_TRUE(is_loadable(0x63, with(kData)));
  EXPECT_TRUE(is_stack_segment(0x63, with(kData)));
  EXPECT_FALSE(is_loadable(0x6b, with(kData)));
  EXPECT_FALSE(is_loadable(0x63, with(kData | UserDescriptor::kNotPresent)));
  // Read only: no stack. Code that is executable alone: not even data.
  EXPECT_TRUE(is_loadable(0x63, with(kData | UserDescriptor::kReadExecOnly)));
  EXPECT_FALSE(is_stack_segment(0x63, with(kData | UserDescriptor::kReadExecOnly)));
  constexpr std::uint32_t kCode = 2 << 1;
  EXPECT_TRUE(is_loadable(0x63, with(kData | kCode)));
  EXPECT_FALSE(is_loadable(0x63, with(kData | kCode | UserDescriptor::kReadExecOnly)));
  EXPECT_FALSE(is_stack_segment(0x63, with(kData | kCode)));
}

TEST(DescriptorTablesTest, AStackIsWritableAndAUsers) {
  EXPECT_TRUE(is_stack_segment(0x2b, kNone));
  for (const std::uint16_t selector : {0, 3, 0x28, 0x18, 0x23, 0x33}) {
    EXPECT_FALSE(is_stack_segment(selector, kNone)) << selector;
  }
}

}  // namespace
}  // namespace gonzo

// From logical to linear addresses.
#include "observe/segments.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace gonzo::test {
namespace {

const Segment& named(const std::vector<Segment>& segments, std::string_view name) {
  return *std::ranges::find(segments, name, &Segment::name);
}

TEST(Segments, In64BitCodeAllButFsAndGsAreFlat) {
  CpuRegisters registers;
  registers.fs_base = 0x7ffff7dd0740;
  const auto segments = segments_of(registers);
  ASSERT_EQ(segments.size(), 6U);
  for (const char* name : {"cs", "ss", "ds", "es", "gs"}) {
    EXPECT_TRUE(named(segments, name).is_flat()) << name;
    EXPECT_EQ(named(segments, name).offset_of(~0ULL), ~0ULL);
  }
  EXPECT_EQ(named(segments, "cs").descriptor, 0x00affb000000ffffU);
  EXPECT_EQ(named(segments, "fs").base, 0x7ffff7dd0740U);
  EXPECT_EQ(named(segments, "fs").offset_of(0x7ffff7dd0768), 0x28U);
}

TEST(Segments, I386HasATlsSegment) {
  CpuRegisters registers;
  registers.cs = segment::kUserCode32;
  registers.ss = registers.ds = registers.es = segment::kUserData;
  registers.gs = segment::kFirstTls << 3 | 3;
  registers.tls[0] = 0x08dff30f2380ffff;
  const auto segments = segments_of(registers);
  EXPECT_EQ(named(segments, "cs").limit, 0xffffffffU);
  EXPECT_TRUE(named(segments, "ds").is_flat());
  EXPECT_FALSE(named(segments, "fs").is_usable());
  const Segment& gs = named(segments, "gs");
  EXPECT_EQ(gs.base, 0x80f2380U);
  EXPECT_EQ(gs.limit, 0xffffffffU);
  EXPECT_EQ(gs.offset_of(0x80f2394), 0x14U);
  // Below its base: the sum wraps at 4 GiB.
  EXPECT_EQ(gs.offset_of(0x80f237c), 0xfffffffcU);
  EXPECT_EQ(descriptor_text(gs.descriptor), "data, read/write, 32-bit, ring 3");
}

TEST(Segments, OfAThreadThatRuns) {
  for (const PagingFormat format : {PagingFormat::kFourLevel, PagingFormat::kPae}) {
    const auto segments = flat_segments(format);
    ASSERT_EQ(segments.size(), 4U);
    for (const Segment& segment : segments) EXPECT_TRUE(segment.is_flat()) << segment.name;
  }
}

TEST(Segments, LimitsCount) {
  CpuRegisters registers;
  registers.cs = segment::kUserCode32;
  registers.fs = (segment::kFirstTls + 1) << 3 | 3;
  registers.tls[1] = 0x0040f20000001fff | 0x1000ULL << 16;  // base 0x1000, 8 KiB, read only
  const auto segments = segments_of(registers);
  const Segment& fs = named(segments, "fs");
  EXPECT_EQ(fs.base, 0x1000U);
  EXPECT_EQ(fs.limit, 0x1fffU);
  EXPECT_EQ(fs.offset_of(0x2fff), 0x1fffU);
  EXPECT_FALSE(fs.offset_of(0x3000));
}

}  // namespace
}  // namespace gonzo::test

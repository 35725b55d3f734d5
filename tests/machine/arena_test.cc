#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <thread>

#include <gonzo/machine/arena.h>

namespace gonzo {
namespace {

std::uint64_t backed_bytes(const Arena& arena) {
  struct stat status{};
  EXPECT_EQ(fstat(arena.fd(), &status), 0);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

TEST(ArenaTest, RefusesOddSizes) {
  EXPECT_EQ(Arena::create(0).error(), Errno::kInval);
  EXPECT_EQ(Arena::create(kPageSize + 1).error(), Errno::kInval);
}

TEST(ArenaTest, IdleMemoryCostsNothingAndReadsAsZeros) {
  const auto arena = Arena::create(1 << 30).value();
  EXPECT_EQ(arena->memory().size(), std::size_t{1} << 30);
  EXPECT_EQ(backed_bytes(*arena), 0U);
  EXPECT_EQ(arena->memory()[12345], std::byte{0});
}

TEST(ArenaTest, TheFileIsTheMemoryAndIsNotInherited) {
  const auto arena = Arena::create(16 * kPageSize).value();
  arena->memory()[5 * kPageSize] = std::byte{7};
  void* again =
      mmap(nullptr, kPageSize, PROT_READ | PROT_EXEC, MAP_SHARED, arena->fd(), 5 * kPageSize);
  ASSERT_NE(again, MAP_FAILED);
  EXPECT_EQ(*static_cast<std::byte*>(again), std::byte{7});
  munmap(again, kPageSize);
  EXPECT_TRUE(fcntl(arena->fd(), F_GETFD) & FD_CLOEXEC);
}

TEST(ArenaTest, GrowthIsBackedAhead) {
  const auto arena = Arena::create(256 << 20).value();
  arena->grown_to(Pfn(0));
  while (arena->backed_ahead() < (1 << 20)) std::this_thread::yield();
  EXPECT_LE(backed_bytes(*arena), std::uint64_t{4} << 20);
  // The more is used, the more is kept ready, to a limit.
  arena->grown_to(Pfn((8 << 20) / kPageSize));
  while (backed_bytes(*arena) < (4 << 20)) std::this_thread::yield();
}

TEST(ArenaTest, ASecondZoneStartsItsOwnStream) {
  const auto arena = Arena::create(256 << 20).value();
  arena->grown_to(Pfn((64 << 20) / kPageSize));
  while (arena->backed_ahead() < (1 << 20)) std::this_thread::yield();
  arena->grown_to(Pfn(0));
  while (arena->backed_ahead() < (2 << 20)) std::this_thread::yield();
}

TEST(ArenaTest, TheEndOfTheArenaIsNoProblem) {
  const auto arena = Arena::create(2 << 20).value();
  arena->grown_to(Pfn((2 << 20) / kPageSize - 4));
  arena->grown_to(Pfn((2 << 20) / kPageSize));
}

TEST(ArenaTest, BackingCanBeOff) {
  const auto arena = Arena::create(64 << 20, Arena::Backing::kOnTouch).value();
  arena->grown_to(Pfn(0));
  EXPECT_EQ(backed_bytes(*arena), 0U);
}

}  // namespace
}  // namespace gonzo

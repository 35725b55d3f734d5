// The vDSO's image as a program gets it, and its code, which runs here as it does in a guest.
#include "kernel/vdso.h"

#include <dlfcn.h>
#include <elf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <thread>

#include "unit/kernel/soft_world.h"

namespace gonzo {
namespace {

constexpr std::size_t kDataPages = GONZO_VVAR_PAGES + GONZO_VCLOCK_PAGES;

/// The areas side by side, as map_into() lays them, with a page of this test's.
class NativeVdso {
 public:
  NativeVdso() {
    const std::size_t size = (kDataPages + GONZO_VDSO_PAGES) * kPageSize;
    void* const memory =
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    start_ = static_cast<std::byte*>(memory);
    std::ranges::copy(Vdso::image(), image());
    mprotect(image(), GONZO_VDSO_PAGES * kPageSize, PROT_READ | PROT_EXEC);
    clock_.emplace(time_, page());
  }
  ~NativeVdso() { munmap(start_, (kDataPages + GONZO_VDSO_PAGES) * kPageSize); }
  NativeVdso(const NativeVdso&) = delete;
  NativeVdso& operator=(const NativeVdso&) = delete;

  std::byte* image() { return start_ + kDataPages * kPageSize; }
  gonzo_clock_page& page() { return *reinterpret_cast<gonzo_clock_page*>(start_); }
  VdsoClock& clock() { return *clock_; }
  const Elf64_Ehdr& header() { return *reinterpret_cast<const Elf64_Ehdr*>(image()); }

  std::map<std::int64_t, std::uint64_t> dynamic() {
    std::map<std::int64_t, std::uint64_t> tags;
    const auto* programs = reinterpret_cast<const Elf64_Phdr*>(image() + header().e_phoff);
    for (int i = 0; i < header().e_phnum; ++i) {
      if (programs[i].p_type != PT_DYNAMIC) continue;
      const auto* tag = reinterpret_cast<const Elf64_Dyn*>(image() + programs[i].p_offset);
      for (; tag->d_tag != DT_NULL; ++tag) tags[tag->d_tag] = tag->d_un.d_val;
    }
    return tags;
  }
  /// By the GNU hash table; tests/guest/vdso.c goes by the other one.
  template <typename Function>
  Function* symbol(const char* name) {
    auto tags = dynamic();
    const auto* table = reinterpret_cast<const std::uint32_t*>(image() + tags[DT_GNU_HASH]);
    const auto* symbols = reinterpret_cast<const Elf64_Sym*>(image() + tags[DT_SYMTAB]);
    const auto* strings = reinterpret_cast<const char*>(image() + tags[DT_STRTAB]);
    std::uint32_t hash = 5381;
    for (const char* c = name; *c != 0; ++c) hash = hash * 33 + static_cast<unsigned char>(*c);
    const std::uint32_t buckets = table[0], first = table[1], words = table[2];
    const std::uint32_t* bucket = table + 4 + 2 * words;
    const std::uint32_t* chain = bucket + buckets;
    for (std::uint32_t i = bucket[hash % buckets]; i >= first && i != 0; ++i) {
      if (std::strcmp(strings + symbols[i].st_name, name) == 0) {
        return reinterpret_cast<Function*>(image() + symbols[i].st_value);
      }
      if ((chain[i - first] & 1) != 0) break;
    }
    return nullptr;
  }

 private:
  std::byte* start_;
  HostTime time_;
  std::optional<VdsoClock> clock_;
};

using GetTime = int(clockid_t, timespec*);
using GetTimeOfDay = int(timeval*, void*);

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

TEST(VdsoImage, NeedsNoRelocationAndFitsItsPages) {
  NativeVdso vdso;
  EXPECT_LE(Vdso::image().size(), GONZO_VDSO_PAGES * kPageSize);
  EXPECT_EQ(std::memcmp(vdso.header().e_ident, ELFMAG, SELFMAG), 0);
  EXPECT_EQ(vdso.header().e_type, ET_DYN);
  EXPECT_EQ(vdso.header().e_machine, EM_X86_64);
  const auto tags = vdso.dynamic();
  for (const std::int64_t tag : {DT_REL, DT_RELA, DT_JMPREL, DT_TEXTREL, DT_NEEDED, DT_INIT}) {
    EXPECT_FALSE(tags.contains(tag)) << tag;
  }
  for (const std::int64_t tag : {DT_HASH, DT_SYMTAB, DT_STRTAB, DT_SONAME}) {
    EXPECT_TRUE(tags.contains(tag)) << tag;
  }
  EXPECT_TRUE(tags.contains(DT_GNU_HASH));
  EXPECT_TRUE(tags.contains(DT_VERSYM));
  EXPECT_TRUE(tags.contains(DT_VERDEF));
}

TEST(VdsoImage, HasOneSegmentThatIsNotWritable) {
  NativeVdso vdso;
  const auto* programs = reinterpret_cast<const Elf64_Phdr*>(vdso.image() + vdso.header().e_phoff);
  int loads = 0;
  for (int i = 0; i < vdso.header().e_phnum; ++i) {
    if (programs[i].p_type != PT_LOAD) continue;
    ++loads;
    EXPECT_EQ(programs[i].p_flags, PF_R | PF_X);
    EXPECT_EQ(programs[i].p_offset, 0U);
    EXPECT_EQ(programs[i].p_vaddr, 0U);
    EXPECT_EQ(programs[i].p_filesz, programs[i].p_memsz);
  }
  EXPECT_EQ(loads, 1);
}

TEST(VdsoCode, AsksTheHostWithoutLines) {
  NativeVdso vdso;
  timespec before{}, got{}, after{};
  clock_gettime(CLOCK_MONOTONIC, &before);
  ASSERT_EQ(vdso.symbol<GetTime>("__vdso_clock_gettime")(CLOCK_MONOTONIC, &got), 0);
  clock_gettime(CLOCK_MONOTONIC, &after);
  EXPECT_LE(nanoseconds(before), nanoseconds(got));
  EXPECT_LE(nanoseconds(got), nanoseconds(after));
}

TEST(VdsoCode, DoesNotWaitForAWriterForEver) {
  NativeVdso vdso;
  vdso.page().sequence = 1;
  vdso.page().lines.window = ~0ULL;
  timespec got{};
  ASSERT_EQ(vdso.symbol<GetTime>("__vdso_clock_gettime")(CLOCK_REALTIME, &got), 0);
  EXPECT_GT(got.tv_sec, 1'600'000'000);
  timeval day{};
  ASSERT_EQ(vdso.symbol<GetTimeOfDay>("__vdso_gettimeofday")(&day, nullptr), 0);
  EXPECT_GE(day.tv_sec, got.tv_sec);
}

TEST(VdsoCode, ReadsTheLines) {
  NativeVdso vdso;
  // A clock that hardly moves shows that the answer is the page's.
  vdso.page().lines = {.start = __builtin_ia32_rdtsc(), .window = 1ULL << 50, .slope = 1};
  vdso.page().lines.bases[CLOCK_REALTIME] = {.seconds = 77, .nanoseconds = 123456789ULL << 32};
  vdso.page().lines.bases[CLOCK_MONOTONIC] = {.seconds = 8, .nanoseconds = 7'654'321ULL << 32};
  vdso.page().tick_ns = 4'000'000;
  vdso.page().resolution_ns = 1;
  GetTime* const get = vdso.symbol<GetTime>("__vdso_clock_gettime");
  timespec got{};
  ASSERT_EQ(get(CLOCK_REALTIME, &got), 0);
  EXPECT_EQ(got.tv_sec, 77);
  EXPECT_NEAR(static_cast<double>(got.tv_nsec), 123456789, 10);
  ASSERT_EQ(get(CLOCK_MONOTONIC_COARSE, &got), 0);
  EXPECT_EQ(got.tv_sec, 8);
  EXPECT_EQ(got.tv_nsec, 4'000'000);
  timeval day{};
  ASSERT_EQ(vdso.symbol<GetTimeOfDay>("__vdso_gettimeofday")(&day, nullptr), 0);
  EXPECT_EQ(day.tv_usec, 123456);
  EXPECT_EQ(vdso.symbol<std::time_t(std::time_t*)>("__vdso_time")(nullptr), 77);
  ASSERT_EQ(vdso.symbol<GetTime>("__vdso_clock_getres")(CLOCK_MONOTONIC_COARSE, &got), 0);
  EXPECT_EQ(got.tv_nsec, 4'000'000);
}

TEST(VdsoCode, AgreesWithTheCallsWhileLinesAreLaid) {
  NativeVdso vdso;
  GetTime* const get = vdso.symbol<GetTime>("__vdso_clock_gettime");
  HostTime host;
  const std::int64_t end = host.now(CLOCK_MONOTONIC) + 60'000'000;
  bool has_lines = false;
  std::int64_t last = 0;
  while (host.now(CLOCK_MONOTONIC) < end) {
    const auto call = vdso.clock().now(CLOCK_MONOTONIC);
    if (!call) GTEST_SKIP() << "this host keeps time without its counter";
    timespec code{};
    has_lines = has_lines || vdso.page().lines.window != 0;
    // Without lines the code asks the host, here not through the clock.
    if (!has_lines) continue;
    ASSERT_EQ(get(CLOCK_MONOTONIC, &code), 0);
    if (vdso.page().lines.window == 0) continue;
    ASSERT_GE(nanoseconds(*call), last);
    const std::uint64_t age = __builtin_ia32_rdtsc() - vdso.page().lines.start;
    if (age >= vdso.page().lines.window) continue;
    ASSERT_GE(nanoseconds(code), nanoseconds(*call));
    last = nanoseconds(code);
  }
  EXPECT_TRUE(has_lines);
}

TEST(VdsoAreas, LieSideBySideBelowTheLoader) {
  SoftWorld world;
  const auto vdso = world.system().vdso();
  ASSERT_TRUE(vdso);
  const auto header = (*vdso)->map_into(world.memory());
  ASSERT_TRUE(header);
  EXPECT_EQ(world.memory().load<std::uint32_t>(*header).value(), 0x464c457fU);
  const VirtAddr start = *header - kDataPages * kPageSize;
  EXPECT_EQ(world.memory().area_at(start).value().attributes.special_name, std::string("[vvar]"));
  EXPECT_TRUE(world.memory().load<std::uint64_t>(start));
  EXPECT_FALSE(world.memory().load<std::uint64_t>(start + kPageSize)) << "a page without frame";
  EXPECT_EQ(world.memory().counts().rss_file, 1U) << "the machine's own frame is not counted";
  EXPECT_FALSE(world.memory().store<std::uint64_t>(start, 1));
  EXPECT_EQ(world.memory().verify(), "");
  ASSERT_TRUE(world.memory().unmap(start, (kDataPages + GONZO_VDSO_PAGES) * kPageSize));
  EXPECT_EQ(world.memory().counts().rss(), 0U);
  EXPECT_EQ(world.memory().verify(), "");
}

}  // namespace
}  // namespace gonzo

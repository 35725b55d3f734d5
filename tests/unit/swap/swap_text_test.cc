// What users write after --swap, and what they are told.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "unit/frame/arena.h"
#include <gonzo/swap/swap_text.h>

namespace gonzo {
namespace {

using Kind = SwapRequest::Kind;

constexpr std::uint64_t kMiB = 1 << 20;

SwapRequest good(std::string_view text) {
  const auto parsed = parse_swap(text);
  EXPECT_TRUE(parsed.has_value()) << text << ": " << (parsed ? "" : parsed.error());
  return parsed.value_or(SwapRequest{});
}
std::string error_of(std::string_view text) {
  const auto parsed = parse_swap(text);
  return parsed ? "none" : parsed.error();
}

TEST(SwapText, ASizeIsATemporaryFile) {
  const SwapRequest request = good("512M");
  EXPECT_EQ(request.kind, Kind::kTemporaryFile);
  EXPECT_EQ(request.bytes, 512 * kMiB);
  EXPECT_FALSE(request.priority.has_value());
}

TEST(SwapText, Files) {
  EXPECT_EQ(good("file:/var/swap").path, "/var/swap");
  EXPECT_EQ(good("file:/var/swap").bytes, 0U);
  EXPECT_EQ(good("file:/var/a:b:1G").path, "/var/a:b");
  EXPECT_EQ(good("file:/var/a:b:1G").bytes, 1024 * kMiB);
}

TEST(SwapText, CompressedMemory) {
  EXPECT_EQ(good("zram:1G").kind, Kind::kZram);
  EXPECT_EQ(good("zram:1G").compression, SwapCompression::kLz4);
  EXPECT_EQ(good("zram:1G:zstd,prio=100").compression, SwapCompression::kZstd);
  EXPECT_EQ(good("zram:1G:zstd,prio=100").priority, 100);
}

TEST(SwapText, CompressedMemoryInFrontOfOthers) {
  const SwapRequest request = good("zswap:64M:zstd:file:/var/swap:2G,prio=3");
  EXPECT_EQ(request.kind, Kind::kZswap);
  EXPECT_EQ(request.bytes, 64 * kMiB);
  EXPECT_EQ(request.compression, SwapCompression::kZstd);
  ASSERT_EQ(request.behind.size(), 1U);
  EXPECT_EQ(request.behind[0].path, "/var/swap");
  EXPECT_EQ(request.behind[0].bytes, 2048 * kMiB);
  EXPECT_EQ(request.priority, 3);
  EXPECT_EQ(good("zswap:64M:1G").behind[0].kind, Kind::kTemporaryFile);
  EXPECT_EQ(good("zswap:64M:redis://store:7000").behind[0].redis.server.port, 7000);
}

TEST(SwapText, Redis) {
  const SwapRequest plain = good("redis://store");
  EXPECT_EQ(plain.redis.server.host, "store");
  EXPECT_EQ(plain.redis.server.port, 6379);
  EXPECT_EQ(plain.bytes, 1024 * kMiB);
  EXPECT_FALSE(plain.redis.replica.has_value());
  const SwapRequest full = good("redis://:se:cret@10.0.0.1:7000/5,size=8G,replica=10.0.0.2:7001");
  EXPECT_EQ(full.redis.password, "se:cret");
  EXPECT_EQ(full.redis.server.host, "10.0.0.1");
  EXPECT_EQ(full.redis.server.port, 7000);
  EXPECT_EQ(full.redis.database, 5);
  EXPECT_EQ(full.bytes, 8192 * kMiB);
  ASSERT_TRUE(full.redis.replica.has_value());
  EXPECT_EQ(full.redis.replica->host, "10.0.0.2");
  EXPECT_EQ(full.redis.replica->port, 7001);
}

TEST(SwapText, SlownessIsAnOption) {
  const SwapRequest request = good("1G,latency=80us,bandwidth=500M");
  EXPECT_EQ(request.speed.latency, std::chrono::microseconds(80));
  EXPECT_EQ(request.speed.bytes_per_second, 500 * kMiB);
}

TEST(SwapText, ErrorsNameThePartAndTheRemedy) {
  EXPECT_EQ(error_of("1G,prio=high"), "prio=high is no priority: give a number from -1 to 32767");
  EXPECT_EQ(error_of("zram:much"),
            "'much' is no size: a size is a number with K, M, G or T, such as 512M");
  EXPECT_EQ(error_of("zram:1G:gzip"), "zram cannot compress with 'gzip': it has lz4 and zstd");
  EXPECT_EQ(error_of("12"), "'12' is less than a page of 4K");
  EXPECT_EQ(error_of("redis://h:99999"), "'99999' is no port: give a number from 1 to 65535");
  EXPECT_EQ(error_of("redis://h,replica=:1"),
            "redis:// needs a host, as in redis://localhost:6379/0");
  EXPECT_EQ(error_of("redis://h,replica=h:x"), "'x' is no port: give a number from 1 to 65535");
  EXPECT_EQ(error_of("1G,speed=3"),
            "no option 'speed=3': there are prio=N, latency=TIME and bandwidth=SIZE");
  EXPECT_EQ(
      error_of("redis://h,sise=3"),
      "no option 'sise=3': there are prio=N, latency=TIME and bandwidth=SIZE, and for redis:// "
      "size=SIZE and replica=HOST[:PORT]");
  EXPECT_EQ(error_of("1G,latency=slow"), "latency=slow is no time: give one such as 80us or 5ms");
  EXPECT_EQ(error_of("zswap:64M"),
            "zswap needs a device behind it, as in zswap:64M:1G or zswap:64M:zstd:file:PATH:1G");
  EXPECT_EQ(error_of("zswap:64M:zram:1G"),
            "'zram:1G' behind zswap is compressed memory too: put a file or redis:// there");
  EXPECT_TRUE(error_of("disk:1G").starts_with("'disk:1G' is neither a size nor a device: give "));
  EXPECT_TRUE(error_of("").starts_with("no device is named: give SIZE, file:"));
  EXPECT_TRUE(error_of("file:").starts_with("file: needs a path"));
  EXPECT_TRUE(error_of("redis://:pw@").starts_with("redis:// needs a host"));
  EXPECT_TRUE(error_of("redis://me:pw@host").starts_with("redis:// knows no user names"));
}

class OpenSwapTest : public testing::Test {
 protected:
  OpenSwapTest() {
    std::string path = (std::filesystem::temp_directory_path() / "gonzo-swap-test-XXXXXX").string();
    directory_ = ::mkdtemp(path.data());
  }
  ~OpenSwapTest() override { std::filesystem::remove_all(directory_); }

  std::expected<std::unique_ptr<SwapDevice>, std::string> open(const std::string& text) {
    return open_swap(good(text), {.frames = *arena_, .directory = directory_, .zram_number = 2});
  }

  test::Arena arena_{256};
  std::string directory_;
};

TEST_F(OpenSwapTest, OpensWhatWasAskedFor) {
  EXPECT_EQ((*open("1M"))->slots(), 256U);
  EXPECT_EQ((*open("file:" + directory_ + "/swap:1M"))->name(), directory_ + "/swap");
  EXPECT_EQ((*open("zram:1M"))->name(), "/dev/zram2");
  EXPECT_EQ((*open("zram:1M"))->latency(), SwapLatency::kMemory);
  EXPECT_EQ((*open("zram:1M,latency=1ns"))->latency(), SwapLatency::kStorage);
  EXPECT_EQ((*open("zswap:64K:zstd:1M"))->slots(), 256U);
}

TEST_F(OpenSwapTest, SaysWhyNot) {
  EXPECT_EQ(open("file:" + directory_ + "/no/swap:1M").error(),
            "cannot use " + directory_ + "/no/swap: No such file or directory");
  EXPECT_TRUE(open("file:/dev/null:1M").error().starts_with("/dev/null is neither new nor a swap"));
  EXPECT_EQ(open("redis://127.0.0.1:1").error(),
            "no Redis server answers at 127.0.0.1:1: Connection refused");
  const std::string gone = directory_ + "/gone";
  EXPECT_EQ(open_swap(good("1M"), {.frames = *arena_, .directory = gone}).error(),
            "cannot make a swap file in " + gone + ": No such file or directory");
}

}  // namespace
}  // namespace gonzo

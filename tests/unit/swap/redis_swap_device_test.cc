// Swap in a Redis server of the test's own. Where there is none the tests are skipped.
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "unit/swap/sample_pages.h"
#include <gonzo/base/check.h>
#include <gonzo/swap/redis_swap_device.h>

namespace gonzo {
namespace {

using test::PageKind;
using test::sample_page;

constexpr const char* kServer = "/usr/bin/redis-server";

/// One that nobody listens on, a moment ago.
int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  GONZO_CHECK(::bind(socket, reinterpret_cast<sockaddr*>(&address), length) == 0);
  GONZO_CHECK(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

class Server {
 public:
  Server() = default;
  ~Server() { stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start() { start_with({}); }
  void start_as_replica_of(const Server& other) {
    start_with({"--replicaof", "127.0.0.1 " + std::to_string(other.port_)});
  }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  int port() const { return port_; }

 private:
  void start_with(const std::vector<std::string>& more) {
    std::vector<std::string> words{kServer,
                                   "--port",
                                   std::to_string(port_),
                                   "--repl-diskless-sync-delay",
                                   "0",
                                   "--bind",
                                   "127.0.0.1",
                                   "--save",
                                   "",
                                   "--appendonly",
                                   "no",
                                   "--maxmemory",
                                   "8mb",
                                   "--dir",
                                   "/tmp",
                                   "--logfile",
                                   "/dev/null"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execv(kServer, pointers.data());
      ::_exit(127);
    }
  }

  int port_ = free_port();
  pid_t pid_ = 0;
};

class RedisSwapDeviceTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kSlots = 4096;

  void SetUp() override {
    if (!std::filesystem::exists(kServer)) GTEST_SKIP() << "no " << kServer << " here";
    ::signal(SIGPIPE, SIG_IGN);
    server_.start();
    device_ = connect();
    ASSERT_NE(device_, nullptr);
  }

  RedisSwapDevice::Config config() const {
    return {.server = {.port = server_.port()}, .database = 3, .bytes = kSlots * kPageSize};
  }
  /// Waits until the server listens.
  std::unique_ptr<RedisSwapDevice> connect() {
    for (int attempt = 0; attempt < 2000; ++attempt) {
      std::string error;
      if (auto device = RedisSwapDevice::connect(config(), error)) return std::move(*device);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return nullptr;
  }
  /// Waits until it does.
  static bool follows(const Server& replica) {
    for (int attempt = 0; attempt < 4000; ++attempt) {
      redisContext* const link = redisConnect("127.0.0.1", replica.port());
      auto* const reply = link->err == 0
                              ? static_cast<redisReply*>(redisCommand(link, "INFO replication"))
                              : nullptr;
      const bool is_up = reply != nullptr &&
                         std::string_view(reply->str, reply->len).find("master_link_status:up") !=
                             std::string_view::npos;
      if (reply != nullptr) freeReplyObject(reply);
      redisFree(link);
      if (is_up) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  Result<void> write(std::uint64_t slot, const std::vector<std::vector<std::byte>>& pages) {
    std::vector<const std::byte*> from;
    for (const auto& page : pages) from.push_back(page.data());
    return device_->write(slot, from);
  }
  Result<std::vector<std::vector<std::byte>>> read(std::uint64_t slot, std::size_t count) {
    std::vector<std::vector<std::byte>> pages(count, std::vector<std::byte>(kPageSize));
    std::vector<std::byte*> to;
    for (auto& page : pages) to.push_back(page.data());
    GONZO_TRY(device_->read(slot, to));
    return pages;
  }
  static std::vector<std::vector<std::byte>> samples(std::uint64_t count, std::uint64_t seed = 0) {
    std::vector<std::vector<std::byte>> pages;
    for (std::uint64_t i = 0; i < count; ++i)
      pages.push_back(sample_page(PageKind::kRandom, seed + i));
    return pages;
  }

  Server server_;
  std::unique_ptr<RedisSwapDevice> device_;
};

TEST_F(RedisSwapDeviceTest, PagesComeBack) {
  ASSERT_TRUE(write(100, samples(300)));
  EXPECT_EQ(read(100, 300), samples(300));
  EXPECT_EQ(read(250, 1)->front(), samples(300)[150]);
  EXPECT_EQ(device_->stats().stored, 300U);
  EXPECT_EQ(device_->name(), "redis://127.0.0.1:" + std::to_string(server_.port()) + "/3");
}

TEST_F(RedisSwapDeviceTest, DiscardedSlotsCanBeUsedAnew) {
  ASSERT_TRUE(write(0, samples(10)));
  device_->discard(4);
  ASSERT_TRUE(write(4, samples(1, 77)));
  device_->discard(5);
  EXPECT_EQ(read(4, 1), samples(1, 77));
  EXPECT_EQ(read(5, 1).error(), Errno::kIo);
  EXPECT_EQ(device_->stats().stored, 9U);
}

TEST_F(RedisSwapDeviceTest, ItsKeysGoWithIt) {
  // The server has room for one round's pages only.
  const auto pages = samples(1200);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(write(0, pages));
    for (std::uint64_t i = 0; i < 300; ++i) device_->discard(i);
    device_.reset();
    device_ = connect();
  }
}

TEST_F(RedisSwapDeviceTest, AFullServerIsNoSpace) {
  Result<void> result;
  for (std::uint64_t i = 0; i < 40 && result; ++i) result = write(i * 100, samples(100, i * 100));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error(), Errno::kNoSpc);
  EXPECT_EQ(read(0, 100), samples(100));
}

TEST_F(RedisSwapDeviceTest, ARestartedServerHasLostPagesButServes) {
  ASSERT_TRUE(write(0, samples(10)));
  server_.stop();
  EXPECT_EQ(read(0, 1).error(), Errno::kIo);
  EXPECT_EQ(write(20, samples(1)).error(), Errno::kIo);
  server_.start();
  ASSERT_NE(connect(), nullptr);
  EXPECT_EQ(read(0, 1).error(), Errno::kIo);
  ASSERT_TRUE(write(30, samples(5)));
  EXPECT_EQ(read(30, 5), samples(5));
}

TEST_F(RedisSwapDeviceTest, AReplicaTakesOverWithAllPages) {
  Server replica;
  replica.start_as_replica_of(server_);
  ASSERT_TRUE(follows(replica));
  RedisSwapDevice::Config with_replica = config();
  with_replica.replica = RedisEndpoint{.port = replica.port()};
  std::string error;
  device_ = *RedisSwapDevice::connect(with_replica, error);
  ASSERT_TRUE(write(0, samples(100)));
  ASSERT_TRUE(write(100, samples(100, 100)));
  ASSERT_TRUE(write(50, samples(10, 1000)));
  server_.stop();
  EXPECT_EQ(read(0, 50), samples(50));
  EXPECT_EQ(read(50, 10), samples(10, 1000));
  EXPECT_EQ(read(100, 100), samples(100, 100));
  ASSERT_TRUE(write(300, samples(10, 7))) << "it is nobody's replica any more";
  EXPECT_EQ(read(300, 10), samples(10, 7));
  EXPECT_EQ(device_->name(), "redis://127.0.0.1:" + std::to_string(replica.port()) + "/3");
  // One that comes back is as good as empty.
  server_.start();
  EXPECT_EQ(read(300, 10), samples(10, 7));
  device_.reset();
}

TEST_F(RedisSwapDeviceTest, WithoutAServerTheErrorSaysSo) {
  server_.stop();
  std::string error;
  EXPECT_EQ(RedisSwapDevice::connect(config(), error).error(), Errno::kIo);
  EXPECT_EQ(error, "Connection refused");
}

}  // namespace
}  // namespace gonzo

// Swap in a Redis server of the test's own. Where there is none the tests are skipped.
#include <gtest/gtest.h>
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

  void start() {
    const std::string port = std::to_string(port_);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl(kServer, kServer, "--port", port.c_str(), "--bind", "127.0.0.1", "--save", "",
              "--appendonly", "no", "--maxmemory", "8mb", "--dir", "/tmp", "--logfile", "/dev/null",
              nullptr);
      ::_exit(127);
    }
  }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  int port() const { return port_; }

 private:
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
    return {.port = server_.port(), .database = 3, .bytes = kSlots * kPageSize};
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

TEST_F(RedisSwapDeviceTest, WithoutAServerTheErrorSaysSo) {
  server_.stop();
  std::string error;
  EXPECT_EQ(RedisSwapDevice::connect(config(), error).error(), Errno::kIo);
  EXPECT_EQ(error, "Connection refused");
}

}  // namespace
}  // namespace gonzo

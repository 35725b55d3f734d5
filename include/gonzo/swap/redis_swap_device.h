// Swap in a Redis server, here or elsewhere.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gonzo/base/lock.h>
#include <gonzo/swap/swap_device.h>
#include <gonzo/swap/transfer_counts.h>

struct redisContext;

namespace gonzo {

/// Where a server listens.
struct RedisEndpoint {
  std::string host = "127.0.0.1";
  int port = 6379;
};

/// A page is a value, its key a prefix of this device's alone and the slot's number. Calls go over
/// one connection, one after the other, each with all of its pages in one round trip; a connection
/// that broke is made anew, once a call. The keys go with the device (not if its process is
/// killed). The process ignores SIGPIPE.
///
/// A replica, which follows the server by its own configuration (Redis: replicaof), has each page
/// before a write returns (WAIT). When the server does not answer, the replica becomes a server of
/// its own (REPLICAOF NO ONE), and stays the one that is used.
class RedisSwapDevice final : public SwapDevice {
 public:
  struct Config {
    RedisEndpoint server;
    std::optional<RedisEndpoint> replica;
    int database = 0;
    std::string password;     ///< empty: none; the replica's, too
    std::uint64_t bytes = 0;  ///< of pages
    /// For the server to answer, and to accept; then it is taken for dead.
    unsigned timeout_milliseconds = 5000;
  };
  /// EINVAL: no whole page; ENOMEM; EIO: no server answers there, or it refuses: `last_error`.
  static Result<std::unique_ptr<RedisSwapDevice>> connect(const Config& config,
                                                          std::string& last_error);
  ~RedisSwapDevice() override;
  RedisSwapDevice(const RedisSwapDevice&) = delete;
  RedisSwapDevice& operator=(const RedisSwapDevice&) = delete;

  /// "redis://host:port/database", of the one that is used.
  std::string name() const override GONZO_EXCLUDES(lock_);
  std::string_view kind() const override { return "redis"; }
  std::uint64_t slots() const override { return slots_; }
  /// EIO: no connection; ENOSPC: the server's memory is full (maxmemory).
  Result<void> write(std::uint64_t first_slot, std::span<const std::byte* const> pages) override
      GONZO_EXCLUDES(lock_);
  /// EIO: no connection, or the server has lost a page.
  Result<void> read(std::uint64_t first_slot, std::span<std::byte* const> pages) override
      GONZO_EXCLUDES(lock_);
  /// Some are collected before the server hears of them.
  void discard(std::uint64_t slot) override GONZO_EXCLUDES(lock_);
  SwapDeviceStats stats() const override;

 private:
  struct ContextDeleter {
    void operator()(redisContext* context) const;
  };
  using Context = std::unique_ptr<redisContext, ContextDeleter>;
  /// Discards that are sent together.
  static constexpr std::size_t kDiscards = 256;

  RedisSwapDevice(const Config& config, std::string prefix);
  /// To the one that is used, or else to the replica.
  bool open(std::string& last_error) GONZO_REQUIRES(lock_);
  bool open(const RedisEndpoint& endpoint, std::string& last_error) GONZO_REQUIRES(lock_);
  const RedisEndpoint& endpoint() const GONZO_REQUIRES(lock_) {
    return is_promoted_ ? *config_.replica : config_.server;
  }
  bool has_replica() const GONZO_REQUIRES(lock_) { return config_.replica && !is_promoted_; }
  bool wait_for_replica() GONZO_REQUIRES(lock_);
  bool send_discards() GONZO_REQUIRES(lock_);
  /// `exchange` once, and once more over a new connection if the first is broken.
  template <typename Exchange>
  Result<void> with_connection(Exchange exchange) GONZO_REQUIRES(lock_);
  Result<void> set(std::uint64_t first_slot, std::span<const std::byte* const> pages)
      GONZO_REQUIRES(lock_);
  Result<void> get(std::uint64_t first_slot, std::span<std::byte* const> pages)
      GONZO_REQUIRES(lock_);
  std::string key(std::uint64_t slot) const;
  void delete_all() GONZO_REQUIRES(lock_);

  const Config config_;
  const std::string prefix_;
  const std::uint64_t slots_;
  mutable Mutex lock_;
  Context context_ GONZO_GUARDED_BY(lock_);           ///< null: broken
  bool is_promoted_ GONZO_GUARDED_BY(lock_) = false;  ///< the replica is the server now
  bool replica_lags_ GONZO_GUARDED_BY(lock_) = false;
  std::vector<std::uint64_t> discards_ GONZO_GUARDED_BY(lock_);
  std::vector<bool> stored_ GONZO_GUARDED_BY(lock_);  ///< slots that have a key
  std::atomic<std::uint64_t> stored_count_{0};
  TransferCounts counts_;
};

}  // namespace gonzo

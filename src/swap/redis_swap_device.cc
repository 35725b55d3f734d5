#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>
#include <utility>

#include <gonzo/swap/redis_swap_device.h>

namespace gonzo {
namespace {

struct ReplyDeleter {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, ReplyDeleter>;

std::string_view text(const redisReply& reply) { return {reply.str, reply.len}; }

/// Null: the connection is broken.
Reply next_reply(redisContext& context) {
  void* reply = nullptr;
  if (redisGetReply(&context, &reply) != REDIS_OK) return nullptr;
  return Reply(static_cast<redisReply*>(reply));
}

template <std::size_t N>
bool append(redisContext& context, const std::array<std::string_view, N>& words) {
  std::array<const char*, N> starts;
  std::array<std::size_t, N> lengths;
  for (std::size_t i = 0; i < N; ++i) {
    starts[i] = words[i].data();
    lengths[i] = words[i].size();
  }
  return redisAppendCommandArgv(&context, static_cast<int>(N), starts.data(), lengths.data()) ==
         REDIS_OK;
}

std::string error_of(const redisContext& context, const redisReply* reply) {
  if (reply != nullptr && reply->type == REDIS_REPLY_ERROR) return std::string(text(*reply));
  return context.errstr;
}

/// Commands of opening; the server must agree to them.
template <std::size_t N>
bool command(redisContext& context, const std::array<std::string_view, N>& words,
             std::string& last_error) {
  Reply reply;
  if (append(context, words)) reply = next_reply(context);
  if (reply != nullptr && reply->type != REDIS_REPLY_ERROR) return true;
  last_error = error_of(context, reply.get());
  return false;
}

/// What a SET's failure means to swap.
Errno meaning(const redisReply& reply) {
  return text(reply).starts_with("OOM") ? Errno::kNoSpc : Errno::kIo;
}

}  // namespace

void RedisSwapDevice::ContextDeleter::operator()(redisContext* context) const {
  redisFree(context);
}

Result<std::unique_ptr<RedisSwapDevice>> RedisSwapDevice::connect(const Config& config,
                                                                  std::string& last_error) {
  if (config.bytes < kPageSize) return fail(Errno::kInval);
  std::uint64_t unique = 0;
  if (::getrandom(&unique, sizeof unique, 0) != sizeof unique) return fail_from_host();
  std::unique_ptr<RedisSwapDevice> device(
      new RedisSwapDevice(config, fmt::format("gonzo:{:016x}:", unique)));
  LockGuard lock(device->lock_);
  if (!device->open(last_error)) return fail(Errno::kIo);
  return device;
}

RedisSwapDevice::RedisSwapDevice(const Config& config, std::string prefix)
    : config_(config), prefix_(std::move(prefix)), slots_(config.bytes / kPageSize) {
  LockGuard lock(lock_);
  discards_.reserve(kDiscards);
  stored_.resize(slots_);
}

RedisSwapDevice::~RedisSwapDevice() {
  LockGuard lock(lock_);
  delete_all();
}

std::string RedisSwapDevice::name() const {
  const LockGuard lock(lock_);
  const RedisEndpoint& used = endpoint();
  return fmt::format("redis://{}:{}/{}", used.host, used.port, config_.database);
}

std::string RedisSwapDevice::key(std::uint64_t slot) const {
  return fmt::format("{}{}", prefix_, slot);
}

bool RedisSwapDevice::open(std::string& last_error) {
  if (open(endpoint(), last_error)) return true;
  std::string ignored;
  if (!has_replica() || !open(*config_.replica, ignored)) return false;
  if (!command<3>(*context_, {"REPLICAOF", "NO", "ONE"}, last_error)) {
    context_ = nullptr;
    return false;
  }
  is_promoted_ = true;
  return true;
}

bool RedisSwapDevice::open(const RedisEndpoint& endpoint, std::string& last_error) {
  constexpr unsigned kPerSecond = 1000;
  const long rest = config_.timeout_milliseconds % kPerSecond;
  const timeval timeout{.tv_sec = config_.timeout_milliseconds / kPerSecond,
                        .tv_usec = rest * 1000};
  Context made(redisConnectWithTimeout(endpoint.host.c_str(), endpoint.port, timeout));
  if (made == nullptr || made->err != 0) {
    last_error = made == nullptr ? "no memory" : made->errstr;
    return false;
  }
  redisSetTimeout(made.get(), timeout);
  if (!config_.password.empty() && !command<2>(*made, {"AUTH", config_.password}, last_error))
    return false;
  if (!command<2>(*made, {"SELECT", fmt::format("{}", config_.database)}, last_error)) return false;
  context_ = std::move(made);
  return true;
}

template <typename Exchange>
Result<void> RedisSwapDevice::with_connection(Exchange exchange) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::string last_error;
    if (context_ == nullptr && !open(last_error)) break;
    if (send_discards()) {
      const Result<void> result = exchange();
      if (context_->err == 0) return result;
    }
    context_ = nullptr;
  }
  return fail(Errno::kIo);
}

/// In front of whatever the call says: a slot may be stored anew by it.
bool RedisSwapDevice::send_discards() {
  std::size_t sent = 0;
  while (sent < discards_.size() && append<2>(*context_, {"DEL", key(discards_[sent])})) ++sent;
  for (std::size_t i = 0; i < sent; ++i) {
    if (next_reply(*context_) == nullptr) return false;
  }
  if (sent != discards_.size()) return false;
  discards_.clear();
  return true;
}

/// False: the connection is broken. While it lags, or is away, the pages are the server's alone;
/// then a look must do.
bool RedisSwapDevice::wait_for_replica() {
  if (!has_replica()) return true;
  const unsigned limit = replica_lags_ ? 1 : config_.timeout_milliseconds / 2;
  if (!append<3>(*context_, {"WAIT", "1", fmt::format("{}", limit)})) return false;
  const Reply reply = next_reply(*context_);
  if (reply == nullptr) return false;
  replica_lags_ = reply->type != REDIS_REPLY_INTEGER || reply->integer < 1;
  return true;
}

Result<void> RedisSwapDevice::set(std::uint64_t first_slot,
                                  std::span<const std::byte* const> pages) {
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const std::string_view value(reinterpret_cast<const char*>(pages[i]), kPageSize);
    if (!append<3>(*context_, {"SET", key(first_slot + i), value})) return fail(Errno::kIo);
  }
  Result<void> result;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const Reply reply = next_reply(*context_);
    if (reply == nullptr) return fail(Errno::kIo);
    if (reply->type == REDIS_REPLY_ERROR) {
      result = fail(meaning(*reply));
    } else if (!stored_[first_slot + i]) {
      stored_[first_slot + i] = true;
      stored_count_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  if (!wait_for_replica()) return fail(Errno::kIo);
  return result;
}

Result<void> RedisSwapDevice::get(std::uint64_t first_slot, std::span<std::byte* const> pages) {
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (!append<2>(*context_, {"GET", key(first_slot + i)})) return fail(Errno::kIo);
  }
  Result<void> result;
  for (std::byte* const page : pages) {
    const Reply reply = next_reply(*context_);
    if (reply == nullptr) return fail(Errno::kIo);
    if (reply->type == REDIS_REPLY_STRING && reply->len == kPageSize) {
      std::memcpy(page, reply->str, kPageSize);
    } else {
      result = fail(Errno::kIo);
    }
  }
  return result;
}

Result<void> RedisSwapDevice::write(std::uint64_t first_slot,
                                    std::span<const std::byte* const> pages) {
  LockGuard lock(lock_);
  const auto result =
      with_connection([&]() GONZO_REQUIRES(lock_) { return set(first_slot, pages); });
  counts_.count_write(pages.size(), result);
  return result;
}

Result<void> RedisSwapDevice::read(std::uint64_t first_slot, std::span<std::byte* const> pages) {
  LockGuard lock(lock_);
  const auto result =
      with_connection([&]() GONZO_REQUIRES(lock_) { return get(first_slot, pages); });
  counts_.count_read(pages.size(), result);
  return result;
}

void RedisSwapDevice::discard(std::uint64_t slot) {
  LockGuard lock(lock_);
  if (!stored_[slot]) return;
  stored_[slot] = false;
  stored_count_.fetch_sub(1, std::memory_order_relaxed);
  discards_.push_back(slot);
  if (discards_.size() < kDiscards) return;
  std::ignore = with_connection([] { return Result<void>(); });
  // Without a connection they are the server's to keep.
  discards_.clear();
}

void RedisSwapDevice::delete_all() {
  for (std::uint64_t slot = 0; slot < slots_; ++slot) {
    if (!stored_[slot]) continue;
    discards_.push_back(slot);
    if (discards_.size() < kDiscards) continue;
    if (!with_connection([] { return Result<void>(); })) return;
  }
  std::ignore = with_connection([] { return Result<void>(); });
}

SwapDeviceStats RedisSwapDevice::stats() const {
  SwapDeviceStats stats{.stored = stored_count_.load(std::memory_order_relaxed)};
  counts_.report(stats);
  return stats;
}

}  // namespace gonzo

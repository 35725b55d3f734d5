#include "kernel/futex.h"

#include <linux/futex.h>

#include <utility>

#include "kernel/host_futex.h"
#include "kernel/two_buckets.h"

namespace gonzo {
namespace {

constexpr std::size_t kWordBytes = sizeof(std::uint32_t);

/// The comparison of FUTEX_WAKE_OP: the old value with a signed argument.
Result<bool> compare(std::uint32_t kind, std::int32_t old, std::int32_t argument) {
  switch (kind) {
    case FUTEX_OP_CMP_EQ:
      return old == argument;
    case FUTEX_OP_CMP_NE:
      return old != argument;
    case FUTEX_OP_CMP_LT:
      return old < argument;
    case FUTEX_OP_CMP_GE:
      return old >= argument;
    case FUTEX_OP_CMP_LE:
      return old <= argument;
    case FUTEX_OP_CMP_GT:
      return old > argument;
    default:
      return fail(Errno::kNoSys);
  }
}

Result<std::uint32_t> apply(std::uint32_t kind, std::atomic_ref<std::uint32_t> word,
                            std::uint32_t argument) {
  switch (kind) {
    case FUTEX_OP_SET:
      return word.exchange(argument);
    case FUTEX_OP_ADD:
      return word.fetch_add(argument);
    case FUTEX_OP_OR:
      return word.fetch_or(argument);
    case FUTEX_OP_ANDN:
      return word.fetch_and(~argument);
    case FUTEX_OP_XOR:
      return word.fetch_xor(argument);
    default:
      return fail(Errno::kNoSys);
  }
}

/// futex(2): op, cmp, oparg and cmparg in one word.
struct WakeOperation {
  explicit WakeOperation(std::uint32_t encoded)
      : operation(encoded >> 28 & 7),
        comparison(encoded >> 24 & 15),
        argument(signed_field(encoded >> 12)),
        compared(signed_field(encoded)) {
    constexpr std::uint32_t kShiftsArgument = FUTEX_OP_OPARG_SHIFT;
    if ((encoded >> 28 & kShiftsArgument) != 0) argument = 1U << (argument & 31);
  }
  static std::int32_t signed_field(std::uint32_t bits) {
    constexpr unsigned kUnused = 20;
    return static_cast<std::int32_t>(bits << kUnused) >> kUnused;
  }

  std::uint32_t operation, comparison;
  std::int64_t argument;
  std::int32_t compared;
};

}  // namespace

/// Linux: get_futex_key. A private word need not be mapped.
Result<FutexKey> FutexTable::key_of(const FutexWord& word) {
  if (word.address.value % kWordBytes != 0) return fail(Errno::kInval);
  const VirtAddr end = word.memory.page_table().user_end();
  if (word.address >= end || end - word.address < kWordBytes) return fail(Errno::kFault);
  FutexKey key{.memory = &word.memory, .offset = word.address.value, .scope = word.scope};
  if (word.scope == FutexScope::kPrivate) return key;
  // The page must be there, and a file's must not be past the end.
  GONZO_TRY(word.memory.load<std::uint32_t>(word.address));
  GONZO_ASSIGN(const auto area, word.memory.area_at(word.address));
  if (area.attributes.special_name != nullptr) return fail(Errno::kFault);
  const bool shared = (area.attributes.flags & vm_flags::kShared) != 0;
  if (!shared || !area.attributes.object) return key;
  key.object = area.attributes.object;
  key.memory = nullptr;
  key.offset = (area.attributes.page_offset << kPageShift) + (word.address - area.range.start);
  return key;
}

FutexTable::Bucket& FutexTable::bucket_of(const FutexKey& key) {
  const auto owner = key.object ? reinterpret_cast<std::uintptr_t>(key.object.get())
                                : reinterpret_cast<std::uintptr_t>(key.memory);
  const std::uint64_t mixed = (owner ^ key.offset >> 2) * 0x9e3779b97f4a7c15ULL;
  constexpr unsigned kTopBits = 6;
  static_assert(kBuckets == std::size_t{1} << kTopBits);
  return buckets_.at(mixed >> (64 - kTopBits));
}

/// The last look at `waiter`: its thread may leave at once, so the host may be asked to wake a word
/// that is gone, which it bears.
void FutexTable::release(Waiter& waiter) {
  std::atomic<std::uint32_t>& woken = waiter.woken;
  waiter.bucket.store(nullptr, std::memory_order_relaxed);
  woken.store(1, std::memory_order_release);
  wake_all(&woken);
}

/// EINVAL: one waits for a lock, which is not woken so; those before it are awake.
Result<unsigned> FutexTable::wake_in(Bucket& bucket, const FutexKey& key, unsigned count,
                                     std::uint32_t bitset) {
  unsigned woken = 0;
  for (auto at = bucket.waiters.begin(); at != bucket.waiters.end() && woken < count;) {
    Waiter& waiter = *at;
    if (waiter.key != key) {
      ++at;
      continue;
    }
    if (waiter.waits != Waits::kForWake) return fail(Errno::kInval);
    if ((waiter.bitset & bitset) == 0) {
      ++at;
      continue;
    }
    at = bucket.waiters.erase(at);
    release(waiter);
    ++woken;
  }
  return woken;
}

/// False: somebody woke it already. It may be moved to another bucket meanwhile.
bool FutexTable::dequeue(Waiter& waiter) {
  while (Bucket* bucket = waiter.bucket.load(std::memory_order_acquire)) {
    LockGuard guard(bucket->lock);
    if (waiter.bucket.load(std::memory_order_relaxed) != bucket) continue;
    bucket->waiters.erase(bucket->waiters.iterator_to(waiter));
    if (waiter.waits == Waits::kForLock) wait_graph_.remove(waiter.number);
    return true;
  }
  // Who woke it may still be about to say so.
  while (waiter.woken.load(std::memory_order_acquire) == 0) __builtin_ia32_pause();
  return false;
}

std::int64_t FutexTable::wait(const FutexWord& word, std::uint32_t expected, std::uint32_t bitset,
                              Sleep sleep) {
  if (bitset == 0) return -EINVAL;
  auto key = key_of(word);
  if (!key) return -static_cast<std::int64_t>(key.error());
  Waiter waiter;
  waiter.key = std::move(*key);
  waiter.bitset = bitset;
  {
    Bucket& bucket = bucket_of(waiter.key);
    LockGuard guard(bucket.lock);
    const auto value = word.memory.load<std::uint32_t>(word.address);
    if (!value) return -static_cast<std::int64_t>(value.error());
    if (*value != expected) return -EAGAIN;
    enqueue(bucket, waiter);
  }
  return sleep_until_woken(waiter, sleep);
}

void FutexTable::enqueue(Bucket& bucket, Waiter& waiter) {
  waiter.bucket.store(&bucket, std::memory_order_relaxed);
  bucket.waiters.push_back(waiter);
}

/// A wake-up that was counted is not lost to a signal or a timeout.
std::int64_t FutexTable::sleep_until_woken(Waiter& waiter, Sleep sleep) {
  std::int64_t ended = 0;
  while (waiter.woken.load(std::memory_order_acquire) == 0 && ended == 0) {
    ended = sleep(waiter.woken);
  }
  return dequeue(waiter) ? ended : waiter.result;
}

void FutexTable::move(Waiter& waiter, Bucket& from, Bucket& to, const FutexKey& key) {
  from.waiters.erase(from.waiters.iterator_to(waiter));
  waiter.key = key;
  waiter.bucket.store(&to, std::memory_order_release);
  to.waiters.push_back(waiter);
}

Result<unsigned> FutexTable::wake(const FutexWord& word, unsigned count, std::uint32_t bitset) {
  if (bitset == 0) return fail(Errno::kInval);
  GONZO_ASSIGN(const FutexKey key, key_of(word));
  Bucket& bucket = bucket_of(key);
  LockGuard guard(bucket.lock);
  return wake_in(bucket, key, count, bitset);
}

Result<unsigned> FutexTable::requeue(const FutexWord& from, const FutexWord& to,
                                     const Requeue& how) {
  GONZO_ASSIGN(const FutexKey key, key_of(from));
  GONZO_ASSIGN(const FutexKey target, key_of(to));
  Bucket &source = bucket_of(key), &destination = bucket_of(target);
  const TwoBuckets guard(source, destination);
  if (how.expected) {
    GONZO_ASSIGN(const auto value, from.memory.load<std::uint32_t>(from.address));
    if (value != *how.expected) return fail(Errno::kAgain);
  }
  GONZO_ASSIGN(const unsigned woken, wake_in(source, key, how.wake, ~0U));
  unsigned moved = 0;
  for (auto at = source.waiters.begin(); at != source.waiters.end() && moved < how.move;) {
    Waiter& waiter = *at++;
    if (waiter.key != key) continue;
    if (waiter.waits != Waits::kForWake) return fail(Errno::kInval);
    ++moved;
    if (key != target) move(waiter, source, destination, target);
  }
  return woken + moved;
}

Result<unsigned> FutexTable::wake_op(const FutexWord& first, const FutexWord& second,
                                     unsigned wake_first, unsigned wake_second,
                                     std::uint32_t encoded) {
  const WakeOperation operation(encoded);
  GONZO_ASSIGN(const FutexKey key, key_of(first));
  GONZO_ASSIGN(const FutexKey other, key_of(second));
  std::array<AddressSpace::Piece, 1> piece;
  GONZO_TRY(second.memory.pin(second.address, kWordBytes, Access::kWrite, piece));
  Bucket &bucket = bucket_of(key), &other_bucket = bucket_of(other);
  const TwoBuckets guard(bucket, other_bucket);
  const auto old =
      apply(operation.operation, std::atomic_ref(*reinterpret_cast<std::uint32_t*>(piece[0].data)),
            static_cast<std::uint32_t>(operation.argument));
  second.memory.unpin(piece);
  if (!old) return fail(old.error());
  GONZO_ASSIGN(const bool holds,
               compare(operation.comparison, static_cast<std::int32_t>(*old), operation.compared));
  GONZO_ASSIGN(const unsigned woken, wake_in(bucket, key, wake_first, ~0U));
  if (!holds) return woken;
  GONZO_ASSIGN(const unsigned more, wake_in(other_bucket, other, wake_second, ~0U));
  return woken + more;
}

}  // namespace gonzo

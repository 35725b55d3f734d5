// Waiting for a word of guest memory to change. Linux: kernel/futex/.
#pragma once

#include <array>
#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <gonzo/base/function_ref.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// FUTEX_PRIVATE_FLAG or not: who else may know the word.
enum class FutexScope : std::uint8_t {
  kPrivate,  ///< threads of one address space
  kShared,   ///< whoever maps the same page of the same object
};

/// A guest's word: where, and who may know it.
struct FutexWord {
  AddressSpace& memory;
  VirtAddr address;
  FutexScope scope = FutexScope::kPrivate;
};

/// What makes two words one. Linux: union futex_key.
struct FutexKey {
  ObjectRef object;  ///< kept alive by who waits for it; null: `memory` and an address
  const AddressSpace* memory = nullptr;
  std::uint64_t offset = 0;
  FutexScope scope = FutexScope::kPrivate;

  bool operator==(const FutexKey&) const = default;
};

/// Thread-safe. A bucket's lock comes before an address space's.
class FutexTable {
 public:
  /// Blocks its thread while the word is 0, at most until something else ends it: 0 for a wake-up,
  /// even a spurious one, else -errno (a timeout, a signal), which becomes the wait's result.
  using Sleep = FunctionRef<std::int64_t(std::atomic<std::uint32_t>&)>;

  /// FUTEX_WAIT_BITSET. 0 when woken; EAGAIN: the word is not `expected`; EFAULT, EINVAL
  /// (unaligned, or no bit in `bitset`); or what `sleep` said.
  std::int64_t wait(const FutexWord& word, std::uint32_t expected, std::uint32_t bitset,
                    Sleep sleep);
  /// FUTEX_WAKE_BITSET: how many of those that wait with one of these bits were woken, at most
  /// `count`, which is at least 1 (Linux wakes one even if asked for none). EFAULT, EINVAL.
  Result<unsigned> wake(const FutexWord& word, unsigned count, std::uint32_t bitset = ~0U);
  /// FUTEX_REQUEUE, and FUTEX_CMP_REQUEUE with `expected`: wakes some that wait for `from`, and
  /// lets others wait for `to` instead. How many were woken or moved. EAGAIN: the word is not
  /// `expected`; EFAULT, EINVAL.
  struct Requeue {
    unsigned wake = 0, move = 0;
    std::optional<std::uint32_t> expected;
  };
  Result<unsigned> requeue(const FutexWord& from, const FutexWord& to,
                           const Requeue& how) GONZO_NO_THREAD_SAFETY_ANALYSIS;
  /// FUTEX_WAKE_OP: changes the second word as `operation` says (futex(2)), wakes some of the first
  /// and, if the old value compares, some of the second. ENOSYS: no such operation, which for the
  /// comparison is found out after the change, as on Linux; EFAULT, EINVAL.
  Result<unsigned> wake_op(const FutexWord& first, const FutexWord& second, unsigned wake_first,
                           unsigned wake_second,
                           std::uint32_t operation) GONZO_NO_THREAD_SAFETY_ANALYSIS;

 private:
  struct Bucket;
  struct Waiter : boost::intrusive::list_base_hook<> {
    FutexKey key;
    std::uint32_t bitset = ~0U;
    std::atomic<Bucket*> bucket{nullptr};  ///< null once it was woken
    std::atomic<std::uint32_t> woken{0};
  };
  struct alignas(64) Bucket {
    Mutex lock;
    boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>> waiters
        GONZO_GUARDED_BY(lock);
  };
  class TwoBuckets;

  static constexpr std::size_t kBuckets = 64;

  static Result<FutexKey> key_of(const FutexWord& word);
  Bucket& bucket_of(const FutexKey& key);
  static unsigned wake_in(Bucket& bucket, const FutexKey& key, unsigned count, std::uint32_t bitset)
      GONZO_REQUIRES(bucket.lock);
  static void release(Waiter& waiter);
  static bool dequeue(Waiter& waiter);

  std::array<Bucket, kBuckets> buckets_;
};

}  // namespace gonzo

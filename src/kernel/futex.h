// Waiting for a word of guest memory to change. Linux: kernel/futex/.
#pragma once

#include <array>
#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
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

/// Who takes a lock that says whose it is.
struct FutexOwner {
  using IsAlive = FunctionRef<bool(std::uint32_t)>;

  std::uint32_t number;  ///< its thread's
  /// Is there a thread of that number that has not come to release_locks() yet? Asked with a
  /// bucket's lock held.
  IsAlive is_alive;
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

  // Locks that hold their owner's number (kernel/futex_locks.cc; Linux: kernel/futex/pi.c). There
  // are no priorities to inherit: who waits longest is next.
  /// FUTEX_LOCK_PI. 0: it is `self`'s. EDEADLK: it was already, or those who hold each other's
  /// locks would form a circle. ESRCH: its owner is no more. EINVAL: the word is not what the
  /// waiters made it; unaligned. EFAULT: not writable; or what `sleep` said.
  std::int64_t lock(const FutexWord& word, const FutexOwner& self, Sleep sleep);
  /// FUTEX_TRYLOCK_PI. The same errors. EAGAIN: somebody holds it.
  std::int64_t try_lock(const FutexWord& word, const FutexOwner& self);
  /// FUTEX_UNLOCK_PI: to who has waited longest. EPERM: it is not `number`'s. EFAULT; EINVAL.
  Result<void> unlock(const FutexWord& word, std::uint32_t number);
  /// FUTEX_WAIT_REQUEUE_PI: waits for `word` until moved to the lock `target`, then for that. 0: it
  /// is `self`'s. EAGAIN: `word` is not `expected`; a signal came after the move. EINVAL: the same
  /// word twice. EFAULT; or what `sleep` said.
  std::int64_t wait_for_lock(const FutexWord& word, std::uint32_t expected, const FutexWord& target,
                             const FutexOwner& self, Sleep sleep);
  /// FUTEX_CMP_REQUEUE_PI: who waits for `from` by wait_for_lock() gets the lock `to`, or waits for
  /// it: one, and `move` more. How many. EAGAIN: `from` is not `expected`. EINVAL: others wait
  /// there, or for another lock; the same word twice. EDEADLK, ESRCH, EFAULT.
  Result<unsigned> requeue_to_lock(const FutexWord& from, const FutexWord& to, unsigned move,
                                   std::uint32_t expected,
                                   FutexOwner::IsAlive is_alive) GONZO_NO_THREAD_SAFETY_ANALYSIS;
  /// A thread ends: what others wait for goes to them, with FUTEX_OWNER_DIED (Linux:
  /// exit_pi_state_list). Before this, it is said not to be alive any more.
  void release_locks(std::uint32_t number);

 private:
  struct Bucket;
  enum class Waits : std::uint8_t {
    kForWake,
    kForMove,  ///< to a lock
    kForLock,
  };
  struct Waiter : boost::intrusive::list_base_hook<> {
    FutexKey key;
    std::uint32_t bitset = ~0U;
    Waits waits = Waits::kForWake;
    std::uint32_t number = 0;              ///< the thread's, if it waits for a lock or a move
    std::uint32_t owner = 0;               ///< kForLock: who holds it
    const FutexWord* lock_word = nullptr;  ///< where it sees the lock
    std::optional<FutexKey> target;        ///< kForMove: the lock's
    std::int64_t result = 0;               ///< of being woken
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

  /// What trying to take a lock came to.
  struct Attempt {
    bool taken;
    std::uint32_t owner;  ///< whose it is
  };
  enum class Waiters : bool { kNone, kToCome };
  /// Who waits for whom, over all locks.
  class WaitGraph {
   public:
    /// False: `owner` waits for `waiter`, or for one who does.
    bool add(std::uint32_t waiter, std::uint32_t owner) GONZO_EXCLUDES(lock_);
    void change(std::uint32_t waiter, std::uint32_t owner) GONZO_EXCLUDES(lock_);
    void remove(std::uint32_t waiter) GONZO_EXCLUDES(lock_);

   private:
    Mutex lock_;
    std::map<std::uint32_t, std::uint32_t> owners_ GONZO_GUARDED_BY(lock_);
  };

  static Result<FutexKey> key_of(const FutexWord& word);
  Bucket& bucket_of(const FutexKey& key);
  static Result<unsigned> wake_in(Bucket& bucket, const FutexKey& key, unsigned count,
                                  std::uint32_t bitset) GONZO_REQUIRES(bucket.lock);
  static void release(Waiter& waiter);
  bool dequeue(Waiter& waiter);
  std::int64_t sleep_until_woken(Waiter& waiter, Sleep sleep);
  static void enqueue(Bucket& bucket, Waiter& waiter) GONZO_REQUIRES(bucket.lock);
  static void move(Waiter& waiter, Bucket& from, Bucket& to, const FutexKey& key)
      GONZO_REQUIRES(from.lock, to.lock);
  static Waiter* first_waiter(Bucket& bucket, const FutexKey& key) GONZO_REQUIRES(bucket.lock);
  Result<Attempt> attempt(const FutexWord& word, Bucket& bucket, const FutexKey& key,
                          const FutexOwner& self, Waiters waiters) GONZO_REQUIRES(bucket.lock);
  Result<void> hand_over(Bucket& bucket, Waiter& next, const FutexWord& word,
                         std::uint32_t expected, std::uint32_t bits) GONZO_REQUIRES(bucket.lock);
  void give_up_owned(Bucket& bucket, std::uint32_t number) GONZO_EXCLUDES(bucket.lock);
  Result<unsigned> move_to_lock(Bucket& source, Bucket& destination, const FutexKey& key,
                                const FutexKey& target, std::uint32_t owner, unsigned most)
      GONZO_REQUIRES(source.lock, destination.lock);

  std::array<Bucket, kBuckets> buckets_;
  WaitGraph wait_graph_;
  std::atomic<bool> locks_are_waited_for_{false};  ///< or were
};

}  // namespace gonzo

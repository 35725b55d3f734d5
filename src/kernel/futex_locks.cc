// Futexes whose word holds their owner's number. Linux: kernel/futex/pi.c, requeue.c; but that the
// owner's change, which Linux leaves to whoever gets the lock, is done by who gives it up.
#include <linux/futex.h>

#include "kernel/futex.h"
#include "kernel/two_buckets.h"
#include "kernel/user_word.h"

namespace gonzo {
namespace {

constexpr std::int64_t raw(Errno error) { return -static_cast<std::int64_t>(error); }

}  // namespace

bool FutexTable::WaitGraph::add(std::uint32_t waiter, std::uint32_t owner) {
  const LockGuard guard(lock_);
  for (auto at = owners_.find(owner); at != owners_.end(); at = owners_.find(at->second)) {
    if (at->second == waiter) return false;
  }
  owners_[waiter] = owner;
  return true;
}

void FutexTable::WaitGraph::change(std::uint32_t waiter, std::uint32_t owner) {
  const LockGuard guard(lock_);
  owners_[waiter] = owner;
}

void FutexTable::WaitGraph::remove(std::uint32_t waiter) {
  const LockGuard guard(lock_);
  owners_.erase(waiter);
}

FutexTable::Waiter* FutexTable::first_waiter(Bucket& bucket, const FutexKey& key) {
  for (Waiter& waiter : bucket.waiters) {
    if (waiter.key == key) return &waiter;
  }
  return nullptr;
}

/// Linux: futex_lock_pi_atomic. The owner learns from FUTEX_WAITERS that it must make the call to
/// unlock.
Result<FutexTable::Attempt> FutexTable::attempt(const FutexWord& word, Bucket& bucket,
                                                const FutexKey& key, const FutexOwner& self,
                                                Waiters waiters) {
  for (;;) {
    GONZO_ASSIGN(const auto value, word.memory.load<std::uint32_t>(word.address));
    const std::uint32_t owner = value & FUTEX_TID_MASK;
    if (owner == self.number) return fail(Errno::kDeadlk);
    if (const Waiter* first = first_waiter(bucket, key)) {
      // A dying owner has taken its number away, and hands the lock over in a moment.
      const bool dying = owner == 0 && (value & FUTEX_OWNER_DIED) != 0;
      const bool agrees = first->waits == Waits::kForLock && (owner == first->owner || dying);
      if (!agrees) return fail(Errno::kInval);
      return Attempt{.taken = false, .owner = first->owner};
    }
    std::uint32_t wanted = value | FUTEX_WAITERS;
    if (owner != 0) {
      // Before the look at the owner, who looks at this once it is not alive any more.
      locks_are_waited_for_ = true;
    } else {
      wanted = (value & FUTEX_OWNER_DIED) | self.number;
      if (waiters == Waiters::kToCome) wanted |= FUTEX_WAITERS;
    }
    GONZO_ASSIGN(const bool done, compare_exchange_user(word.memory, word.address, value, wanted));
    if (!done) continue;
    if (owner == 0) return Attempt{.taken = true, .owner = self.number};
    if (!self.is_alive(owner)) {
      // It may just have ended and said so in the word.
      GONZO_ASSIGN(const auto now, word.memory.load<std::uint32_t>(word.address));
      if (now != wanted) continue;
      return fail(Errno::kSrch);
    }
    return Attempt{.taken = false, .owner = owner};
  }
}

std::int64_t FutexTable::lock(const FutexWord& word, const FutexOwner& self, Sleep sleep) {
  auto key = key_of(word);
  if (!key) return raw(key.error());
  Waiter waiter;
  waiter.key = std::move(*key);
  waiter.waits = Waits::kForLock;
  waiter.number = self.number;
  waiter.lock_word = &word;
  {
    Bucket& bucket = bucket_of(waiter.key);
    const LockGuard guard(bucket.lock);
    const auto tried = attempt(word, bucket, waiter.key, self, Waiters::kNone);
    if (!tried) return raw(tried.error());
    if (tried->taken) return 0;
    if (!wait_graph_.add(self.number, tried->owner)) return raw(Errno::kDeadlk);
    waiter.owner = tried->owner;
    enqueue(bucket, waiter);
  }
  return sleep_until_woken(waiter, sleep);
}

std::int64_t FutexTable::try_lock(const FutexWord& word, const FutexOwner& self) {
  const auto key = key_of(word);
  if (!key) return raw(key.error());
  Bucket& bucket = bucket_of(*key);
  const LockGuard guard(bucket.lock);
  const auto tried = attempt(word, bucket, *key, self, Waiters::kNone);
  if (!tried) return raw(tried.error());
  return tried->taken ? 0 : raw(Errno::kAgain);
}

/// The lock becomes that of `next`, which waits for it in the bucket. EAGAIN: the word, as `word`
/// sees it, is not `expected`. EFAULT.
Result<void> FutexTable::hand_over(Bucket& bucket, Waiter& next, const FutexWord& word,
                                   std::uint32_t expected, std::uint32_t bits) {
  const std::uint32_t wanted = next.number | FUTEX_WAITERS | bits;
  GONZO_ASSIGN(const bool done, compare_exchange_user(word.memory, word.address, expected, wanted));
  if (!done) return fail(Errno::kAgain);
  bucket.waiters.erase(bucket.waiters.iterator_to(next));
  wait_graph_.remove(next.number);
  for (Waiter& waiter : bucket.waiters) {
    if (waiter.key != next.key) continue;
    waiter.owner = next.number;
    wait_graph_.change(waiter.number, next.number);
  }
  release(next);
  return {};
}

Result<void> FutexTable::unlock(const FutexWord& word, std::uint32_t number) {
  for (;;) {
    GONZO_ASSIGN(const auto value, word.memory.load<std::uint32_t>(word.address));
    if ((value & FUTEX_TID_MASK) != number) return fail(Errno::kPerm);
    GONZO_ASSIGN(const FutexKey key, key_of(word));
    Bucket& bucket = bucket_of(key);
    const LockGuard guard(bucket.lock);
    Waiter* const first = first_waiter(bucket, key);
    if (first == nullptr) {
      GONZO_ASSIGN(const bool done, compare_exchange_user(word.memory, word.address, value, 0));
      if (done) return {};
      continue;
    }
    if (first->waits != Waits::kForLock || first->owner != number) return fail(Errno::kInval);
    const auto handed = hand_over(bucket, *first, word, value, 0);
    if (handed || handed.error() != Errno::kAgain) return handed;
  }
}

std::int64_t FutexTable::wait_for_lock(const FutexWord& word, std::uint32_t expected,
                                       const FutexWord& target, const FutexOwner& self,
                                       Sleep sleep) {
  if (word.address == target.address) return raw(Errno::kInval);
  auto lock_key = key_of(target);
  if (!lock_key) return raw(lock_key.error());
  auto key = key_of(word);
  if (!key) return raw(key.error());
  Waiter waiter;
  waiter.key = std::move(*key);
  waiter.waits = Waits::kForMove;
  waiter.number = self.number;
  waiter.lock_word = &target;
  waiter.target = std::move(*lock_key);
  {
    Bucket& bucket = bucket_of(waiter.key);
    const LockGuard guard(bucket.lock);
    const auto value = word.memory.load<std::uint32_t>(word.address);
    if (!value) return raw(value.error());
    if (*value != expected) return raw(Errno::kAgain);
    if (waiter.key == *waiter.target) return raw(Errno::kInval);
    enqueue(bucket, waiter);
  }
  const std::int64_t ended = sleep_until_woken(waiter, sleep);
  // Made again it would wait for what has happened already.
  const bool moved = waiter.waits == Waits::kForLock;
  return ended == raw(Errno::kIntr) && moved ? raw(Errno::kAgain) : ended;
}

/// Linux: futex_proxy_trylock_atomic, then as FUTEX_REQUEUE.
Result<unsigned> FutexTable::requeue_to_lock(const FutexWord& from, const FutexWord& to,
                                             unsigned move, std::uint32_t expected,
                                             FutexOwner::IsAlive is_alive) {
  if (from.address == to.address) return fail(Errno::kInval);
  GONZO_ASSIGN(const FutexKey key, key_of(from));
  GONZO_ASSIGN(const FutexKey target, key_of(to));
  if (key == target) return fail(Errno::kInval);
  Bucket &source = bucket_of(key), &destination = bucket_of(target);
  const TwoBuckets guard(source, destination);
  GONZO_ASSIGN(const auto value, from.memory.load<std::uint32_t>(from.address));
  if (value != expected) return fail(Errno::kAgain);
  Waiter* const first = first_waiter(source, key);
  if (first == nullptr) return 0U;
  if (first->waits != Waits::kForMove || *first->target != target) return fail(Errno::kInval);

  GONZO_ASSIGN(const Attempt tried,
               attempt(to, destination, target, {.number = first->number, .is_alive = is_alive},
                       move > 0 ? Waiters::kToCome : Waiters::kNone));
  if (!tried.taken) return move_to_lock(source, destination, key, target, tried.owner, move + 1);
  first->waits = Waits::kForLock;
  source.waiters.erase(source.waiters.iterator_to(*first));
  release(*first);
  GONZO_ASSIGN(const unsigned moved,
               move_to_lock(source, destination, key, target, tried.owner, move));
  return 1 + moved;
}

/// EINVAL, EDEADLK: that one stays, and those before it have moved.
Result<unsigned> FutexTable::move_to_lock(Bucket& source, Bucket& destination, const FutexKey& key,
                                          const FutexKey& target, std::uint32_t owner,
                                          unsigned most) {
  unsigned moved = 0;
  for (auto at = source.waiters.begin(); at != source.waiters.end() && moved < most;) {
    Waiter& waiter = *at++;
    if (waiter.key != key) continue;
    if (waiter.waits != Waits::kForMove || *waiter.target != target) return fail(Errno::kInval);
    if (!wait_graph_.add(waiter.number, owner)) return fail(Errno::kDeadlk);
    waiter.waits = Waits::kForLock;
    waiter.owner = owner;
    FutexTable::move(waiter, source, destination, target);
    ++moved;
  }
  return moved;
}

void FutexTable::release_locks(std::uint32_t number) {
  if (!locks_are_waited_for_) return;
  for (Bucket& bucket : buckets_) give_up_owned(bucket, number);
}

/// Each waiter knows the word by its own address space; one that cannot write it does not get the
/// lock.
void FutexTable::give_up_owned(Bucket& bucket, std::uint32_t number) {
  const LockGuard guard(bucket.lock);
  for (auto at = bucket.waiters.begin(); at != bucket.waiters.end();) {
    Waiter& next = *at++;
    if (next.waits != Waits::kForLock || next.owner != number) continue;
    const FutexWord& word = *next.lock_word;
    Result<void> handed = fail(Errno::kAgain);
    while (!handed && handed.error() == Errno::kAgain) {
      const auto value = word.memory.load<std::uint32_t>(word.address);
      handed =
          value ? hand_over(bucket, next, word, *value, FUTEX_OWNER_DIED) : fail(value.error());
    }
    if (!handed) {
      bucket.waiters.erase(bucket.waiters.iterator_to(next));
      wait_graph_.remove(next.number);
      next.result = raw(handed.error());
      release(next);
    }
    at = bucket.waiters.begin();  // the others of this lock have a new owner now
  }
}

}  // namespace gonzo

#include "machine/soft/soft_space.h"

#include <algorithm>

#include "machine/soft/soft_thread.h"

namespace gonzo {
namespace {

void add_to(TlbCounters& sum, const TlbCounters& more) {
  sum.hits += more.hits;
  sum.misses += more.misses;
}

}  // namespace

void SoftSpace::invalidate(AddressRange range, Stricter) {
  LockGuard guard(mutex_);
  ++counters_.invalidations;
  for (SoftThread* thread : threads_) thread->invalidate(range);
}

MachineCounters SoftSpace::counters() const {
  LockGuard guard(mutex_);
  return counters_;
}

TlbCounters SoftSpace::tlb_counters() const {
  LockGuard guard(mutex_);
  TlbCounters sum = finished_;
  for (const SoftThread* thread : threads_) add_to(sum, thread->tlb_counters());
  return sum;
}

void SoftSpace::add(SoftThread& thread) {
  LockGuard guard(mutex_);
  threads_.push_back(&thread);
}

void SoftSpace::remove(SoftThread& thread) {
  LockGuard guard(mutex_);
  std::erase(threads_, &thread);
  add_to(finished_, thread.tlb_counters());
}

void SoftSpace::count_trap() {
  LockGuard guard(mutex_);
  ++counters_.traps;
}

}  // namespace gonzo

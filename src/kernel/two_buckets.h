// Two of the futex table's buckets at once.
#pragma once

#include <functional>

#include "kernel/futex.h"

namespace gonzo {

/// Two buckets' locks in one order; they may be the same bucket.
class FutexTable::TwoBuckets {
 public:
  TwoBuckets(Bucket& a, Bucket& b) GONZO_NO_THREAD_SAFETY_ANALYSIS;
  ~TwoBuckets() GONZO_NO_THREAD_SAFETY_ANALYSIS;
  TwoBuckets(const TwoBuckets&) = delete;
  TwoBuckets& operator=(const TwoBuckets&) = delete;

 private:
  Bucket& low_;
  Bucket& high_;
};

inline FutexTable::TwoBuckets::TwoBuckets(Bucket& a, Bucket& b)
    : low_(std::less<>()(&a, &b) ? a : b), high_(std::less<>()(&a, &b) ? b : a) {
  low_.lock.lock();
  if (&low_ != &high_) high_.lock.lock();
}

inline FutexTable::TwoBuckets::~TwoBuckets() {
  if (&low_ != &high_) high_.lock.unlock();
  low_.lock.unlock();
}

}  // namespace gonzo

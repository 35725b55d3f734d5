#include "machine/qemu/turn_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace gonzo {
namespace {

constexpr auto kPatient = [] {};

TEST(TurnQueueTest, WhoComesFirstIsServedFirst) {
  TurnQueue queue;
  queue.acquire(kPatient);
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&queue, &order, i] {
      const Turn turn(queue, kPatient);
      order.push_back(i);
    });
    while (queue.waiting() != static_cast<std::size_t>(i) + 1) std::this_thread::yield();
  }
  queue.release();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(queue.waiting(), 0U);
}

TEST(TurnQueueTest, TheFirstWhoWaitsGrowsImpatientAgainAndAgain) {
  TurnQueue queue;
  queue.acquire(kPatient);
  std::atomic<int> calls{0};
  std::thread waiter([&] { const Turn turn(queue, [&] { ++calls; }); });
  while (calls.load() < 2) std::this_thread::yield();
  queue.release();
  waiter.join();
}

}  // namespace
}  // namespace gonzo

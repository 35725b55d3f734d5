#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

#include "base/background_thread.h"
#include <gonzo/base/processor_binding.h>

namespace gonzo {
namespace {

cpu_set_t own_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
  return set;
}

bool are_same(const cpu_set_t& a, const cpu_set_t& b) { return CPU_EQUAL(&a, &b) != 0; }

TEST(ProcessorBindingTest, GivesBackWhatTheThreadHad) {
  const cpu_set_t before = own_processors();
  const int here = sched_getcpu();
  ASSERT_TRUE(bind_to_processor(here));
  EXPECT_EQ(bound_processor(), here);
  const cpu_set_t bound = own_processors();
  EXPECT_EQ(CPU_COUNT(&bound), 1);
  EXPECT_TRUE(CPU_ISSET(static_cast<unsigned>(here), &bound));
  unbind_from_processor();
  EXPECT_EQ(bound_processor(), -1);
  EXPECT_TRUE(are_same(own_processors(), before));
}

TEST(ProcessorBindingTest, AnotherProcessorTakesThePlaceOfTheFirst) {
  const cpu_set_t before = own_processors();
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(static_cast<unsigned>(processor), &before)) continue;
    ASSERT_TRUE(bind_to_processor(processor));
    EXPECT_EQ(sched_getcpu(), processor);
  }
  unbind_from_processor();
  EXPECT_TRUE(are_same(own_processors(), before));
}

TEST(ProcessorBindingTest, AProcessorThatTheHostDoesNotHaveChangesNothing) {
  const cpu_set_t before = own_processors();
  EXPECT_FALSE(bind_to_processor(-1));
  EXPECT_FALSE(bind_to_processor(CPU_SETSIZE));
  EXPECT_FALSE(bind_to_processor(CPU_SETSIZE - 1));
  EXPECT_EQ(bound_processor(), -1);
  EXPECT_TRUE(are_same(own_processors(), before));
}

TEST(ProcessorBindingTest, AThreadOfOursDoesNotInheritIt) {
  const cpu_set_t before = own_processors();
  ASSERT_TRUE(bind_to_processor(sched_getcpu()));
  cpu_set_t inside;
  start_background_thread([&inside] { inside = own_processors(); }).join();
  EXPECT_TRUE(are_same(inside, before));
  unbind_from_processor();
}

}  // namespace
}  // namespace gonzo

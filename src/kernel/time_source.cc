#include "kernel/time_source.h"

#include <cpuid.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string>
#include <string_view>

namespace gonzo {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

bool has_invariant_counter() {
  constexpr unsigned kPowerLeaf = 0x80000007, kInvariant = 1U << 8;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(kPowerLeaf, &eax, &ebx, &ecx, &edx) != 0 && (edx & kInvariant) != 0;
}

bool is_kept_by_the_host() {
  std::ifstream file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string name;
  file >> name;
  constexpr std::array<std::string_view, 3> kCounting{"tsc", "kvm-clock",
                                                      "hyperv_clocksource_tsc_page"};
  return std::ranges::find(kCounting, name) != kCounting.end();
}

}  // namespace

bool HostTime::has_steady_ticks() {
  return guest_ticks_ == GuestTicks::kHosts && has_invariant_counter() && is_kept_by_the_host();
}

std::uint64_t HostTime::ticks() {
  _mm_lfence();
  const std::uint64_t ticks = __rdtsc();
  _mm_lfence();
  return ticks;
}

std::int64_t HostTime::now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

std::int64_t HostTime::resolution(clockid_t clock) {
  timespec time{};
  clock_getres(clock, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

}  // namespace gonzo

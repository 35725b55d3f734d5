#include <atomic>

#include <gonzo/base/thread_number.h>

namespace gonzo {

std::size_t thread_number() {
  static std::atomic<std::size_t> next{0};
  static thread_local std::size_t number = 0;
  if (number == 0) [[unlikely]] {
    number = next.fetch_add(1, std::memory_order_relaxed) + 1;
  }
  return number - 1;
}

}  // namespace gonzo

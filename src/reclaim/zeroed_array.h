// An array of zeroes that takes no memory until it is written.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

namespace gonzo {

/// As long as a machine has frames, but an idle machine touches nearly none: a vector would write
/// it all. `T` is valid when it is zero. Throws std::bad_alloc.
template <typename T>
  requires std::is_trivially_copyable_v<T>
class ZeroedArray {
 public:
  explicit ZeroedArray(std::size_t size)
      : size_(size), items_(static_cast<T*>(std::calloc(size, sizeof(T)))) {
    if (items_ == nullptr && size != 0) throw std::bad_alloc();
  }

  T& operator[](std::size_t at) { return items_.get()[at]; }
  const T& operator[](std::size_t at) const { return items_.get()[at]; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }

 private:
  struct Free {
    void operator()(T* items) const { std::free(items); }
  };
  std::size_t size_;
  std::unique_ptr<T, Free> items_;
};

}  // namespace gonzo

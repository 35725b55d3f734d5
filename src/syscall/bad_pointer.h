// A host address that nothing may touch.
#pragma once

#include <cstdint>

#include <gonzo/base/address.h>
#include <gonzo/base/result.h>

namespace gonzo {

/// Stands in a host call's argument where the guest's pointer was bad: the host kernel then makes
/// all its own checks in its own order and gives EFAULT exactly where it would have for the guest.
class BadPointer {
 public:
  /// ENOMEM.
  static Result<BadPointer> create();
  ~BadPointer();
  BadPointer(BadPointer&& other) noexcept : page_(other.page_) { other.page_ = nullptr; }
  BadPointer& operator=(BadPointer&&) = delete;

  /// In place of a guest address in the user half.
  std::uint64_t user() const { return reinterpret_cast<std::uint64_t>(page_); }
  void* user_pointer() const { return page_; }
  /// In place of a range that leaves the user half (Linux: access_ok fails).
  static constexpr std::uint64_t kernel() { return 0xffff'8000'0000'0000ULL; }
  static void* kernel_pointer() {
    return reinterpret_cast<void*>(kernel());  // NOLINT(performance-no-int-to-ptr): it is none
  }
  /// Whichever of the two stands for [start, start + length).
  std::uint64_t in_place_of(VirtAddr start, std::uint64_t length, VirtAddr user_end) const;

 private:
  explicit BadPointer(void* page) : page_(page) {}
  void* page_;
};

}  // namespace gonzo

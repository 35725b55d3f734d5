// Where an entry lies in a table, and the atomic operations on it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <gonzo/base/check.h>
#include <gonzo/paging/entry.h>

namespace gonzo {

/// Bytes of an entry in its table.
enum class EntryWidth : std::uint8_t { kNarrow = 4, kWide = 8 };

/// One entry in a table, to be read and changed atomically: a processor may walk it at the same
/// time. A copyable pointer; valid while its table is. A narrow slot keeps the low half of what is
/// written: NX is lost, the frame or swap offset must fit (PageTable::can_hold).
///
/// Ordering: a load acquires, a change releases, so who finds a mapping sees the frame's contents
/// as they were when it was written.
class EntryRef {
 public:
  constexpr EntryRef() = default;
  constexpr EntryRef(void* slot, EntryWidth width) : slot_(slot), width_(width) {}

  explicit operator bool() const { return slot_ != nullptr; }
  Entry load() const {
    return Entry(is_wide() ? wide().load(std::memory_order_acquire)
                           : narrow().load(std::memory_order_acquire));
  }
  /// For a slot that nobody else changes meanwhile, processors included: not present, or in a table
  /// that none walks.
  void store(Entry desired) const {
    assert_fits(desired);
    if (is_wide()) {
      wide().store(desired.raw(), std::memory_order_release);
    } else {
      narrow().store(low(desired), std::memory_order_release);
    }
  }
  /// Unconditional; returns what was there.
  Entry exchange(Entry desired) const {
    assert_fits(desired);
    return Entry(is_wide() ? wide().exchange(desired.raw(), std::memory_order_acq_rel)
                           : narrow().exchange(low(desired), std::memory_order_acq_rel));
  }
  /// False, and `expected` refreshed, when the entry is no longer `expected`.
  bool compare_exchange(Entry& expected, Entry desired) const {
    assert_fits(desired);
    return is_wide() ? compare_exchange_in(wide(), expected, desired.raw())
                     : compare_exchange_in(narrow(), expected, low(desired));
  }
  /// A and D, as a processor would.
  void set_bits(std::uint64_t flags) const {
    if (is_wide()) {
      wide().fetch_or(flags, std::memory_order_acq_rel);
    } else {
      narrow().fetch_or(static_cast<std::uint32_t>(flags), std::memory_order_acq_rel);
    }
  }

  /// The next entry of the same table; the caller knows that there is one.
  EntryRef next() const { return at(1); }
  /// The entry `offset` places further in the same table.
  EntryRef at(unsigned offset) const {
    return {static_cast<char*>(slot_) + std::size_t{offset} * static_cast<std::size_t>(width_),
            width_};
  }
  /// How many of the `count` entries from here on are blank before the first that is not; a cache
  /// line at a time.
  unsigned leading_blanks(unsigned count) const;

  void* slot() const { return slot_; }
  bool operator==(const EntryRef&) const = default;

 private:
  bool is_wide() const { return width_ == EntryWidth::kWide; }
  std::atomic_ref<std::uint64_t> wide() const {
    return std::atomic_ref(*static_cast<std::uint64_t*>(slot_));
  }
  std::atomic_ref<std::uint32_t> narrow() const {
    return std::atomic_ref(*static_cast<std::uint32_t*>(slot_));
  }
  static std::uint32_t low(Entry entry) { return static_cast<std::uint32_t>(entry.raw()); }
  void assert_fits([[maybe_unused]] Entry entry) const {
    GONZO_ASSERT(is_wide() || (entry.without(pte::kNoExecute).raw() >> 32) == 0);
  }
  template <typename Raw>
  static bool compare_exchange_in(std::atomic_ref<Raw> slot, Entry& expected, Raw desired) {
    auto seen = static_cast<Raw>(expected.raw());
    const bool done = slot.compare_exchange_strong(seen, desired, std::memory_order_acq_rel,
                                                   std::memory_order_acquire);
    if (!done) expected = Entry(seen);
    return done;
  }

  void* slot_ = nullptr;
  EntryWidth width_ = EntryWidth::kWide;
};

}  // namespace gonzo

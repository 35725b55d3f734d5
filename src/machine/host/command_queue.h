// Changes of the shadow that the guest's process has yet to make.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "machine/host/shadow_map.h"
#include "machine/host/stub/mailbox.h"
#include <gonzo/base/address.h>

namespace gonzo {

/// In order. Not thread-safe.
class CommandQueue {
 public:
  CommandQueue() { commands_.reserve(GONZO_COMMAND_CAPACITY); }

  void map(const ShadowRun& run, gonzo_operation operation) {
    push({run.start.value, run.range().size(), run.frame.address().value,
          static_cast<std::uint16_t>(operation), run.protection, 0});
  }
  void protect(AddressRange range, ShadowProtection protection) {
    push({range.start.value, range.size(), 0, GONZO_OP_PROTECT, protection, 0});
  }
  void unmap(AddressRange range) { push_joined(range, GONZO_OP_UNMAP); }
  void age(AddressRange range) { push_joined(range, GONZO_OP_AGE); }

  /// The page waits for age().
  bool ages(VirtAddr page) const {
    return std::any_of(commands_.begin() + static_cast<std::ptrdiff_t>(taken_), commands_.end(),
                       [page](const gonzo_command& command) {
                         return command.operation == GONZO_OP_AGE &&
                                page.value - command.address < command.length;
                       });
  }

  bool empty() const { return taken_ == commands_.size(); }
  std::size_t size() const { return commands_.size() - taken_; }
  void clear() {
    commands_.clear();
    taken_ = 0;
  }

  /// Moves the oldest commands into a mailbox: as many as it holds.
  void take(gonzo_mailbox& mailbox) {
    const std::size_t count = size() < GONZO_COMMAND_CAPACITY ? size() : GONZO_COMMAND_CAPACITY;
    for (std::size_t i = 0; i < count; ++i) mailbox.commands[i] = commands_[taken_ + i];
    mailbox.command_count = static_cast<std::uint32_t>(count);
    taken_ += count;
    if (empty()) clear();
  }

 private:
  void push(const gonzo_command& command) { commands_.push_back(command); }
  /// Joins the previous command when that did the same to what lies before or after.
  void push_joined(AddressRange range, gonzo_operation operation) {
    if (taken_ < commands_.size() && commands_.back().operation == operation) {
      gonzo_command& last = commands_.back();
      if (last.address + last.length == range.start.value) {
        last.length += range.size();
        return;
      }
      if (range.end.value == last.address) {
        last.address = range.start.value;
        last.length += range.size();
        return;
      }
    }
    push({range.start.value, range.size(), 0, static_cast<std::uint16_t>(operation), 0, 0});
  }

  std::vector<gonzo_command> commands_;
  std::size_t taken_ = 0;
};

}  // namespace gonzo

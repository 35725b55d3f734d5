// The system calls of i386. Linux: arch/x86/entry/syscalls/syscall_32.tbl.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "syscall/table.h"

namespace gonzo {

/// Most calls differ from their x86-64 twins in nothing but the number. Where they do, it is in how
/// 64-bit arguments are spread over registers (`arrange`), or in structures (`layout`), which the
/// handler looks at when it loads and stores them (user_types.h).
struct I386Call {
  const SyscallRow* row = nullptr;  ///< null: no such call
  Layout layout = Layout::kI386;
  Arguments (*arrange)(const Arguments&) = nullptr;
};

/// A call that has a twin.
struct I386Twin {
  unsigned number = 0, native = 0;
  Layout layout = Layout::kI386;
  Arguments (*arrange)(const Arguments&) = nullptr;
};

std::span<const I386Twin> i386_twins();
/// Calls that x86-64 never had; numbers are i386's.
std::span<const SyscallRow> i386_rows();

/// A call that stands for another, whose arguments lie in memory: socketcall, the first mmap and
/// select. Linux: net/compat.c, arch/x86/kernel/sys_ia32.c.
struct I386Redirection {
  std::uint32_t number = 0;
  Arguments arguments{};
};
/// None: it stands for itself. EFAULT; EINVAL: no such socket call.
Result<std::optional<I386Redirection>> redirect_i386(AddressSpace& memory, std::uint32_t number,
                                                     const Arguments& arguments);

class I386Table {
 public:
  /// Each number has one meaning, or GONZO_CHECK says so.
  explicit I386Table(const SyscallTable& native);
  const I386Call& find(std::uint32_t number) const {
    return number < calls_.size() ? calls_[number] : none_;
  }

 private:
  std::array<I386Call, 512> calls_{};
  I386Call none_;
};

}  // namespace gonzo

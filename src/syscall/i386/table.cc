#include "syscall/i386/table.h"

#include <gonzo/base/check.h>

namespace gonzo {

I386Table::I386Table(const SyscallTable& native) {
  const auto place = [this](unsigned number) -> I386Call& {
    GONZO_CHECK(number < calls_.size());
    GONZO_CHECK(calls_[number].row == nullptr);
    return calls_[number];
  };
  for (const I386Twin& twin : i386_twins()) {
    const SyscallRow* row = native.find(twin.native);
    GONZO_CHECK(row != nullptr);
    place(twin.number) = {row, twin.layout, twin.arrange};
  }
  for (const SyscallRow& row : i386_rows()) place(row.number).row = &row;
}

}  // namespace gonzo

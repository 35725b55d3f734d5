#include "syscall/table.h"

#include <gonzo/base/check.h>

namespace gonzo {

unsigned SyscallRow::argument_count() const {
  unsigned count = 0;
  for (const Argument& argument : signature.arguments) {
    if (argument.kind == ArgumentKind::kNone) break;
    ++count;
  }
  return count;
}

SyscallTable::SyscallTable() {
  for (auto rows :
       {file_rows(), io_rows(), descriptor_rows(), memory_rows(), area_rows(), process_rows(),
        ipc_rows(), signal_rows(), socket_rows(), time_rows(), absent_rows()}) {
    for (const SyscallRow& row : rows) {
      GONZO_CHECK(row.number < rows_.size());
      GONZO_CHECK(rows_[row.number] == nullptr);
      rows_[row.number] = &row;
    }
  }
}

}  // namespace gonzo

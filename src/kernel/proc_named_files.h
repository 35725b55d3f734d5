// The files of /proc whose text is made here, by their names.
#pragma once

#include <string_view>

#include "kernel/proc_node.h"

namespace gonzo {

// Null: there is none, or it is the host's.

/// Of /proc/PID and /proc/PID/task/TID.
ProcOpener find_process_file(std::string_view name);
/// Files of these that are not there, as under a kernel built without them: what they would tell is
/// the runner's.
bool is_absent_process_file(std::string_view name);
/// Of /proc.
ProcOpener find_machine_file(std::string_view name);
/// Of /proc/sys/vm.
ProcOpener find_vm_setting(std::string_view name);
/// Of /proc/pressure.
ProcOpener find_pressure_file(std::string_view name);
/// Of /proc/sysvipc.
ProcOpener find_sysvipc_file(std::string_view name);

}  // namespace gonzo

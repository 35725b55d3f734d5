// /proc/sysvipc. Linux: sysvipc_shm_proc_show (ipc/shm.c).
#pragma once

#include <string>

#include "kernel/task.h"

namespace gonzo {

std::string proc_sysvipc_shm(Task& task);

}  // namespace gonzo

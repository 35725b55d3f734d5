// /proc/sysvipc. Linux: sysvipc_shm_proc_show (ipc/shm.c).
#pragma once

#include <string>

#include "kernel/system.h"

namespace gonzo {

std::string proc_sysvipc_shm(System& system);

}  // namespace gonzo

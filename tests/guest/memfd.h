// memfd_create's flags and seals, with those that are newer than the C library.
#pragma once

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#define MFD_EXEC 0x10U
#endif

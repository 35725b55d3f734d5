// The handlers of calls that only i386 has, by file. Each returns its result or -errno.
#pragma once

#include <cstdint>

#include "syscall/call.h"
#include <gonzo/machine/user_descriptor.h>

namespace gonzo {

// thread_area.cc
std::int64_t i386_set_thread_area(Call& call);
/// What set_thread_area and clone may be given. EINVAL.
Result<void> check_segment(const UserDescriptor& user);
std::int64_t i386_get_thread_area(Call& call);

// signal_calls.cc
std::int64_t i386_sigreturn(Call& call);
std::int64_t i386_rt_sigreturn(Call& call);
std::int64_t i386_sigaction(Call& call);
std::int64_t i386_signal(Call& call);
std::int64_t i386_sigprocmask(Call& call);
std::int64_t i386_sgetmask(Call& call);
std::int64_t i386_ssetmask(Call& call);
std::int64_t i386_sigsuspend(Call& call);

// ipc_calls.cc
std::int64_t i386_ipc(Call& call);

}  // namespace gonzo

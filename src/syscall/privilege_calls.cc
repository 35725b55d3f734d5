// Calls that change what the process may do: the host's word counts, for the guest's limits too.
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <tuple>

#include "kernel/process_table.h"
#include "syscall/handlers.h"
#include "syscall/pass_through.h"

namespace gonzo {

namespace {

/// After the host's thread changed. Who becomes another may know what its new user must not see
/// (Linux: commit_creds).
void note_credentials(Call& call) {
  const Credentials before = call.task.credentials();
  const Credentials now = Credentials::current();
  call.task.set_credentials(now);
  if (now.euid != before.euid || now.egid != before.egid || now.fsuid != before.fsuid ||
      now.fsgid != before.fsgid || (now.permitted & ~before.permitted) != 0) {
    call.process().is_dumpable = false;
  }
  call.processes().set_users(call.process().pid(), {.real = now.uid, .saved = now.suid});
  call.process().update_memory_limits();
}

}  // namespace

/// setuid and its kin: root gains capabilities, others lose them.
std::int64_t sys_set_user(Call& call) {
  const std::int64_t result = PassThrough(call).run();
  note_credentials(call);
  return result;
}

/// The guest can give up what the runner has, or take up again what it is permitted.
std::int64_t sys_capset(Call& call) {
  auto header = call.memory().load<__user_cap_header_struct>(call.address(0));
  if (!header) return raw(header.error());
  const auto version = header->version;
  const bool is_known = version == _LINUX_CAPABILITY_VERSION_1 ||
                        version == _LINUX_CAPABILITY_VERSION_2 ||
                        version == _LINUX_CAPABILITY_VERSION_3;
  const bool is_own = header->pid == 0 || header->pid == call.task.tid();
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (is_known && is_own) {
    const std::size_t words = version == _LINUX_CAPABILITY_VERSION_1 ? _LINUX_CAPABILITY_U32S_1
                                                                     : _LINUX_CAPABILITY_U32S_3;
    const auto bytes = std::as_writable_bytes(std::span(data).first(words));
    if (auto copied = call.memory().copy_in(bytes, call.address(1)); !copied) {
      return raw(copied.error());
    }
  }
  header->pid = is_own ? 0 : -1;
  const std::int64_t result = call.host(SYS_capset, {reinterpret_cast<std::uint64_t>(&*header),
                                                     reinterpret_cast<std::uint64_t>(&data)});
  if (header->version != version) {
    std::ignore = call.memory().store(call.address(0), header->version);
  }
  note_credentials(call);
  return result;
}

}  // namespace gonzo

#include "kernel/credentials.h"

#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace gonzo {

Credentials Credentials::current() {
  constexpr unsigned kAsk = ~0U;
  constexpr unsigned kWordBits = 32;
  Credentials own;
  getresuid(&own.uid, &own.euid, &own.suid);
  getresgid(&own.gid, &own.egid, &own.sgid);
  own.fsuid = static_cast<unsigned>(setfsuid(kAsk));
  own.fsgid = static_cast<unsigned>(setfsgid(kAsk));
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return own;
  own.permitted = data[0].permitted | std::uint64_t{data[1].permitted} << kWordBits;
  own.effective = data[0].effective | std::uint64_t{data[1].effective} << kWordBits;
  return own;
}

namespace {

bool has_ids(const Credentials& subject, unsigned uid, unsigned gid) {
  return uid == subject.uid && uid == subject.euid && uid == subject.suid && gid == subject.gid &&
         gid == subject.egid && gid == subject.sgid;
}

}  // namespace

bool Credentials::is_user(const Credentials& subject) const { return has_ids(subject, uid, gid); }

Result<void> may_inspect(const Credentials& caller, const Credentials& subject, Dumpable dumpable,
                         CallerIds ids) {
  if (caller.has(CAP_SYS_PTRACE)) return {};
  const bool by_file = ids == CallerIds::kFile;
  const bool is_user =
      has_ids(subject, by_file ? caller.fsuid : caller.uid, by_file ? caller.fsgid : caller.gid);
  if (!is_user || dumpable == Dumpable::kNo) return fail(Errno::kPerm);
  const std::uint64_t held = by_file ? caller.effective : caller.permitted;
  if ((subject.permitted & ~held) != 0) return fail(Errno::kPerm);
  return {};
}

}  // namespace gonzo

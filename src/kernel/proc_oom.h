// What /proc/PID says about the OOM killer. Linux: proc_oom_score, oom_score_adj_write and oom_adj
// (fs/proc/base.c).
#pragma once

#include <string>
#include <string_view>

#include "kernel/proc_subject.h"

namespace gonzo {

std::string proc_oom_score(const ProcSubject& subject);
std::string proc_oom_score_adj(const ProcSubject& subject);
/// Its older form, -17 to 15.
std::string proc_oom_adj(const ProcSubject& subject);

// Of a whole write, and how many bytes were taken. EINVAL: no number, or out of range; EACCES: less
// than it may be without CAP_SYS_RESOURCE, which is that of the calling host thread.
Result<std::uint64_t> write_oom_score_adj(const ProcSubject& subject, std::string_view text);
Result<std::uint64_t> write_oom_adj(const ProcSubject& subject, std::string_view text);

}  // namespace gonzo

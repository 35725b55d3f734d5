// The names of /proc that tell about the guest instead of the runner. Linux: fs/proc.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/open_file.h"
#include "kernel/proc_files.h"
#include "kernel/task.h"
#include <gonzo/base/result.h>

namespace gonzo {

/// What one name stands for. Valid as long as the task.
class ProcNode {
 public:
  using Opener = OpenFileRef (*)(const ProcOpening&);
  struct Content {
    Opener open = nullptr;  ///< null: by the others
    ProcText text = nullptr;
    ProcSink sink = nullptr;
    ProcListing listing = nullptr;
  };

  /// A file or directory of ours; the host has one of the same name at `host_path`.
  static ProcNode file(Task& task, const Content& content, std::string host_path);
  /// `target` is what readlink says, `host_path` what the host follows in its place, `host_link`
  /// the host's link of that name.
  static ProcNode link(std::string target, std::string host_path, std::string host_link);
  /// A link within /proc: what it leads to is to be looked up again.
  static ProcNode alias(std::string target, std::string host_path);
  /// The host's own, by another name.
  static ProcNode host(std::string host_path);
  static ProcNode absent();
  /// Nobody may open it.
  static ProcNode denied(std::string host_path);

  bool is_link() const { return kind_ == Kind::kLink || kind_ == Kind::kAlias; }
  bool is_alias() const { return kind_ == Kind::kAlias; }
  /// Opened by open(), not by the host.
  bool is_ours() const { return kind_ == Kind::kFile || kind_ == Kind::kDenied; }
  /// readlink's answer.
  const std::string& target() const { return target_; }
  /// What to ask the host for in place of the guest's name, by every call that does not ask for the
  /// contents. Links: what leads where the guest's link does.
  const std::string& host_path() const { return host_path_; }
  /// The same for a call that does not follow links.
  const std::string& unfollowed_host_path() const {
    return kind_ == Kind::kLink ? host_link_ : host_path_;
  }
  /// Where stat must tell another story than the host's file (the size of /proc/PID/fd).
  void amend_stat(struct stat& status) const;
  /// If is_ours(). Flags as in open(2). What the host answers to them for its file; EACCES.
  Result<OpenFileRef> open(int flags) const;

 private:
  enum class Kind : std::uint8_t { kFile, kLink, kAlias, kHost, kDenied };
  explicit ProcNode(Kind kind) : kind_(kind) {}

  Kind kind_;
  Task* task_ = nullptr;
  Content content_{};
  std::string target_, host_path_, host_link_;
};

/// Everything below /proc/self, /proc/thread-self and /proc/<own pid>; other processes, which are
/// absent; of the rest of /proc what is the machine's: proc_machine_text.h. Also /dev/fd,
/// /dev/stdin and its like. Repeated slashes and "." are skipped; ".." is taken back within /proc;
/// links on the way elsewhere are not followed. Empty: not ours, ask the host.
std::optional<ProcNode> find_proc(Task& task, std::string_view absolute_path);

/// A name that the host gave, /proc/<the runner>/..., as the guest says it.
std::string to_guest_name(Task& task, std::string host_name);

}  // namespace gonzo

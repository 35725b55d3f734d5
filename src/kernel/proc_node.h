// What one name in /proc, or of ours in /dev, stands for.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>

#include "kernel/open_file.h"
#include "kernel/proc_files.h"
#include "kernel/proc_subject.h"
#include <gonzo/base/result.h>

namespace gonzo {

class CharDevice;

/// Makes the file; EACCES, ESRCH: not this one, and `opening` is as it was.
using ProcOpener = Result<OpenFileRef> (*)(ProcOpening&& opening, System& system);

class ProcNode {
 public:
  /// A file or directory of ours; the host has one of the same kind at `host_path`. `subject`:
  /// none if it is about the machine.
  struct File {
    ProcOpener open = nullptr;
    std::string name;  ///< the guest's
    std::string host_path;
    std::optional<ProcSubject> subject;
    const CharDevice* device = nullptr;  ///< if it is one's; outlives the node
  };
  static ProcNode file(System& system, File file);
  /// `target` is what readlink says, `host_path` what the host follows in its place, `host_link`
  /// the host's link of that name. `held`: what must not be closed before that.
  static ProcNode link(std::string target, std::string host_path, std::string host_link,
                       OpenFileRef held = nullptr);
  /// A link within /proc: what it leads to is to be looked up again.
  static ProcNode alias(std::string target, std::string host_path);
  /// The host's own, by another name. `subject`: whose the guest sees it to be, if not the host's.
  static ProcNode host(std::string host_path, std::optional<ProcSubject> subject = std::nullopt);
  static ProcNode absent();
  /// May not be opened: EACCES.
  static ProcNode denied(std::string host_path, std::optional<ProcSubject> subject = std::nullopt);
  /// A link that may not be followed, or what lies in a directory that may not be searched: EACCES.
  static ProcNode refused(std::string host_link);

  /// The name had a slash behind it: who asks the host hears ENOTDIR of what is none.
  void demand_directory();

  bool is_link() const { return kind_ == Kind::kLink || kind_ == Kind::kAlias; }
  bool is_alias() const { return kind_ == Kind::kAlias; }
  /// Opened by open(), not by the host.
  bool is_ours() const {
    return kind_ == Kind::kFile || kind_ == Kind::kDenied || kind_ == Kind::kRefused;
  }
  /// No call may reach it, but for one that asks about a link itself.
  bool is_refused() const { return kind_ == Kind::kRefused; }
  /// readlink's answer.
  const std::string& target() const { return target_; }
  /// What to ask the host for in place of the guest's name, by every call that does not ask for the
  /// contents. Links: what leads where the guest's link does.
  const std::string& host_path() const { return host_path_; }
  /// The same for a call that does not follow links.
  const std::string& unfollowed_host_path() const {
    return kind_ == Kind::kLink || kind_ == Kind::kRefused ? host_link_ : host_path_;
  }
  /// Where stat must tell another story than the host's file.
  void amend_stat(struct stat& status) const;
  /// If is_ours(). Flags as in open(2). EACCES by the file's owner and mode, what its opener says,
  /// and what the host answers to them for its file.
  Result<OpenFileRef> open(int flags) const;

 private:
  enum class Kind : std::uint8_t { kFile, kLink, kAlias, kHost, kDenied, kRefused };
  explicit ProcNode(Kind kind) : kind_(kind) {}
  Result<void> may_open(int flags) const;
  Result<ProcOpening> open_on_host(int flags) const;

  Kind kind_;
  System* system_ = nullptr;
  ProcOpener open_ = nullptr;
  const CharDevice* device_ = nullptr;
  std::optional<ProcSubject> subject_;
  OpenFileRef held_;
  std::string name_, target_, host_path_, host_link_;
};

}  // namespace gonzo

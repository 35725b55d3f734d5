#include "kernel/proc_node.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include "kernel/char_device.h"
#include "kernel/file_table.h"

namespace gonzo {

ProcNode ProcNode::file(System& system, File file) {
  ProcNode node(Kind::kFile);
  node.system_ = &system;
  node.open_ = file.open;
  node.name_ = std::move(file.name);
  node.host_path_ = std::move(file.host_path);
  node.subject_ = std::move(file.subject);
  node.device_ = file.device;
  return node;
}

ProcNode ProcNode::link(std::string target, std::string host_path, std::string host_link,
                        OpenFileRef held) {
  ProcNode node(Kind::kLink);
  node.target_ = std::move(target);
  node.host_path_ = std::move(host_path);
  node.host_link_ = std::move(host_link);
  node.held_ = std::move(held);
  return node;
}

ProcNode ProcNode::alias(std::string target, std::string host_path) {
  ProcNode node(Kind::kAlias);
  node.target_ = std::move(target);
  node.host_path_ = std::move(host_path);
  return node;
}

ProcNode ProcNode::host(std::string host_path, std::optional<ProcSubject> subject) {
  ProcNode node(Kind::kHost);
  node.host_path_ = std::move(host_path);
  node.subject_ = std::move(subject);
  return node;
}

ProcNode ProcNode::absent() { return host("/proc/self/task/0"); }

ProcNode ProcNode::denied(std::string host_path, std::optional<ProcSubject> subject) {
  ProcNode node(Kind::kDenied);
  node.host_path_ = std::move(host_path);
  node.subject_ = std::move(subject);
  return node;
}

ProcNode ProcNode::refused(std::string host_link) {
  ProcNode node(Kind::kRefused);
  node.host_path_ = absent().host_path_;
  node.host_link_ = std::move(host_link);
  return node;
}

void ProcNode::demand_directory() {
  if (kind_ != Kind::kRefused && kind_ != Kind::kAlias) host_path_ += '/';
}

void ProcNode::amend_stat(struct stat& status) const {
  if (device_ != nullptr) device_->amend_stat(status);
  if (!subject_) return;
  subject_->set_owner(status);
  if (kind_ == Kind::kFile && S_ISDIR(status.st_mode)) amend_directory_size(*subject_, status);
}

/// Linux: generic_permission; groups besides its first give nobody rights here.
Result<void> ProcNode::may_open(int flags) const {
  if ((flags & O_PATH) != 0) return {};
  struct stat status;
  if (::stat(host_path_.c_str(), &status) != 0) return fail_from_host();
  amend_stat(status);
  const Credentials caller = Credentials::current();
  constexpr unsigned kRead = 4, kWrite = 2;
  const int access = flags & O_ACCMODE;
  const unsigned wanted =
      (access != O_WRONLY ? kRead : 0U) | (access != O_RDONLY || (flags & O_TRUNC) ? kWrite : 0U);
  unsigned allowed = status.st_mode;
  if (caller.fsuid == status.st_uid) {
    allowed = status.st_mode >> 6;
  } else if (caller.fsgid == status.st_gid) {
    allowed = status.st_mode >> 3;
  }
  if ((wanted & ~allowed) == 0 || caller.has(CAP_DAC_OVERRIDE)) return {};
  return fail(Errno::kAcces);
}

/// The runner's files belong to root once one of its threads is another user's: what the guest may
/// open then has another file of /proc behind it.
Result<ProcOpening> ProcNode::open_on_host(int flags) const {
  constexpr mode_t kMode = 0600;  // for O_CREAT, which finds the file there
  std::string status_path;
  int opened = ::open(host_path_.c_str(), flags | O_CLOEXEC, kMode);
  if (opened < 0 && errno == EACCES) {
    status_path = host_path_;
    const bool is_directory = (flags & O_DIRECTORY) != 0;
    opened = ::open(is_directory ? "/proc/thread-self/fdinfo" : "/proc/thread-self/stat",
                    O_RDONLY | O_CLOEXEC | (flags & O_NONBLOCK));
  }
  if (opened < 0) return fail_from_host();
  return ProcOpening{.host_fd = move_high(opened).value_or(opened),
                     .flags = flags,
                     .name = name_,
                     .subject = subject_,
                     .host_path = std::move(status_path)};
}

Result<OpenFileRef> ProcNode::open(int flags) const {
  if (kind_ != Kind::kFile) return fail(Errno::kAcces);
  GONZO_TRY(may_open(flags));
  GONZO_ASSIGN(ProcOpening opening, open_on_host(flags));
  const int host_fd = opening.host_fd;
  auto file = open_(std::move(opening), *system_);
  if (!file) ::close(host_fd);
  return file;
}

}  // namespace gonzo

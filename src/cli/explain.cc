#include "cli/explain.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "cli/columns.h"
#include "cli/exit_codes.h"
#include "cli/say.h"
#include "observe/control_address.h"
#include "observe/control_message.h"

namespace gonzo {
namespace {

constexpr std::size_t kMostReplyBytes = 256 << 20;

int give_up(const std::string& why) {
  say(fmt::format("explain: {}", why));
  return exit_code::kOwnFailure;
}

bool is_same_program(int process) {
  struct stat own, other;
  return ::stat("/proc/self/exe", &own) == 0 &&
         ::stat(fmt::format("/proc/{}/exe", process).c_str(), &other) == 0 &&
         own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

/// Nobody listens under that number.
std::string absence_text(int runner) {
  if (::kill(runner, 0) != 0 && errno == ESRCH) {
    return fmt::format(
        "no process {}: a run that has ended cannot be asked, see gonzo run "
        "--explain-at",
        runner);
  }
  if (is_same_program(runner)) {
    return fmt::format("the run {} does not listen: start it with gonzo run --control", runner);
  }
  return fmt::format("process {} is no gonzo run", runner);
}

Result<std::string> ask(int socket, const ControlRequest& request) {
  GONZO_TRY(send_all(socket, request.to_line()));
  return receive_line(socket, kMostReplyBytes);
}

}  // namespace

int run_explain(const ExplainOptions& options) {
  const auto made = make_control_socket();
  if (!made) return give_up(std::string(errno_text(made.error())));
  const int socket = made->get();
  const ControlAddress address = ControlAddress::of(options.runner);
  if (::connect(socket, address.get(), address.length) != 0) {
    return give_up(absence_text(options.runner));
  }
  if (!check_peer(socket)) return give_up(fmt::format("the run {} is not yours", options.runner));
  const auto line = ask(socket, {.guest = options.guest,
                                 .addresses = options.addresses,
                                 .format = options.format,
                                 .columns = columns_of(STDOUT_FILENO)});
  if (!line) {
    return give_up(fmt::format("the run {} gave no answer: it may have ended", options.runner));
  }
  const auto reply = ControlReply::parse(*line);
  if (!reply) return give_up(fmt::format("the run {} gave no answer to that", options.runner));
  if (!reply->error.empty()) return give_up(reply->error);
  fmt::print("{}", reply->output);
  return 0;
}

}  // namespace gonzo

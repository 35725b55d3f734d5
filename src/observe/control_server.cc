#include "observe/control_server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <tuple>
#include <utility>

#include "kernel/file_table.h"
#include "kernel/process_table.h"
#include "kernel/task.h"
#include "observe/control_address.h"
#include "observe/explanation.h"

namespace gonzo {
namespace {

constexpr std::size_t kMostRequestBytes = 64 << 10;
/// For each byte of a request, and of its answer: nobody may keep the thread for long.
constexpr timeval kPatience{.tv_sec = 2, .tv_usec = 0};
constexpr int kBacklog = 8;

/// Away from the numbers that guests' descriptors have on the host.
Result<FileDescriptor> out_of_the_way(FileDescriptor fd) {
  GONZO_ASSIGN(const int high, move_high(fd.get()));
  std::ignore = fd.release();
  return FileDescriptor(high);
}

std::optional<ThreadSegments> segments_of_first_thread(const Process& process) {
  std::optional<ThreadSegments> segments;
  process.for_each_task([&](Task& task) {
    if (task.tid() == process.pid()) segments = task.segments();
  });
  return segments;
}

}  // namespace

ControlReply answer_request(System& system, const ControlRequest& request) {
  const std::shared_ptr<Process> process = system.processes().find(request.guest);
  if (process == nullptr) {
    return {.output = {}, .error = fmt::format("no guest process {}", request.guest)};
  }
  const std::shared_ptr<ProcessMemory> memory = process->memory_ref();
  if (memory == nullptr) {
    return {.output = {},
            .error = fmt::format("guest process {} has ended, its memory is gone", request.guest)};
  }
  const auto segments = segments_of_first_thread(*process);
  ControlReply reply;
  for (const VirtAddr address : request.addresses) {
    Explanation explanation = explain(memory->space(), address);
    explanation.process = request.guest;
    explanation.program = process->image_ref()->name;
    if (segments) explanation.segments = segments_of(explanation.page.format, *segments);
    reply.output += request.format == TextFormat::kJson
                        ? explanation_json(explanation) + "\n"
                        : explanation_text(explanation, request.columns);
  }
  return reply;
}

Result<std::unique_ptr<ControlServer>> ControlServer::listen(System& system) {
  GONZO_ASSIGN(FileDescriptor made, make_control_socket());
  GONZO_ASSIGN(FileDescriptor listener, out_of_the_way(std::move(made)));
  const ControlAddress address = ControlAddress::of(::getpid());
  if (::bind(listener.get(), address.get(), address.length) != 0 ||
      ::listen(listener.get(), kBacklog) != 0) {
    return fail_from_host();
  }
  FileDescriptor event(::eventfd(0, EFD_CLOEXEC));
  if (!event.is_open()) return fail_from_host();
  GONZO_ASSIGN(FileDescriptor wake, out_of_the_way(std::move(event)));
  std::unique_ptr<ControlServer> server(
      new ControlServer(system, std::move(listener), std::move(wake)));
  server->begin();
  return server;
}

ControlServer::~ControlServer() {
  const std::uint64_t one = 1;
  std::ignore = ::write(wake_.get(), &one, sizeof one);
  stop();
}

void ControlServer::begin() {
  const LockGuard guard(lock_);
  start();
}

bool ControlServer::wait_for_client() const {
  std::array<pollfd, 2> ready{pollfd{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  while (::poll(ready.data(), ready.size(), -1) < 0) {
    if (errno != EINTR) return false;
  }
  return ready[1].revents == 0;
}

void ControlServer::serve() {
  while (wait_for_client()) {
    const FileDescriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client.is_open()) attend(client.get());
  }
}

/// What goes wrong with a client is the client's affair.
void ControlServer::attend(int client) {
  if (!check_peer(client)) return;
  ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  const auto line = receive_line(client, kMostRequestBytes);
  if (!line) return;
  const auto request = ControlRequest::parse(*line);
  const ControlReply reply =
      request ? answer_request(system_, *request)
              : ControlReply{.output = {}, .error = "not a request that this run understands"};
  std::ignore = send_all(client, reply.to_line());
}

}  // namespace gonzo

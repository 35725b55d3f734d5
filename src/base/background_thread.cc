#include "base/background_thread.h"

#include <pthread.h>

#include <csignal>
#include <utility>

#include <gonzo/base/processor_binding.h>

namespace gonzo {
namespace {

/// A new thread inherits the mask of the one that starts it.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

std::thread start_background_thread(std::function<void()> body) {
  const AllSignalsBlocked blocked;
  unbind_from_processor();  // else the new one would be
  return std::thread(std::move(body));
}

}  // namespace gonzo

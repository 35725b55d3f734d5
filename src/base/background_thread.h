// Threads of our own beside the program's.
#pragma once

#include <functional>
#include <thread>

namespace gonzo {

/// Runs `body` on a thread that blocks all signals: they are for whoever embeds us. Throws
/// std::system_error.
std::thread start_background_thread(std::function<void()> body);

}  // namespace gonzo

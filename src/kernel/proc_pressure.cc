#include "kernel/proc_pressure.h"

#include "kernel/host_directory.h"

namespace gonzo {

Result<OpenFileRef> open_pressure(ProcOpening&& opening, System&) {
  return open_directory(std::move(opening), [] {
    return list_host("/proc/pressure", [](std::string_view name) {
      return name == "." || name == ".." || name == "memory";
    });
  });
}

Result<OpenFileRef> open_pressure_memory(ProcOpening&& opening, System& system) {
  const TextSource source = [&system]() -> Result<std::string> {
    const StallClock::Figures figures = system.memory().stalls().figures();
    return figures.some.line("some") + figures.full.line("full");
  };
  return open_text(std::move(opening), source,
                   [](std::string_view) { return fail(Errno::kOpNotSupp); });
}

}  // namespace gonzo

#include "cli/curve/curve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "cli/curve/curve_svg.h"
#include "cli/curve/curve_text.h"
#include "cli/curve/measure.h"
#include "cli/exit_codes.h"

namespace gonzo {
namespace {

int complain(std::string_view what, int status = exit_code::kOwnFailure) {
  fmt::print(stderr, "gonzo: curve: {}\n", what);
  return status;
}

bool write_file(const std::string& path, std::string_view text) {
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

/// Asked beforehand, not after half an hour of measuring. Nothing changes.
bool can_write(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) return access(path.c_str(), W_OK) == 0;
  const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (made < 0) return false;
  ::close(made);
  return unlink(path.c_str()) == 0;
}

bool write_report(const CurveReport& report, const CurveOptions& options) {
  const bool is_json = options.format == CurveFormat::kJson;
  const std::string text = is_json ? curve_json(report) : curve_text(report);
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

}  // namespace

int run_curve(const CurveOptions& options) {
  if (!options.svg.empty() && !can_write(options.svg)) {
    return complain(fmt::format("--svg {}: {}", options.svg, errno_text(fail_from_host().error())));
  }
  auto input = TrialInput::take();
  if (!input) return complain(input.error());
  const auto runner = TrialRunner::create(*input);
  if (!runner) {
    return complain(fmt::format("a temporary file: {}", errno_text(runner.error())));
  }
  Progress progress;
  auto report = CurveMeasurer(options, **runner, progress).measure();
  progress.clear();
  if (!report) return complain(report.error().text, report.error().status);
  if (report->full_speed.empty()) {
    complain("stopped before the first run had ended");
    return 128 + report->stopped_by;
  }
  if (!write_report(*report, options)) return complain("standard output cannot be written");
  if (!options.svg.empty() && !write_file(options.svg, curve_svg(*report))) {
    return complain(fmt::format("--svg {}: {}", options.svg, errno_text(fail_from_host().error())));
  }
  return report->stopped_by != 0 ? 128 + report->stopped_by : 0;
}

}  // namespace gonzo

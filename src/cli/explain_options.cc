#include "cli/explain_options.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "cli/address.h"
#include "cli/machine_options.h"

namespace gonzo {
namespace {

constexpr const char* kFooter =
    "PID is the host's number of a `gonzo run --control`, of the same user. What it tells of an\n"
    "address: segment and area, each level of the page tables, the frame and who else maps it,\n"
    "file and offset, or swap slot; or why there is none. The program goes on meanwhile. Of a\n"
    "program that is ending: gonzo run --explain-at.\n"
    "\n"
    "Exit status: 0; 125 when there is no such run, guest or address.\n"
    "\n"
    "Examples:\n"
    "  gonzo run --control -- sleep 100 &\n"
    "  gonzo explain $! 0x555555554000 0x7ffffffde000\n"
    "  gonzo explain --json --guest 3 $! 0x555555554000";

std::optional<int> parse_process(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc() || end != text.end() || number <= 0) return std::nullopt;
  return number;
}

}  // namespace

void describe_explain(CLI::App& app, RawExplain& raw) {
  app.formatter(formatter("Usage: gonzo explain [OPTIONS] PID ADDRESS...\n"));
  app.footer(kFooter);
  app.set_help_flag("-h,--help", "This text")->group("Other");
  app.add_option("PID", raw.runner)->group("");
  app.add_option("ADDRESS", raw.addresses)->group("");
  app.add_option("--guest", raw.guest, "The guest's process, by its own number")
      ->type_name("N")
      ->capture_default_str()
      ->group("Explain");
  app.add_flag("--json", raw.json, "An object in a line for each address")->group("Explain");
}

std::expected<ExplainOptions, Exit> checked(const RawExplain& raw) {
  const auto wrong = [](const std::string& text) { return std::unexpected(complain(text)); };
  if (raw.runner.empty()) {
    return wrong("explain: which PID, the number of a gonzo run? See: gonzo explain --help");
  }
  const auto runner = parse_process(raw.runner);
  if (!runner) return wrong(fmt::format("explain: {}: not a process number", raw.runner));
  const auto guest = parse_process(raw.guest);
  if (!guest) return wrong(fmt::format("explain: --guest {}: not a process number", raw.guest));
  ExplainOptions options{.runner = *runner,
                         .guest = *guest,
                         .addresses = {},
                         .format = raw.json ? TextFormat::kJson : TextFormat::kText};
  for (const std::string& text : raw.addresses) {
    const auto address = parse_address(text);
    if (!address) {
      return wrong(fmt::format(
          "explain: {}: not an address: write 0x7ffff7fa3010, or a decimal number", text));
    }
    options.addresses.push_back(*address);
  }
  if (options.addresses.empty()) return wrong("explain: which ADDRESS?");
  if (options.addresses.size() > ControlRequest::kMostAddresses) {
    return wrong(fmt::format("explain: {} addresses: at most {} at once", options.addresses.size(),
                             ControlRequest::kMostAddresses));
  }
  return options;
}

}  // namespace gonzo

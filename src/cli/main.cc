#include "cli/curve/curve.h"
#include "cli/explain.h"
#include "cli/options.h"
#include "cli/run.h"

int main(int argc, char** argv) {
  const auto command = gonzo::parse_command_line(argc, argv);
  if (!command) return command.error().code;
  if (const auto* curve = std::get_if<gonzo::CurveOptions>(&*command)) {
    return gonzo::run_curve(*curve);
  }
  if (const auto* explain = std::get_if<gonzo::ExplainOptions>(&*command)) {
    return gonzo::run_explain(*explain);
  }
  return gonzo::run_program(std::get<gonzo::RunOptions>(*command));
}

#include "cli/options.h"
#include "cli/run.h"

int main(int argc, char** argv) {
  const auto options = gonzo::parse_command_line(argc, argv);
  return options ? gonzo::run_program(*options) : options.error().code;
}

// The tables of figures about memory that runs short.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "measure.h"

namespace gonzo::bench {

struct PressureFigures {
  Samples swap, policies;
  /// Of whole programs, natively and on Gonzo: "ample_NAME", "half_NAME"; and half of what, in
  /// bytes: "bytes_NAME".
  Samples native, run;
};

struct PressurePrograms {
  std::string gonzo, benches, tools;  ///< the command; directories
  std::string lines;                  ///< a file to sort
};

PressureFigures measure_pressure(const PressurePrograms& programs, int rounds);
/// `core`: of core_bench. Gives the tables as the report has them.
nlohmann::json print_pressure(const PressureFigures& figures, const Samples& core);

}  // namespace gonzo::bench

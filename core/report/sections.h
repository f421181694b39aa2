#pragma once
// The sections of the page, each empty where it has nothing to say.
#include <string>

#include "core/report/report.h"

namespace inc::report {

std::string head(const Report& report);        ///< verdict, tiles
std::string figures(const Report& report);     ///< FP32 and the result side by side
std::string precisions(const Report& report);  ///< by operator type
std::string operators(const Report& report);   ///< each with its reason, time and sensitivity
std::string search(const Report& report);      ///< trials, front
std::string calibration(const Report& report);
std::string costs(const Report& report);  ///< where the run's time went, and what the cost model said
std::string about(const Report& report);  ///< notes, machine, configuration

}  // namespace inc::report

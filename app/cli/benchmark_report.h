#pragma once
// What `benchmark` says: a table for people, or one JSON object.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/benchmark.h"

namespace inc::cli {

struct BenchmarkReport {
  std::string model;
  std::int64_t batch = 1;
  double load_ms = 0;  ///< reading and fusing the model
  std::vector<app::VariantResult> results;
  bool with_ceiling = false;
  bool profile = false;
};

nlohmann::ordered_json to_json(const app::VariantResult& result, std::int64_t batch);
nlohmann::ordered_json steps_json(const std::vector<runtime::StepProfile>& steps, bool with_ceiling);
/// One variant: its figures at the top level. More: shared facts, and "variants".
nlohmann::ordered_json to_json(const BenchmarkReport& report);
void print(const BenchmarkReport& report);

}  // namespace inc::cli

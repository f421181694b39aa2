#include "core/pipeline/decisions.h"

#include <gtest/gtest.h>

#include <cmath>

namespace inc::pipeline {
namespace {

runtime::StepProfile step(const char* name, const char* kernel, double ms, std::int64_t macs) {
  runtime::StepProfile out;
  out.name = name;
  out.kernel = kernel;
  out.milliseconds = ms;
  out.macs = macs;
  return out;
}

TEST(AddTimes, SumsTheStepsThatServeAnOperator) {
  std::vector<report::OpRow> rows{{"conv", "Conv", "int8", ""}, {"relu", "Relu", "fp32", ""}};
  add_times(rows, {step("conv", "quantize", 1, 0), step("conv", "brgconv", 3, 100)}, {step("conv", "jit", 10, 100)}, 4);
  EXPECT_DOUBLE_EQ(rows[0].ms, 1);
  EXPECT_DOUBLE_EQ(rows[0].fp32_ms, 2.5);
  EXPECT_EQ(rows[0].kernel, "brgconv");
  EXPECT_TRUE(std::isnan(rows[1].ms));
}

TEST(AddTimes, KnowsNothingWithoutAProfile) {
  std::vector<report::OpRow> rows{{"conv", "Conv", "int8", ""}};
  add_times(rows, {}, {step("conv", "jit", 10, 100)}, 1);
  EXPECT_TRUE(std::isnan(rows[0].ms));
  EXPECT_DOUBLE_EQ(rows[0].fp32_ms, 10);
}

TEST(AddSensitivities, TakesThoseOfTheFastestOption) {
  tuning::TuningSpace space;
  space.shape.dims = {{"first", "Conv", {"int8", "fp32"}}, {"second", "Conv", {"int8", "bf16", "fp32"}}};
  std::vector<report::OpRow> rows{{"second", "Conv", "fp32", ""}, {"other", "Relu", "fp32", ""}};
  add_sensitivities(rows, space, {{{0.1, 0}, {0.2, 0.3, 0}}, {{0.01, 0}, {0.02, 0.03, 0}}});
  EXPECT_DOUBLE_EQ(rows[0].sensitivity, 0.2);
  EXPECT_DOUBLE_EQ(rows[0].own_error, 0.02);
  EXPECT_TRUE(std::isnan(rows[1].sensitivity));
}

}  // namespace
}  // namespace inc::pipeline

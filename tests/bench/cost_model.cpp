// Predicted against measured times of uniform and random mixed points: cost_model [--int8] MODEL[:input=1x2x3]...
// By the model that a search refines. One JSON line per model, then a Markdown table. OMP_NUM_THREADS says how many threads.
#include "core/tuning/cost_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "app/benchmark.h"
#include "app/session.h"
#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/calib/calibrator.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"
#include "core/tuning/cost_measure.h"
#include "core/tuning/latency.h"

namespace inc {
namespace {

constexpr int kMixed = 6;
constexpr double kLongRun = 60, kShortRun = 5, kQuantile = 0.1;  // milliseconds; share of the rounds

struct Point {
  std::string name;
  search::Point point;
  double predicted = 0, measured = 0;
  double share = 1;  ///< measured, of FP32's time just before; of long runs, of its quickest
};

ir::Shape shape_of(const std::string& text) {
  ir::Shape shape;
  for (std::size_t i = 0; i < text.size(); i = text.find('x', i) == std::string::npos ? text.size() : text.find('x', i) + 1)
    shape.push_back(std::stoll(text.substr(i)));
  return shape;
}

/// "model.onnx:ids=1x128:mask=1x128".
std::string take_shapes(std::string argument, app::BenchmarkOptions& options) {
  for (std::size_t colon; (colon = argument.rfind(':')) != std::string::npos; argument.resize(colon)) {
    const std::size_t equal = argument.find('=', colon);
    if (equal == std::string::npos) throw ConfigError("input=shape expected in " + argument);
    options.shapes[argument.substr(colon + 1, equal - colon - 1)] = shape_of(argument.substr(equal + 1));
  }
  return argument;
}

std::vector<Point> points_of(const tuning::TuningSpace& space) {
  std::vector<Point> points;
  for (const std::string label : {"fp32", "int8", "bf16"}) {
    search::Point point = space.shape.fp32();
    for (std::size_t i = 0; i < point.size(); ++i) {
      const auto& options = space.shape.dims[i].options;
      const auto at = std::find(options.begin(), options.end(), label);
      if (at != options.end()) point[i] = static_cast<std::uint16_t>(at - options.begin());
    }
    if (label == "fp32" || point != space.shape.fp32()) points.push_back({label, point});
  }
  Rng rng(7);
  for (int n = 0; n < kMixed; ++n) {
    search::Point point;
    for (const auto& dim : space.shape.dims) point.push_back(static_cast<std::uint16_t>(rng.below(dim.options.size())));
    points.push_back({fmt::format("mixed {}", n + 1), point});
  }
  return points;
}

/// Of the last of so many runs: the others make it warm, as when it runs alone.
double warm_ms(const runtime::Executable& executable, const std::vector<ir::Tensor>& inputs, int runs) {
  for (int i = 1; i < runs; ++i) executable.run(inputs);
  const auto start = std::chrono::steady_clock::now();
  executable.run(inputs);
  return 1e3 * std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// In turns, FP32 (the first) before each of the others.
void measure(tuning::CandidateBuilder& candidates, std::vector<Point>& points, const std::vector<ir::Tensor>& inputs) {
  std::vector<std::unique_ptr<const runtime::Executable>> executables;
  for (const Point& point : points) executables.push_back(candidates.adaptor().prepare(candidates.build(point.point).graph));
  for (const auto& executable : executables) executable->run(inputs);
  std::vector<std::vector<double>> times(points.size()), shares(points.size());
  const double fp32 = points.front().predicted;
  const int rounds = fp32 > kLongRun ? 4 : 12, runs = fp32 > kLongRun ? 1 : fp32 > kShortRun ? 3 : 5;
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 1; i < points.size(); ++i) {
      times[0].push_back(warm_ms(*executables[0], inputs, runs));
      times[i].push_back(warm_ms(*executables[i], inputs, runs));
      shares[i].push_back(times[i].back() / times[0].back());
    }
  for (std::size_t i = 0; i < points.size(); ++i) points[i].measured = tuning::percentile(times[i], kQuantile);
  for (std::size_t i = 1; i < points.size(); ++i)
    points[i].share = fp32 > kLongRun ? points[i].measured / points[0].measured : tuning::percentile(shares[i], 0.5);
}

/// "median / worst", in percent.
std::string shown(std::vector<double> errors) {
  return fmt::format("{:.1f} / {:.1f}", tuning::percentile(errors, 0.5), *std::max_element(errors.begin(), errors.end()));
}

/// Of all points in milliseconds; of all but FP32 as shares of FP32's time, which no change of the machine's pace touches.
std::string errors(const std::vector<Point>& points) {
  std::vector<double> ms, shares;
  for (std::size_t i = 0; i < points.size(); ++i) {
    ms.push_back(100 * std::abs(points[i].predicted / points[i].measured - 1));
    if (i > 0) shares.push_back(100 * std::abs(points[i].predicted / points[0].predicted / points[i].share - 1));
  }
  return fmt::format("{} | {}", shown(ms), shown(shares));
}

void run(const std::string& argument, bool bf16) {
  app::BenchmarkOptions shapes;
  const std::string path = take_shapes(argument, shapes);
  ir::Graph fused = onnx_io::import_model(path);
  passes::fusion_pipeline().run(fused);
  const auto inputs = app::random_inputs(fused, shapes);
  const auto adaptor = app::make_adaptor();
  const auto fp32 = adaptor->prepare(fused);
  tuning::SpaceOptions options;
  options.bf16 = bf16;
  if (adaptor->runs_natively(quant::Precision::Int8)) options.weight.bounds = {quant::WeightBound::Full};
  const auto space = tuning::build_space(fused, *adaptor, options);
  const auto layout = tuning::cost_layout(fused, space);
  const tuning::CostTask task{fused, space, *adaptor, *fp32, inputs};
  tuning::CostMeter meter(task, layout, {.thorough = true});
  const auto profile = meter.measure();
  const tuning::CostModel model(layout, tuning::fit_costs(layout, profile), 1, space);
  const auto ranges = calib::calibrate(fused, *fp32, std::span(&inputs, 1));
  tuning::CandidateBuilder candidates(fused, ranges, space, *adaptor, *fp32);
  auto points = points_of(space);
  for (Point& point : points) point.predicted = model.predict(point.point);
  measure(candidates, points, inputs);
  const std::string name = path.substr(path.rfind('/') + 1);
  std::string row =
      fmt::format("| {} | {} | {} | {:.1f} |", name, space.nodes.size(), profile.samples.size(), profile.seconds);
  for (const Point& point : points) {
    fmt::print(stderr, "{:30} {:8} predicted {:9.4f} measured {:9.4f} {:+6.1f} %, of FP32 {:.3f} / {:.3f} {:+6.1f} %\n",
               name, point.name, point.predicted, point.measured, 100 * (point.predicted / point.measured - 1),
               point.predicted / points[0].predicted, point.share,
               100 * (point.predicted / points[0].predicted / point.share - 1));
    if (!point.name.starts_with("mixed")) row += fmt::format(" {:.3g} / {:.3g} |", point.predicted, point.measured);
  }
  if (!bf16) row += " |";
  fmt::print("{} {} |\n", row, errors(points));
  std::fflush(stdout);
}

}  // namespace
}  // namespace inc

int main(int argc, char** argv) {
  bool bf16 = true;
  fmt::print(
      "| model | operators | candidates | seconds | fp32 ms | int8 ms | bf16 ms | error % | error of shares of fp32 % |\n"
      "|---|---|---|---|---|---|---|---|---|\n");
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--int8") {
      bf16 = false;
      continue;
    }
    try {
      inc::run(argument, bf16);
    } catch (const inc::Error& e) {
      fmt::print(stderr, "{}: {}\n", argument, e.full_message());
      return 1;
    }
  }
}

// Sensitivities and suffixes: bench_sensitivity [--sums] [--bf16] CONFIG.yaml | MODEL.onnx[:input=1x2x3]...
// Configurations with their data; models with random inputs. Recipes are off.
#include "core/tuning/sensitivity.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>

#include "app/benchmark.h"
#include "app/session.h"
#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/calib/calibrator.h"
#include "core/calib/output_distance.h"
#include "core/eval/evaluate.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"
#include "core/pipeline/calibration.h"
#include "core/pipeline/space_options.h"

namespace inc {
namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class OneSample final : public eval::Dataset {
 public:
  OneSample(std::vector<ir::Tensor> inputs, std::int64_t count) : count_(count) {
    for (const ir::Tensor& t : inputs) {
      ir::Shape shape(t.shape().begin() + (t.rank() > 0 ? 1 : 0), t.shape().end());
      sample_.inputs.emplace_back(t.dtype(), shape, t.raw(), std::make_shared<ir::Tensor>(t));
    }
  }
  std::int64_t size() const override { return count_; }
  eval::Sample get(std::int64_t) const override { return sample_; }
  std::string describe() const override { return "one random sample"; }

 private:
  eval::Sample sample_;
  std::int64_t count_;
};

struct Job {
  std::string name;
  ir::Graph fused;
  tuning::SpaceOptions allowed;
  std::shared_ptr<const eval::Dataset> data;
  std::int64_t batch = 1;
  std::optional<pipeline::CalibrationTask> calibration = {};
};

ir::Shape shape_of(const std::string& text) {
  ir::Shape shape;
  for (std::size_t i = 0; i < text.size(); i = text.find('x', i) == std::string::npos ? text.size() : text.find('x', i) + 1)
    shape.push_back(std::stoll(text.substr(i)));
  return shape;
}

Job job_of(std::string argument, const runtime::Adaptor& adaptor, bool bf16) {
  if (argument.ends_with(".yaml")) {
    const config::Config config = config::read_config(argument);
    auto task = pipeline::accuracy_task(config);
    pipeline::LoadedModel model = pipeline::load_model(config);
    Job job{model.name,
            std::move(model.fused),
            pipeline::space_options(config, adaptor),
            std::move(task->data),
            task->batch_size,
            pipeline::calibration_task(config)};
    job.allowed.bf16 = bf16 && adaptor.runs_natively(quant::Precision::Bf16);
    return job;
  }
  app::BenchmarkOptions shapes;
  for (std::size_t colon; (colon = argument.rfind(':')) != std::string::npos; argument.resize(colon)) {
    const std::size_t equal = argument.find('=', colon);
    shapes.shapes[argument.substr(colon + 1, equal - colon - 1)] = shape_of(argument.substr(equal + 1));
  }
  Job job{argument.substr(argument.rfind('/') + 1), onnx_io::import_model(argument), {}, nullptr};
  passes::fusion_pipeline().run(job.fused);
  job.data = std::make_unique<OneSample>(app::random_inputs(job.fused, shapes), 1000);
  job.allowed.bf16 = bf16 && adaptor.runs_natively(quant::Precision::Bf16);
  if (adaptor.runs_natively(quant::Precision::Int8)) job.allowed.weight.bounds = {quant::WeightBound::Full};
  return job;
}

struct Timer {
  double start = cpu_seconds();
  double milliseconds() const { return 1e3 * (cpu_seconds() - start); }
};

/// What one change costs behind each operator, averaged over operators: milliseconds, and the share of multiply-adds.
std::pair<double, double> suffix_cost(const ir::Graph& fused, const tuning::TuningSpace& space, const runtime::Trace& trace,
                                      const std::map<ir::ValueId, ir::Tensor>& seen) {
  double total = 0, share = 0;
  for (const ir::NodeId id : space.nodes) {
    const ir::ValueId value = fused.node(id).outputs[0];
    const std::map<ir::ValueId, ir::Tensor> replaced{{value, seen.at(value)}};
    const auto outputs = trace.rerun(replaced);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (!ir::identical(outputs[i], trace.outputs()[i]))
        throw BackendError(fmt::format("what lies behind '{}' is not what it was", fused.value(value).name));
    std::vector<double> times;
    const Timer all;
    do {
      const Timer timer;
      trace.rerun(replaced);
      times.push_back(timer.milliseconds());
    } while (times.size() < 3 || (all.milliseconds() < 10 && times.size() < 50));
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
    total += times[times.size() / 2];
    share += trace.share(value);
  }
  const auto count = static_cast<double>(space.nodes.size());
  return {total / count, share / count};
}

/// The sum over operators against what is found for all of them together, on the whole data; from several numbers of
/// samples.
void check_sums(const Job& job, const tuning::SensitivityTask& task) {
  const auto& shape = task.space.shape;
  std::vector<search::Sensitivity> found;
  std::vector<std::int64_t> counts{4, 8, 16, 32, 128};
  for (const std::int64_t samples : counts) {
    tuning::SensitivityOptions options;
    options.fewest = options.most = samples;
    found.push_back(tuning::sensitivities(task, options));
  }
  const auto ordered = [&](const search::Sensitivity& by) {
    std::vector<std::size_t> order(shape.dims.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return by.output[a][0] > by.output[b][0]; });
    return order;
  };
  const auto order = ordered(found.back());
  fmt::print("| of the most sensitive third | 1 |");
  for (const auto& few : found) {
    const auto other = ordered(few);
    const auto third = static_cast<std::ptrdiff_t>(order.size() / 3);
    const auto same = std::count_if(order.begin(), order.begin() + third, [&](std::size_t dim) {
      return std::find(other.begin(), other.begin() + third, dim) != other.begin() + third;
    });
    fmt::print(" {:.2f} |", static_cast<double>(same) / static_cast<double>(third));
  }
  fmt::print("\n");
  std::vector<std::pair<std::string, search::Point>> points;
  for (const std::size_t kept : {std::size_t{0}, order.size() / 7, order.size() / 3, order.size() / 2}) {
    search::Point point = shape.fastest();
    for (std::size_t i = 0; i < kept; ++i)
      point[order[i]] = static_cast<std::uint16_t>(shape.dims[order[i]].options.size() - 1);
    points.emplace_back(fmt::format("{} most sensitive in FP32", kept), point);
  }
  Rng rng(3);
  for (int n = 0; n < 3; ++n) {
    search::Point point = shape.fp32();
    for (auto& option : point)
      if (rng.below(2) == 0) option = 0;
    points.emplace_back("a random half", point);
  }
  fmt::print("| {} | found |", job.name);
  for (const std::int64_t samples : counts) fmt::print(" from {} |", samples);
  fmt::print("\n");
  const auto fp32 = task.candidates.adaptor().prepare(task.fused);
  const std::int64_t batch = eval::usable_batch_size(task.fused, task.batch_size);
  for (const auto& [name, point] : points) {
    const auto executable = task.candidates.adaptor().prepare(task.candidates.build(point).graph);
    calib::SquaredError error;
    for (std::int64_t i = 0; i + batch <= task.data.size(); i += batch) {
      const auto inputs = eval::load_batch(task.fused, task.data, i, batch).inputs;
      const auto a = executable->run(inputs), b = fp32->run(inputs);
      for (std::size_t o = 0; o < a.size(); ++o) error.add(a[o], b[o]);
    }
    fmt::print("| {} | {:.4f} |", name, error.value());
    for (const auto& s : found) {
      double sum = 0;
      for (std::size_t dim = 0; dim < point.size(); ++dim) sum += s.output[dim][point[dim]];
      fmt::print(" {:.4f} |", sum);
    }
    fmt::print("\n");
  }
}

void run(const std::string& argument, bool sums, bool bf16) {
  const auto adaptor = app::make_adaptor();
  const Job job = job_of(argument, *adaptor, bf16);
  const auto fp32 = adaptor->prepare(job.fused);
  const auto space = tuning::build_space(job.fused, *adaptor, job.allowed);
  const auto sample = eval::load_batch(job.fused, *job.data, 0, eval::usable_batch_size(job.fused, 1)).inputs;
  const auto ranges = job.calibration
                          ? calib::calibrate(job.fused, *fp32, *job.calibration->data, {job.calibration->samples, 8})
                          : calib::calibrate(job.fused, *fp32, std::span(&sample, 1));
  tuning::CandidateBuilder candidates(job.fused, ranges, space, *adaptor, *fp32);

  const std::int64_t total = job.data->size(), passed = job.calibration ? total : 8;
  const std::int64_t batch = eval::usable_batch_size(job.fused, job.batch);
  for (std::int64_t i = 0; i < 2 * batch; i += batch) fp32->run(eval::load_batch(job.fused, *job.data, 0, batch).inputs);
  double pass = 0;
  for (std::int64_t i = 0; i + batch <= passed; i += batch) {
    const auto inputs = eval::load_batch(job.fused, *job.data, i, batch).inputs;
    const Timer timer;
    fp32->run(inputs);
    pass += timer.milliseconds() * static_cast<double>(total) / static_cast<double>(passed / batch * batch);
  }

  std::set<ir::ValueId> values;
  for (const ir::NodeId id : space.nodes) values.insert(job.fused.node(id).outputs[0]);
  std::map<ir::ValueId, ir::Tensor> seen;
  const runtime::TapSink tap{values, [&](ir::ValueId id, const ir::Tensor& t) { seen.emplace(id, t); }};
  Timer timer;
  const auto trace = fp32->trace(sample, values, tap);
  const double tracing = timer.milliseconds();
  const auto [suffix, share] = suffix_cost(job.fused, space, *trace, seen);
  std::vector<double> whole;
  for (int i = 0; i < 12; ++i) {
    timer = {};
    fp32->run(sample);
    whole.push_back(timer.milliseconds());
  }
  std::nth_element(whole.begin(), whole.begin() + 6, whole.end());

  const tuning::SensitivityTask task{job.fused, space, candidates, *job.data, -1, job.batch};
  if (sums) check_sums(job, task);
  if (sums && job.calibration) {
    tuning::CandidateBuilder corrected(job.fused, ranges, space, *adaptor, *fp32, {}, {},
                                       tuning::CorrectionSource{*job.calibration->data, {job.calibration->samples}});
    fmt::print("with bias correction\n");
    check_sums(job, {job.fused, space, corrected, *job.data, -1, job.batch});
  }
  timer = {};
  const auto found = tuning::sensitivities(task);
  const double spent = timer.milliseconds();
  std::size_t options = 0;
  for (const auto& dim : space.options) options += dim.size() - 1;
  fmt::print("| {} | {} | {} | {:.3f} | {:.3f} | {:.2f} | {:.2f} | {:.0f} | {:.0f} | {:.2f} | {:.2f} | {:.0f} |\n", job.name,
             space.nodes.size(), options, whole[6], suffix, whole[6] / suffix, 1 / share, pass, spent, spent / pass,
             found.full_evaluations, tracing);
  std::fflush(stdout);
}

}  // namespace
}  // namespace inc

int main(int argc, char** argv) {
  fmt::print(
      "| model | operators | options | whole ms | suffix ms | speed-up | of multiply-adds | FP32 pass ms | all ms | passes "
      "| "
      "full evaluations | first trace ms |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  bool sums = false, bf16 = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--sums" || argument == "--bf16") {
      (argument == "--bf16" ? bf16 : sums) = true;
      continue;
    }
    try {
      inc::run(argument, sums, bf16);
    } catch (const inc::Error& e) {
      fmt::print(stderr, "{}: {}\n", argument, e.full_message());
      return 1;
    }
  }
}

#pragma once
// The supported C++ surface. find_package(inc_cpp), link inc_cpp::inc_cpp, then
//
//   #include <inc_cpp/inc.h>
//
//   inc::QuantizeOptions options;
//   options.calibration = inc::samples(my_tensors);
//   options.eval_func = [&](const inc::Session& model) { return my_accuracy(model); };
//   const inc::QuantizeResult result = inc::quantize("resnet50.onnx", {}, options);
//   inc::Session model(result.model);
//
// or, with everything named by a file: inc::quantize(inc::read_config("resnet50.yaml")).
// Errors are inc::Error and its kinds (ConfigError, ModelError, UnsupportedError, DataError, BackendError); what a
// program's own functions throw reaches the program. Threads: inc::set_threads(). What else the headers of other
// directories declare may change with any version.
#include "app/benchmark.h"
#include "app/compare.h"
#include "app/doctor.h"
#include "app/model_session.h"
#include "app/outside_engine.h"
#include "app/session.h"
#include "app/summary.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/pipeline/quantize.h"

namespace inc {

// Configurations: the sections and keys of the YAML file as structs. A Config that says nothing means static INT8
// quantization within 1 % of the accuracy.
using config::Config;
using config::read_config;
using config::read_config_text;

// Tensors and samples. A sample has no batch axis; one tensor for each input of the model, and maybe a label.
using eval::Dataset;  ///< to subclass: size(), get(), describe()
using eval::Metric;   ///< to subclass: name(), update(), value(), reset()
using eval::Sample;
using ir::Shape;
using ir::Tensor;

// A search of one's own: subclass Strategy, a pure function of the history.
using search::History;
using search::Knowledge;
using search::Observation;
using search::Point;
using search::SearchSpace;
using search::Strategy;

// Another engine that executes the candidates.
using app::OutsideEngine;

/// A model: a file, or the bytes of a ModelProto with all data inline.
class Model {
 public:
  Model(std::filesystem::path file) : file_(std::move(file)) {}  // NOLINT: a path is a model
  Model(const char* file) : file_(file) {}                       // NOLINT
  static Model from_bytes(std::string bytes);
  const std::filesystem::path& file() const noexcept { return file_; }
  /// Null for a file.
  const std::shared_ptr<const std::string>& bytes() const noexcept { return bytes_; }

 private:
  std::filesystem::path file_;
  std::shared_ptr<const std::string> bytes_;
};

/// Samples, and how many of them run at once where the model leaves that open.
using Data = pipeline::Supplied::Data;
/// Samples in memory.
Data samples(std::vector<Sample> all, std::int64_t batch_size = 1);
/// Of a model with one input; labels: none, or as many.
Data samples(const std::vector<Tensor>& inputs, const std::vector<Tensor>& labels = {}, std::int64_t batch_size = 1);

/// A score of one's own: runs the model as often as it likes.
using EvalFunction = std::function<double(const Session&)>;

/// Who says how good a model is: `eval_func`; or `metric` on `evaluation`; or what the configuration names.
struct Judge {
  std::optional<Data> evaluation = {};
  std::shared_ptr<Metric> metric = {};
  EvalFunction eval_func = {};
  bool higher_is_better = true;                              ///< of eval_func
  std::string engine = "onednn";                             ///< or reference, onednn-avx2, reference-avx2
  std::shared_ptr<const OutsideEngine> outside_engine = {};  ///< wins over `engine`
  std::function<bool()> should_stop = {};                    ///< asked between batches; the best so far is returned
};

struct QuantizeOptions : Judge {
  std::optional<Data> calibration = {};
  std::filesystem::path output = {};  ///< a directory; empty: inc_cpp_workspace/<model name>
  bool resume = false;                ///< goes on with what an ended run of the same question has left there
  /// Called once the space is known; `strategy_name` is what the report calls it.
  std::function<std::unique_ptr<const Strategy>(const SearchSpace&, const Knowledge&)> strategy = {};
  std::string strategy_name = "own";
  std::function<void(const pipeline::Progress&)> progress = {};
  std::function<void(const Observation&, std::size_t number)> on_trial = {};
};

struct QuantizeResult {
  report::Report report;        ///< statistics, operators with reasons, trials, the front
  std::filesystem::path model;  ///< the written model; report.html and report.json lie beside it
  bool met() const noexcept { return report.result.met; }
};

/// Tunes the model to its accuracy target. A missed target is a normal result, with the best model written.
QuantizeResult quantize(const Model& model, Config config = {}, const QuantizeOptions& options = {});
/// The model that the configuration names.
QuantizeResult quantize(const Config& config, const QuantizeOptions& options = {});

struct EvaluateResult {
  std::string metric;
  double accuracy = 0;
  std::int64_t samples = 0;
  double seconds = 0, model_seconds = 0;  ///< wall; `model_seconds`: inside the model only
};
/// Throws ConfigError where neither the options nor the configuration say what to measure.
EvaluateResult evaluate(const Model& model, const Config& config = {}, const Judge& judge = {});

using app::BenchmarkOptions;
struct BenchmarkResult {
  std::string label, precision;
  app::Summary latency_ms;
  double throughput = 0;                    ///< samples a second
  std::vector<runtime::StepProfile> steps;  ///< where `profile` asks for them
};
/// Precisions of one model in turn: "fp32", "int8" (ranges of random inputs), "bf16", "int8+bf16"; "": as it is.
std::vector<BenchmarkResult> benchmark(const Model& model, const std::vector<std::string>& precisions = {""},
                                       const BenchmarkOptions& options = {}, const std::string& engine = "onednn");

/// Where two forms of a model part ways, operator by operator.
using app::compare;
using app::CompareOptions;
using app::Comparison;

/// What this machine can do, and what to change.
using app::Diagnosis;
using app::DoctorOptions;
inline Diagnosis doctor(const DoctorOptions& options = {}) {
  return app::diagnose(options);
}
using app::to_json;
using app::to_text;

}  // namespace inc

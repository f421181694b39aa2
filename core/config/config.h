#pragma once
// The configuration: INC 1.14's vocabulary. One struct per YAML section, defaults as member initialisers; what is known
// of a member (name, doc, constraint) is its line in fields.h and nowhere else.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace inc::config {

/// A parsed YAML value kept generic: parameters of data sets, transforms and metrics are read by their own tables.
struct Parameter;
using ParameterList = std::vector<Parameter>;
using ParameterMap = std::vector<std::pair<std::string, Parameter>>;  ///< in file order
struct Parameter {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, ParameterList, ParameterMap> value;
  std::string where;  ///< "file:line:column"
};

/// A named thing with parameters: `topk: 1`, `Normalize: {mean: […]}`, `CIFAR10: {root: …}`.
struct Named {
  std::string name;
  Parameter parameter;
  std::string where;
};

struct Model {
  std::string name;
  std::string framework = "onnxrt_qdq";
  std::string path;
  std::string quantized = "keep";  ///< what becomes of Q/DQ that the model already has
};

struct Dataloader {
  std::int64_t batch_size = 1;
  std::string last_batch = "rollover";
  std::optional<Named> dataset;
  std::vector<Named> transform;  ///< in order
  bool shuffle = false;
  std::string where;
};

struct Calibration {
  std::vector<std::int64_t> sampling_size{100};
  std::optional<Dataloader> dataloader;
};

struct TensorRule {
  std::vector<std::string> granularity, scheme, dtype, algorithm;  ///< empty: not limited; dtype {"fp32"}: stay in FP32
};
struct WeightRule : TensorRule {
  std::vector<double> bit;         ///< below 8 means 7
  std::vector<std::string> bound;  ///< empty: what target.isa asks for
};
struct ActivationRule : TensorRule {};
struct OpRule {
  WeightRule weight;
  ActivationRule activation;
};

struct SmoothQuantArgs {
  std::vector<std::string> alpha;  ///< numbers 0..1, or "auto"; empty: auto
};
struct Recipes {
  bool first_conv_or_matmul_quantization = true, last_conv_or_matmul_quantization = true;
  bool pre_post_process_quantization = true;
  bool scale_propagation_max_pooling = true, scale_propagation_concat = true;
  bool fast_bias_correction = true;
  bool depthwise_per_channel = true;
  std::optional<bool> smooth_quant;  ///< absent: where it at least halves the output error
  SmoothQuantArgs smooth_quant_args;
  bool cross_layer_equalization = false;
  std::optional<bool> attention_quantization;  ///< absent: where heads are wide and the output error stays below twice
  bool channel_reordering = true;
  std::string placement = "anchors";
};

struct Quantization {
  std::string approach = "post_training_static_quant";
  Calibration calibration;
  Recipes recipes;
  OpRule model_wise;
  /// In file order, later rules win. Keys of op_wise are regular expressions (ECMAScript) on whole node names.
  std::vector<std::pair<std::string, OpRule>> optype_wise, op_wise;
};

struct OperatorList {
  std::vector<std::string> add, remove;  ///< ONNX operator types
};
struct MixedPrecision {
  std::vector<std::string> precisions;
  OperatorList allowlist, inferlist, denylist;
  /// As in Quantization; dtype bf16 or fp32.
  std::vector<std::pair<std::string, OpRule>> op_wise;
  std::string format = "plan";
};

struct Strategy {
  std::string name = "auto";
};
struct AccuracyCriterion {
  std::optional<double> relative, absolute;  ///< neither: relative 0.01
  std::optional<bool> higher_is_better;      ///< the metric's own; given, it must agree
};
struct MultiObjectives {
  std::vector<std::string> objective;
  std::vector<double> weight;          ///< as many, or none: all alike
  std::vector<bool> higher_is_better;  ///< as many, or none
};
struct ExitPolicy {
  double timeout = 0;
  std::int64_t max_trials = 100;
  bool performance_only = false;
};
struct Workspace {
  std::string path;
};
struct CostModel {
  bool keep_back = true;
  std::string profile_from;
};
struct Tuning {
  Strategy strategy;
  AccuracyCriterion accuracy_criterion;
  std::string objective = "performance";
  std::optional<MultiObjectives> multi_objectives;  ///< takes the place of `objective`
  ExitPolicy exit_policy;
  std::int64_t random_seed = 1978;
  Workspace workspace;
  CostModel cost_model;
};

struct Postprocess {
  std::vector<Named> transform;  ///< in order
};
struct AccuracyEvaluation {
  std::optional<Named> metric;
  std::vector<Named> multi_metrics;  ///< in file order, with INC's `weight` and `higher_is_better` among them
  std::optional<Dataloader> dataloader;
  Postprocess postprocess;
  std::int64_t iteration = -1;
};
struct PerformanceConfigs {
  std::optional<std::int64_t> cores_per_instance;
  std::int64_t num_of_instance = 1;
};
struct PerformanceEvaluation {
  std::int64_t warmup = 5;
  std::int64_t iteration = -1;
  PerformanceConfigs configs;
  std::optional<Dataloader> dataloader;
};
struct Evaluation {
  std::optional<AccuracyEvaluation> accuracy;
  std::optional<PerformanceEvaluation> performance;
};

struct Target {
  std::string isa = "any";  ///< which CPU the model is for
};

/// What a file asks for and does not get: a key, or a value for which another is read.
struct NotHonoured {
  std::string path;   ///< "tuning.tensorboard", "tuning.strategy.name: mse_v2"
  std::string why;    ///< "no TensorBoard files are written", "auto is used: …"
  std::string where;  ///< "file:line:column"

  std::string sentence() const { return where + ": " + path + " is not honoured: " + why; }
};

struct Config {
  double version = 1.0;
  Model model;
  std::string device = "cpu";
  std::optional<Quantization> quantization;
  std::optional<MixedPrecision> mixed_precision;
  std::optional<MixedPrecision> graph_optimization;  ///< INC's older name of mixed_precision; moved there when read
  Tuning tuning;
  std::optional<Evaluation> evaluation;
  Target target;
  std::filesystem::path file;             ///< the YAML file; relative paths in it are relative to its directory
  std::vector<NotHonoured> not_honoured;  ///< in file order, overrides last
};

/// `key.path=value`, as given to --set.
using Override = std::pair<std::string, std::string>;

/// Reads, expands ${VAR} and ${VAR:-default} in every value ($${ is a literal ${), applies overrides, checks. Throws
/// ConfigError with file:line:column, the key path, what was found, what was expected, and a suggestion. What INC knows and
/// this product does not do is listed in Config::not_honoured, unless it has the value that changes nothing
/// (`tensorboard: False`); it is an error where the result would be another than was asked for.
/// At most 1 MiB, one document, 32 levels and 20,000 values after aliases.
Config read_config(const std::filesystem::path& file, const std::vector<Override>& overrides = {});
Config read_config_text(const std::string& text, const std::filesystem::path& file,
                        const std::vector<Override>& overrides = {});
/// Throws ConfigError that names everything that is not honoured, if there is anything.
void require_honoured(const Config& config);
/// The resolved configuration as YAML: reading it gives an equal configuration.
std::string write_config(const Config& config);
/// The reference, from the fields: a Markdown page, or a JSON schema.
std::string schema_markdown();
std::string schema_json();

}  // namespace inc::config

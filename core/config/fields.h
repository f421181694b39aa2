#pragma once
// Everything known of a configuration field: one line `v(name, member, doc, constraint)` each. Keys of INC without a member:
// `v.absent(name, why, harmless)` is listed as not honoured and the run goes on, `v.refused(…)` is an error because the
// result would be another than was asked for; neither when the value is empty or the harmless one. Reader, writer and
// schemas are visitors over these functions.
#include "core/config/config.h"
#include "core/config/constraint.h"

namespace inc::config {

namespace facts {
inline constexpr std::string_view kOtherFramework =
    "only ONNX models are read; export the model to ONNX and write onnxrt_qdq";
inline constexpr std::string_view kNoRemote = "no remote services are used";
inline constexpr std::string_view kThreads = "use --threads of inc-cpp evaluate";
inline constexpr std::string_view kSymmetricWeights = "weights are quantized symmetrically";
inline constexpr std::string_view kNoFp16 = "not a precision of this product";
inline constexpr std::string_view kTraining = "it needs training";
inline constexpr std::string_view kOneThreadPool = "operators run one after another on one pool of threads";

inline constexpr Choice kFramework[] = {{"onnxrt_qdq"},
                                        {"onnxrt_qlinearops"},
                                        {"onnxrt_integerops"},
                                        {"tensorflow", kOtherFramework},
                                        {"tensorflow_itex", kOtherFramework},
                                        {"keras", kOtherFramework},
                                        {"pytorch", kOtherFramework},
                                        {"pytorch_fx", kOtherFramework},
                                        {"pytorch_ipex", kOtherFramework},
                                        {"mxnet", kOtherFramework},
                                        {"engine", kOtherFramework}};
inline constexpr Choice kQuantized[] = {{"keep"}, {"retune"}};
inline constexpr Choice kDevice[] = {{"cpu"}, {"gpu", "this product is for CPUs"}};
inline constexpr Choice kApproach[] = {
    {"post_training_static_quant"},
    {"post_training_dynamic_quant"},
    {"auto"},
    {"post_training_auto_quant", "", "auto"},
    {"quant_aware_training", "it needs training; quantize after training with post_training_static_quant"}};
inline constexpr Choice kLastBatch[] = {{"rollover"}, {"discard"}};
inline constexpr Choice kGranularity[] = {{"per_channel"}, {"per_tensor"}};
inline constexpr Choice kScheme[] = {{"asym"}, {"sym"}, {"asym_float", "scales are always floats", "asym"}};
inline constexpr Choice kWeightScheme[] = {
    {"sym"}, {"asym", kSymmetricWeights, "sym"}, {"asym_float", kSymmetricWeights, "sym"}};
inline constexpr Choice kWeightDtype[] = {
    {"int8"}, {"fp32"}, {"uint8", "weights are quantized to int8", "int8"}, {"bf16"}, {"fp16", kNoFp16, "fp32"}};
inline constexpr Choice kWeightBound[] = {{"pair_bounded"}, {"7bit"}, {"full"}};
inline constexpr Choice kActivationDtype[] = {{"uint8"}, {"int8"}, {"fp32"}, {"bf16"}, {"fp16", kNoFp16, "fp32"}};
inline constexpr Choice kWeightAlgorithm[] = {{"minmax"}};
inline constexpr Choice kActivationAlgorithm[] = {
    {"minmax"},     {"moving_average"},
    {"percentile"}, {"kl"},
    {"mse"},        {"placeholder", "it stands for PyTorch's observers", "minmax"}};
inline constexpr Choice kPrecision[] = {{"fp32"}, {"bf16"}, {"int8"}, {"fp16", kNoFp16, "fp32"}};
inline constexpr Choice kBf16Format[] = {{"plan"}, {"onnx"}};
inline constexpr Choice kPlacement[] = {{"anchors"}, {"everywhere"}};
inline constexpr Choice kStrategy[] = {{"basic"},
                                       {"random"},
                                       {"auto"},
                                       {"mse"},
                                       {"mse_v2", "it ranks operators by sensitivity, as auto does", "auto"},
                                       {"bayesian"},
                                       {"exhaustive"},
                                       {"tpe"},
                                       {"automixedprecision", "mixed_precision.precisions says what may be used", "auto"},
                                       {"conservative", "it leaves most operators in FP32", "auto"},
                                       {"hawq_v2", "it needs gradients; auto ranks operators without", "auto"},
                                       {"sigopt", kNoRemote, "bayesian"},
                                       {"dynas", "it searches architectures"}};
inline constexpr Choice kObjective[] = {{"performance"}, {"latency"}, {"accuracy"}, {"modelsize"}, {"footprint"}};
inline constexpr Choice kIsa[] = {
    {"any"}, {"host"}, {"avx2"}, {"avx512_core"}, {"avx512_core_vnni"}, {"avx512_core_bf16"}, {"avx512_core_amx"}};
}  // namespace facts

template <class V>
void fields(V& v, Model& s) {
  v("name", s.name, "Name in reports and of the output directory; empty: the model file's");
  v("framework", s.framework,
    "Form of the written model: QDQ, QLinear operators where they can say it, or integer operators for dynamic ranges",
    one_of(facts::kFramework));
  v("path", s.path, "The ONNX model, relative to this file; `--model` wins");
  v("quantized", s.quantized, "Q/DQ that the model already has: keep them, or return to FP32 and quantize anew",
    one_of(facts::kQuantized));
  v.absent("inputs", "an ONNX model names its inputs itself", "");
  v.absent("outputs", "an ONNX model names its outputs itself", "");
  v.refused("quant_format", "write the form as model.framework", "");
}

template <class V>
void fields(V& v, Dataloader& s) {
  v("batch_size", s.batch_size, "Samples per run of the model; a model with a fixed batch keeps its own", at_least(1));
  v("last_batch", s.last_batch, "What happens to an incomplete last batch", one_of(facts::kLastBatch));
  v("dataset", s.dataset, "One data set with its parameters (`inc-cpp list datasets`)");
  v("transform", s.transform, "Transforms with their parameters, applied in this order (`inc-cpp list transforms`)");
  v("shuffle", s.shuffle, "Read the samples in a shuffled, seeded order");
  v.absent("filter", "samples cannot be filtered; name the wanted ones with `first` and `count` of the data set", "");
  v.absent("distributed", "data is not split between processes", "false");
}

template <class V>
void fields(V& v, Calibration& s) {
  v("sampling_size", s.sampling_size, "Samples to calibrate with; of several numbers the largest", at_least(1));
  v("dataloader", s.dataloader, "Where calibration samples come from; absent: the evaluation's data set");
}

template <class V>
void fields(V& v, WeightRule& s) {
  v("granularity", s.granularity, "Scales per output channel or per tensor; empty: no limit", one_of(facts::kGranularity));
  v("scheme", s.scheme, "Symmetric or asymmetric; empty: no limit", one_of(facts::kWeightScheme));
  v("dtype", s.dtype, "Allowed types; fp32 alone keeps the operator in FP32; empty: no limit", one_of(facts::kWeightDtype));
  v("algorithm", s.algorithm, "Range methods; empty: no limit", one_of(facts::kWeightAlgorithm));
  v("bit", s.bit, "Significant bits; fewer than 8: 7, which cannot saturate on any CPU", between(7, 8));
  v("bound", s.bound,
    "Scales under which pairs of products fit into int16 (pair_bounded, 7bit), or full; empty: as target.isa needs",
    one_of(facts::kWeightBound));
}

template <class V>
void fields(V& v, ActivationRule& s) {
  v("granularity", s.granularity,
    "Scales per tensor, or per channel (depthwise convolutions only); empty: per channel where that is possible",
    one_of(facts::kGranularity));
  v("scheme", s.scheme, "Symmetric or asymmetric; empty: no limit", one_of(facts::kScheme));
  v("dtype", s.dtype, "Allowed types; fp32 alone keeps the operator in FP32; empty: no limit",
    one_of(facts::kActivationDtype));
  v("algorithm", s.algorithm, "Range methods; empty: no limit", one_of(facts::kActivationAlgorithm));
  v.absent("compute_dtype", "dynamic ranges are uint8", "uint8");
  v.absent("bit", "only weights can have fewer bits", "8");
}

template <class V>
void fields(V& v, OpRule& s) {
  v("weight", s.weight, "Limits on weights");
  v("activation", s.activation, "Limits on activations");
}

template <class V>
void fields(V& v, SmoothQuantArgs& s) {
  v("alpha", s.alpha, "Migration strengths 0 to 1, or auto; several are options of the search; empty: auto");
  v.absent("folding", "factors are always moved into the operator before, where it can take them", "true");
}

template <class V>
void fields(V& v, Recipes& s) {
  v("first_conv_or_matmul_quantization", s.first_conv_or_matmul_quantization, "The first of them may be INT8");
  v("last_conv_or_matmul_quantization", s.last_conv_or_matmul_quantization, "The last of them may be INT8");
  v("pre_post_process_quantization", s.pre_post_process_quantization,
    "INC's switch for operators before the first and behind the last Conv or MatMul: these never become INT8");
  v("scale_propagation_max_pooling", s.scale_propagation_max_pooling, "INT8 passes through pooling and shape operators");
  v("scale_propagation_concat", s.scale_propagation_concat, "INT8 passes through Concat");
  v("fast_bias_correction", s.fast_bias_correction,
    "Biases absorb the mean error of quantization, layer by layer, where held-back samples confirm it");
  v("depthwise_per_channel", s.depthwise_per_channel, "A scale per channel for the inputs of depthwise convolutions");
  v("smooth_quant", s.smooth_quant,
    "Move outliers of activations into the weights of MatMul, Gemm and Conv; absent: of MatMul and Gemm, where that halves "
    "the output error");
  v("smooth_quant_args", s.smooth_quant_args, "Its parameters");
  v("cross_layer_equalization", s.cross_layer_equalization, "Even out the channels between neighbouring convolutions");
  v("attention_quantization", s.attention_quantization,
    "The products of attention in INT8 too; absent: of heads 16 wide or wider, unless FP32 there halves the output error");
  v("channel_reordering", s.channel_reordering,
    "Put channels into an order in which large weights are summed with small ones, so that pair_bounded scales stay fine");
  v("placement", s.placement,
    "Where activations are quantized: before Conv, MatMul and Gemm, or around every operator beside them too (which costs "
    "accuracy, and shows how much)",
    one_of(facts::kPlacement));
  v.absent("weight_correction", "means of quantized weights are corrected by fast_bias_correction", "false");
  v.absent("layer_wise_quant", "weights are memory-mapped anyway", "false");
  v.absent("gemm_to_matmul", "Gemm is quantized as it is", "false");
  v.absent("graph_optimization_level", "fusions are this product's own (`inc-cpp inspect --fusions`)", "");
  v.absent("add_qdq_pair_to_weight", "weights are stored in INT8 with one DequantizeLinear", "false");
  v.absent("optypes_to_exclude_output_quant", "outputs are quantized only where an INT8 operator reads them", "");
  v.absent("dedicated_qdq_pair", "pairs are shared by the readers of a value", "false");
}

template <class V>
void fields(V& v, Quantization& s) {
  v("approach", s.approach, "How INT8 is reached", one_of(facts::kApproach));
  v("calibration", s.calibration, "Samples that fix the ranges of activations");
  v("recipes", s.recipes, "INC's switches");
  v("model_wise", s.model_wise, "Limits for every operator");
  v("optype_wise", s.optype_wise, "Limits by operator type, as in the ONNX model");
  v("op_wise", s.op_wise, "Limits by node name; keys are regular expressions on the whole name",
    Constraint{.pattern_keys = true});
  v.absent("advance", "biases are corrected by recipes.fast_bias_correction, which is the default", "");
  v.refused("train", facts::kTraining, "");
  v.absent("optimization_level", "the default strategy finds its own starting point", "1");
}

template <class V>
void fields(V& v, OperatorList& s) {
  v("add", s.add, "ONNX operator types to put on the list");
  v("remove", s.remove, "ONNX operator types to take off the list");
}

template <class V>
void fields(V& v, MixedPrecision& s) {
  v("precisions", s.precisions, "Precisions that may be used; bf16: where the CPU has it", one_of(facts::kPrecision));
  v("allowlist", s.allowlist, "Operators that are cast to BF16 (`inc-cpp list operators`)");
  v("inferlist", s.inferlist, "Operators that follow their neighbours");
  v("denylist", s.denylist, "Operators that keep FP32");
  v("op_wise", s.op_wise, "dtype bf16 or fp32 by node name; keys are regular expressions on the whole name",
    Constraint{.pattern_keys = true});
  v("format", s.format,
    "How BF16 is written: plan (FP32 operators that every runtime reads, and the plan in the metadata), or onnx (casts and "
    "BF16 weights)",
    one_of(facts::kBf16Format));
}

template <class V>
void fields(V& v, Strategy& s) {
  v("name", s.name, "Search strategy (`inc-cpp list strategies`)", one_of(facts::kStrategy));
  v.absent("sigopt_api_token", facts::kNoRemote, "");
  v.absent("sigopt_project_id", facts::kNoRemote, "");
  v.absent("sigopt_experiment_name", facts::kNoRemote, "");
  v.absent("accuracy_weight", "tpe meets the target before it looks at cost; weigh with tuning.multi_objectives", "1.0");
  v.absent("latency_weight", "tpe meets the target before it looks at cost; weigh with tuning.multi_objectives", "1.0");
  v.absent("confidence_batches", "no strategy takes it", "");
  v.absent("hawq_v2_loss", "no strategy takes it", "");
}

template <class V>
void fields(V& v, AccuracyCriterion& s) {
  v("relative", s.relative, "Tolerable loss as a share of the baseline; neither this nor `absolute`: 0.01",
    Constraint{.min = 0, .max = 1, .percent = true});
  v("absolute", s.absolute, "Tolerable loss in the metric's unit", Constraint{.min = 0, .percent = true});
  v("higher_is_better", s.higher_is_better, "The metric's own direction; given, it must agree");
}

template <class V>
void fields(V& v, MultiObjectives& s) {
  v("objective", s.objective, "As `tuning.objective`, several", one_of(facts::kObjective));
  v("weight", s.weight, "Of each, as many; none: all alike", at_least(0));
  v("higher_is_better", s.higher_is_better,
    "Of each, as many; only accuracy may be larger for better, and the metric knows its own direction");
}

template <class V>
void fields(V& v, ExitPolicy& s) {
  v("timeout", s.timeout, "Seconds to search; 0: stop at the first result that meets the criterion", at_least(0));
  v("max_trials", s.max_trials, "Trials at most", between(1, 1000000));
  v("performance_only", s.performance_only, "Quantize once, without evaluation");
}

template <class V>
void fields(V& v, Workspace& s) {
  v("path", s.path, "Output directory; `--output` wins; empty: `inc_cpp_workspace/` and the model's name");
  v.absent("resume", "a stopped run is continued from its journal with --resume", "");
}

template <class V>
void fields(V& v, CostModel& s) {
  v("keep_back", s.keep_back,
    "Measure operators in each precision, and keep those out of INT8 and BF16 that make the graph clearly slower");
  v("profile_from", s.profile_from,
    "A costs.json of an earlier run on this model, to decide by the times of another machine, or again by the same; with "
    "keep_back off, to rate candidates only; `--profile-from` wins");
}

template <class V>
void fields(V& v, Tuning& s) {
  v("strategy", s.strategy, "How the next trial is chosen");
  v("accuracy_criterion", s.accuracy_criterion, "The target");
  v("objective", s.objective,
    "What is made small while the target holds: the time of a sample (performance, latency), the loss of accuracy, the "
    "bytes of the model, the memory of a run",
    one_of(facts::kObjective));
  v("multi_objectives", s.multi_objectives, "Several at once, each as a share of FP32's; takes the place of `objective`");
  v("exit_policy", s.exit_policy, "When the search ends");
  v("random_seed", s.random_seed, "Seed of everything random", at_least(0));
  v("workspace", s.workspace, "Where results go");
  v("cost_model", s.cost_model, "What speed decides before the search");
  v.absent("tensorboard", "no TensorBoard files are written; see report.html", "false");
  v.absent("diagnosis", "use inc-cpp compare and report.html", "");
}

template <class V>
void fields(V& v, Postprocess& s) {
  v("transform", s.transform,
    "Steps with their parameters, applied in this order to outputs and labels (`inc-cpp list postprocess`)");
}

template <class V>
void fields(V& v, AccuracyEvaluation& s) {
  v("metric", s.metric, "One metric with its parameters (`inc-cpp list metrics`)");
  v("multi_metrics", s.multi_metrics,
    "Several metrics instead, each of which must meet the criterion; with `weight`, a list of numbers, their weighted sum "
    "must; `higher_is_better`, a list, is checked");
  v("dataloader", s.dataloader, "Where evaluation samples come from");
  v("iteration", s.iteration, "Batches to evaluate; -1 or 0: all", at_least(-1));
  v("postprocess", s.postprocess, "What is made of the outputs before the metric sees them");
  v.absent("configs", facts::kThreads, "");
}

template <class V>
void fields(V& v, PerformanceConfigs& s) {
  v("cores_per_instance", s.cores_per_instance, "Threads of one instance; absent: all cores", at_least(1));
  v("num_of_instance", s.num_of_instance, "Instances side by side", at_least(1));
  v.absent("inter_num_of_threads", facts::kOneThreadPool, "1");
  v.absent("intra_num_of_threads", "an instance has as many threads as cores; use cores_per_instance", "");
  v.absent("kmp_blocktime", "threads are GNU OpenMP's; set OMP_WAIT_POLICY", "");
  v.absent("kmp_affinity", "threads are GNU OpenMP's; set OMP_PROC_BIND", "");
}

template <class V>
void fields(V& v, PerformanceEvaluation& s) {
  v("warmup", s.warmup, "Runs before the clock starts", at_least(0));
  v("iteration", s.iteration, "Runs to time; -1: as many as the duration allows", at_least(-1));
  v("configs", s.configs, "Threads and instances");
  v("dataloader", s.dataloader, "Samples to run on, and their batch size; absent: generated ones");
  v.absent("postprocess", "only the model is timed", "");
}

template <class V>
void fields(V& v, Evaluation& s) {
  v("accuracy", s.accuracy, "How accuracy is measured");
  v("performance", s.performance, "What inc-cpp benchmark does where its options say nothing else");
}

template <class V>
void fields(V& v, Target& s) {
  v("isa", s.isa, "CPUs the model is for; `any`: the same accuracy on all of them", one_of(facts::kIsa));
}

template <class V>
void fields(V& v, Config& s) {
  v("version", s.version, "Version of the file format", between(1, 1));
  v("model", s.model, "The model");
  v("device", s.device, "Where the model runs", one_of(facts::kDevice));
  v("quantization", s.quantization, "INT8");
  v("mixed_precision", s.mixed_precision, "Precisions besides INT8; absent: FP32 only");
  v("graph_optimization", s.graph_optimization, "INC's older name of mixed_precision");
  v("tuning", s.tuning, "The search");
  v("evaluation", s.evaluation, "Accuracy and speed");
  v("target", s.target, "The CPU the model is for");
  v.absent("use_bf16", "BF16 is used where mixed_precision.precisions names it", "false");
  v.absent("optimization_level", "fusions are always applied", "1");
  v.refused("pruning", facts::kTraining, "");
  v.refused("distillation", facts::kTraining, "");
  v.refused("self_distillation", facts::kTraining, "");
  v.refused("auto_distillation", facts::kTraining, "");
  v.refused("flash_distillation", facts::kTraining, "");
  v.refused("nas", facts::kTraining, "");
  v.refused("train", facts::kTraining, "");
  v.refused("model_conversion", facts::kOtherFramework, "");
}

}  // namespace inc::config

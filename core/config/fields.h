#pragma once
// Everything known of a configuration field: one line `v(name, member, doc, constraint)` each. `v.refused(name, why,
// harmless)` lists a key of INC that is not honoured: it is an error unless it is empty or carries the harmless value.
// Reader, writer and schemas are visitors over these functions.
#include "core/config/config.h"
#include "core/config/constraint.h"

namespace inc::config {

namespace facts {
inline constexpr std::string_view kOtherFramework =
    "only ONNX models are read; export the model to ONNX and write onnxrt_qdq";
inline constexpr std::string_view kNotYet = "not available yet";
inline constexpr std::string_view kNoRemote = "no remote services are used";
inline constexpr std::string_view kThreads = "use --threads and --instances of inc-cpp benchmark";

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
    {"quant_aware_training", "it needs training; quantize after training with post_training_static_quant"}};
inline constexpr Choice kLastBatch[] = {{"rollover"}, {"discard"}};
inline constexpr Choice kGranularity[] = {{"per_channel"}, {"per_tensor"}};
inline constexpr Choice kScheme[] = {{"asym"}, {"sym"}, {"asym_float", "scales are always floats; write asym"}};
inline constexpr Choice kWeightScheme[] = {
    {"sym"}, {"asym", "weights are quantized symmetrically"}, {"asym_float", "weights are quantized symmetrically"}};
inline constexpr Choice kWeightDtype[] = {
    {"int8"}, {"fp32"}, {"uint8", "weights are quantized to int8"}, {"bf16"}, {"fp16", "not a precision of this product"}};
inline constexpr Choice kWeightBound[] = {{"pair_bounded"}, {"7bit"}, {"full"}};
inline constexpr Choice kActivationDtype[] = {
    {"uint8"}, {"int8"}, {"fp32"}, {"bf16"}, {"fp16", "not a precision of this product"}};
inline constexpr Choice kWeightAlgorithm[] = {{"minmax"}};
inline constexpr Choice kActivationAlgorithm[] = {
    {"minmax"}, {"moving_average"}, {"percentile"}, {"kl"}, {"mse"}, {"placeholder", "write minmax"}};
inline constexpr Choice kPrecision[] = {{"fp32"}, {"bf16"}, {"int8"}, {"fp16", "not a precision of this product"}};
inline constexpr Choice kBf16Format[] = {{"plan"}, {"onnx"}};
inline constexpr Choice kPlacement[] = {{"anchors"}, {"everywhere"}};
inline constexpr Choice kStrategy[] = {{"basic"},
                                       {"random"},
                                       {"auto"},
                                       {"mse"},
                                       {"mse_v2", "it ranks operators by sensitivity as auto does; use auto"},
                                       {"bayesian"},
                                       {"exhaustive"},
                                       {"tpe"},
                                       {"automixedprecision", "name bf16 in mixed_precision.precisions and use auto"},
                                       {"conservative", "it leaves most operators in FP32; use auto"},
                                       {"hawq_v2", "it needs gradients; use basic"},
                                       {"sigopt", kNoRemote},
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
  v("inputs", s.inputs, "Accepted from INC's files; the model's own inputs are used");
  v("outputs", s.outputs, "Accepted from INC's files; the model's own outputs are used");
  v("quantized", s.quantized, "Q/DQ that the model already has: keep them, or return to FP32 and quantize anew",
    one_of(facts::kQuantized));
  v.refused("quant_format", "write the form as model.framework", "");
}

template <class V>
void fields(V& v, Dataloader& s) {
  v("batch_size", s.batch_size, "Samples per run of the model; a model with a fixed batch keeps its own", at_least(1));
  v("last_batch", s.last_batch, "What happens to an incomplete last batch", one_of(facts::kLastBatch));
  v("dataset", s.dataset, "One data set with its parameters (`inc-cpp list datasets`)");
  v("transform", s.transform, "Transforms with their parameters, applied in this order (`inc-cpp list transforms`)");
  v("shuffle", s.shuffle, "Read the samples in a shuffled, seeded order");
  v.refused("filter", "samples cannot be filtered; name the wanted ones with `first` and `count` of the data set", "");
  v.refused("distributed", "data is not split between processes", "false");
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
  v.refused("bit", "only weights can have fewer bits", "8");
}

template <class V>
void fields(V& v, OpRule& s) {
  v("weight", s.weight, "Limits on weights");
  v("activation", s.activation, "Limits on activations");
}

template <class V>
void fields(V& v, SmoothQuantArgs& s) {
  v("alpha", s.alpha, "Migration strengths 0 to 1, or auto; several are options of the search; empty: auto");
  v.refused("folding", "factors are always moved into the operator before, where it can take them", "true");
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
  v("channel_reordering", s.channel_reordering,
    "Put channels into an order in which large weights are summed with small ones, so that pair_bounded scales stay fine");
  v("placement", s.placement,
    "Where activations are quantized: before Conv, MatMul and Gemm, or around every operator beside them too (which costs "
    "accuracy, and shows how much)",
    one_of(facts::kPlacement));
  v.refused("weight_correction", "means of quantized weights are corrected by fast_bias_correction", "false");
  v.refused("layer_wise_quant", "weights are memory-mapped anyway", "false");
  v.refused("gemm_to_matmul", "Gemm is quantized as it is", "false");
  v.refused("graph_optimization_level", "fusions are this product's own (`inc-cpp inspect --fusions`)", "");
  v.refused("add_qdq_pair_to_weight", "weights are stored in INT8 with one DequantizeLinear", "false");
  v.refused("optypes_to_exclude_output_quant", "outputs are quantized only where an INT8 operator reads them", "");
  v.refused("dedicated_qdq_pair", "pairs are shared by the readers of a value", "false");
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
  v.refused("advance", "write recipes: {fast_bias_correction: True}, which is the default", "");
  v.refused("train", "it needs training", "");
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
  v.refused("sigopt_api_token", facts::kNoRemote, "");
  v.refused("sigopt_project_id", facts::kNoRemote, "");
  v.refused("sigopt_experiment_name", facts::kNoRemote, "");
  v.refused("accuracy_weight", "tpe meets the target before it looks at cost; weigh with tuning.multi_objectives", "1.0");
  v.refused("latency_weight", "tpe meets the target before it looks at cost; weigh with tuning.multi_objectives", "1.0");
  v.refused("confidence_batches", "strategy mse_v2 is not supported", "");
  v.refused("hawq_v2_loss", "it needs gradients", "");
}

template <class V>
void fields(V& v, AccuracyCriterion& s) {
  v("relative", s.relative, "Tolerable loss as a share of the baseline; neither this nor `absolute`: 0.01",
    Constraint{.min = 0, .max = 1, .percent = true});
  v("absolute", s.absolute, "Tolerable loss in the metric's unit", Constraint{.min = 0, .percent = true});
  v("higher_is_better", s.higher_is_better, "Accepted from INC's files; the metric knows its own direction");
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
  v.refused("resume", "a stopped run is continued from its journal with --resume", "");
}

template <class V>
void fields(V& v, CostModel& s) {
  v("keep_back", s.keep_back,
    "Measure operators in each precision, and keep those out of INT8 and BF16 that make the graph clearly slower");
  v("profile_from", s.profile_from,
    "A costs.json of an earlier run on this model, to decide by the times of another machine, or again by the same; "
    "`--profile-from` wins");
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
  v.refused("tensorboard", "no TensorBoard files are written; see report.html", "false");
  v.refused("diagnosis", "use inc-cpp compare and report.html", "");
}

template <class V>
void fields(V& v, AccuracyEvaluation& s) {
  v("metric", s.metric, "One metric with its parameters (`inc-cpp list metrics`)");
  v("multi_metrics", s.multi_metrics,
    "Several metrics instead, each of which must meet the criterion; with `weight`, a list of numbers, their weighted sum "
    "must; `higher_is_better`, a list, is checked");
  v("dataloader", s.dataloader, "Where evaluation samples come from");
  v("iteration", s.iteration, "Batches to evaluate; -1 or 0: all", at_least(-1));
  v.refused("postprocess", facts::kNotYet, "");
  v.refused("configs", facts::kThreads, "");
}

template <class V>
void fields(V& v, PerformanceConfigs& s) {
  v("cores_per_instance", s.cores_per_instance, "Threads of one instance; absent: all cores", at_least(1));
  v("num_of_instance", s.num_of_instance, "Instances side by side", at_least(1));
  v.refused("inter_num_of_threads", "operators run one after another", "1");
  v.refused("intra_num_of_threads", "use cores_per_instance", "");
  v.refused("kmp_blocktime", "threads are GNU OpenMP's; set OMP_WAIT_POLICY", "");
  v.refused("kmp_affinity", "threads are GNU OpenMP's; set OMP_PROC_BIND", "");
}

template <class V>
void fields(V& v, PerformanceEvaluation& s) {
  v("warmup", s.warmup, "Runs before the clock starts", at_least(0));
  v("iteration", s.iteration, "Runs to time; -1: as many as the duration allows", at_least(-1));
  v("configs", s.configs, "Threads and instances");
  v("dataloader", s.dataloader, "Samples to run on; absent: generated ones");
  v.refused("postprocess", "only the model is timed", "");
}

template <class V>
void fields(V& v, Evaluation& s) {
  v("accuracy", s.accuracy, "How accuracy is measured");
  v("performance", s.performance, "How speed is measured; checked, not used yet",
    Constraint{.notice = "speed is measured with the options of inc-cpp benchmark; this section is not used yet"});
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
  v("tuning", s.tuning, "The search");
  v("evaluation", s.evaluation, "Accuracy and speed");
  v("target", s.target, "The CPU the model is for");
  v.refused("graph_optimization", "fusions are always applied; write quantization", "");
  v.refused("pruning", "it needs training", "");
  v.refused("distillation", "it needs training", "");
  v.refused("self_distillation", "it needs training", "");
  v.refused("auto_distillation", "it needs training", "");
  v.refused("flash_distillation", "it needs training", "");
  v.refused("nas", "it needs training", "");
  v.refused("model_conversion", facts::kOtherFramework, "");
}

}  // namespace inc::config

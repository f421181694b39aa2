#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/error.h"
#include "core/config/config.h"

namespace inc::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Config read(const std::string& text, const std::vector<Override>& overrides = {}) {
  return read_config_text(text, "c.yaml", overrides);
}

std::string refusal(const std::string& text, const std::vector<Override>& overrides = {}) {
  try {
    read(text, overrides);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(ReadConfig, AnEmptyFileGivesTheDefaults) {
  const Config config = read("");
  EXPECT_EQ(config.tuning.strategy.name, "auto");
  EXPECT_EQ(config.tuning.exit_policy.max_trials, 100);
  EXPECT_FALSE(config.quantization.has_value());
  EXPECT_EQ(config.target.isa, "any");
}

TEST(ReadConfig, ReadsEverySectionOfAnOldFile) {
  const Config config = read(R"(
version: 1.0
model: {name: resnet20, framework: onnxrt_qdq, inputs: x, outputs: [y, z], path: m.onnx}
device: cpu
quantization:
  approach: post_training_static_quant
  calibration:
    sampling_size: 50, 100
    dataloader:
      batch_size: 5
      last_batch: discard
      dataset: {CIFAR10: {root: /d, files: [a, b]}}
      transform: {Rescale: {}, Normalize: {mean: [0.5, 1], std: [1, 1]}, Transpose: {perm: [2, 0, 1]}}
  recipes: {first_conv_or_matmul_quantization: True, fast_bias_correction: False}
  model_wise: {activation: {algorithm: minmax, scheme: [sym]}, weight: {bit: 7.0, granularity: per_tensor}}
  optype_wise: {Conv: {weight: {dtype: [fp32]}}}
  op_wise: {"conv_.*": {activation: {dtype: ['fp32']}}}
mixed_precision: {precisions: fp32}
tuning:
  strategy: {name: random, accuracy_weight: 1.0}
  accuracy_criterion: {relative: 1%, higher_is_better: no}
  exit_policy: {timeout: 60, max_trials: 7, performance_only: True}
  random_seed: 9527
  tensorboard: False
evaluation:
  accuracy: {metric: {topk: 1}, iteration: 3}
  performance: {warmup: 1, iteration: 2, configs: {cores_per_instance: 4, num_of_instance: 2}}
)");
  const auto& calibration = config.quantization->calibration;
  EXPECT_THAT(calibration.sampling_size, ElementsAre(50, 100));
  EXPECT_EQ(calibration.dataloader->dataset->name, "CIFAR10");
  EXPECT_EQ(calibration.dataloader->dataset->where, "c.yaml:12:17");
  ASSERT_EQ(calibration.dataloader->transform.size(), 3u);
  EXPECT_EQ(calibration.dataloader->transform[1].name, "Normalize");
  const auto& normalize = std::get<ParameterMap>(calibration.dataloader->transform[1].parameter.value);
  const auto& mean = std::get<ParameterList>(normalize[0].second.value);
  EXPECT_DOUBLE_EQ(std::get<double>(mean[0].value), 0.5);
  EXPECT_EQ(std::get<std::int64_t>(mean[1].value), 1);
  EXPECT_THAT(config.quantization->model_wise.weight.bit, ElementsAre(7.0));
  EXPECT_THAT(config.quantization->model_wise.weight.granularity, ElementsAre("per_tensor"));
  EXPECT_EQ(config.quantization->optype_wise[0].first, "Conv");
  EXPECT_THAT(config.quantization->op_wise[0].second.activation.dtype, ElementsAre("fp32"));
  EXPECT_DOUBLE_EQ(*config.tuning.accuracy_criterion.relative, 0.01);
  EXPECT_EQ(config.tuning.accuracy_criterion.higher_is_better, false);
  EXPECT_DOUBLE_EQ(config.tuning.exit_policy.timeout, 60);
  EXPECT_TRUE(config.tuning.exit_policy.performance_only);
  EXPECT_EQ(config.evaluation->accuracy->metric->name, "topk");
  EXPECT_EQ(*config.evaluation->performance->configs.cores_per_instance, 4);
  ASSERT_EQ(config.not_honoured.size(), 2u);
  EXPECT_EQ(config.not_honoured[0].path, "model.inputs");
  EXPECT_EQ(config.not_honoured[1].path, "model.outputs");
}

TEST(ReadConfig, SeveralMetricsKeepTheirOrderWeightsAmongThem) {
  const Config config =
      read("evaluation: {accuracy: {multi_metrics: {topk: 5, MSE: {compare_label: False}, weight: [1, 0.5]}}}");
  std::vector<std::string> names;
  for (const auto& named : config.evaluation->accuracy->multi_metrics) names.push_back(named.name);
  EXPECT_THAT(names, ElementsAre("topk", "MSE", "weight"));
  EXPECT_FALSE(config.evaluation->accuracy->metric.has_value());
}

TEST(ReadConfig, SamplingSizeIsOneNumberATextOrAList) {
  for (const char* form : {"50", "\"50\"", "[50]"}) {
    EXPECT_THAT(read(std::string("quantization: {calibration: {sampling_size: ") + form + "}}")
                    .quantization->calibration.sampling_size,
                ElementsAre(50));
  }
}

TEST(ReadConfig, EveryOnnxFormatIsHonoured) {
  for (const char* format : {"onnxrt_qdq", "onnxrt_qlinearops", "onnxrt_integerops"}) {
    const Config config = read(std::string("model:\n  framework: ") + format + "\n");
    EXPECT_EQ(config.model.framework, format);
    EXPECT_TRUE(config.not_honoured.empty());
  }
}

TEST(ReadConfig, MixedPrecisionTakesListsAndRules) {
  const Config config = read(R"(
mixed_precision:
  precisions: bf16
  allowlist: {add: Softmax, remove: [Conv]}
  op_wise: {head/.*: {activation: {dtype: fp32}}}
)");
  const MixedPrecision& mixed = config.mixed_precision.value();
  EXPECT_THAT(mixed.precisions, ElementsAre("bf16"));
  EXPECT_THAT(mixed.allowlist.add, ElementsAre("Softmax"));
  EXPECT_THAT(mixed.allowlist.remove, ElementsAre("Conv"));
  ASSERT_EQ(mixed.op_wise.size(), 1u);
  EXPECT_THAT(mixed.op_wise[0].second.activation.dtype, ElementsAre("fp32"));
}

TEST(ReadConfig, RecipesAreOnOrOff) {
  const Config usual = read("quantization: {}\n");
  EXPECT_TRUE(usual.quantization->recipes.fast_bias_correction);
  EXPECT_FALSE(usual.quantization->recipes.smooth_quant.has_value());
  const Config given = read(
      "quantization: {recipes: {fast_bias_correction: False, smooth_quant: True, smooth_quant_args: {alpha: [0.5, auto]}}}");
  EXPECT_FALSE(given.quantization->recipes.fast_bias_correction);
  EXPECT_EQ(given.quantization->recipes.smooth_quant, true);
  EXPECT_THAT(given.quantization->recipes.smooth_quant_args.alpha, ElementsAre("0.5", "auto"));
}

struct Case {
  const char* text;
  const char* message;
};

class Refusals : public ::testing::TestWithParam<Case> {};

TEST_P(Refusals, SayPlaceFoundAndExpected) {
  EXPECT_THAT(refusal(GetParam().text), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    ReadConfig, Refusals,
    ::testing::Values(
        Case{"tuning:\n  exit_policy:\n    max_trial: 3\n",
             "c.yaml:3:5: unknown key 'max_trial' in tuning.exit_policy; did you mean 'max_trials'?"},
        Case{"tunning: {}", "c.yaml:1:1: unknown key 'tunning' in the configuration; did you mean 'tuning'?"},
        Case{"target: {zzzzzz: 1}", "unknown key 'zzzzzz' in target; expected one of isa"},
        Case{"tuning: {exit_policy: {max_trials: abc}}",
             "c.yaml:1:36: tuning.exit_policy.max_trials: expected an integer, found 'abc'"},
        Case{"tuning: {exit_policy: {max_trials: \"7\"}}", "expected an integer, found the text '7'"},
        Case{"tuning: {exit_policy: {max_trials: 1.5}}", "expected an integer, found '1.5'"},
        Case{"tuning: {exit_policy: {max_trials: [1]}}", "expected an integer, found a list"},
        Case{"tuning: {exit_policy: {max_trials: }}", "expected an integer, found nothing"},
        Case{"tuning: {exit_policy: {max_trials: 0}}", "max_trials: out of range: 0 (expected 1 to 1000000)"},
        Case{"tuning: {random_seed: 99999999999999999999}", "tuning.random_seed: out of range: '99999999999999999999'"},
        Case{"tuning: {exit_policy: {timeout: .nan}}",
             "tuning.exit_policy.timeout: out of range: .nan (expected at least 0)"},
        Case{"tuning: {exit_policy: {timeout: .inf}}", "tuning.exit_policy.timeout: out of range: .inf"},
        Case{"tuning: {exit_policy: {timeout: nan}}", "tuning.exit_policy.timeout: expected a number, found 'nan'"},
        Case{"tuning: {exit_policy: {performance_only: 1}}", "performance_only: expected True or False, found '1'"},
        Case{"tuning: {accuracy_criterion: {relative: 101%}}", "relative: out of range: 101% (expected 0 to 1)"},
        Case{"tuning:\n  accuracy_criterion: {relative: 0.1, absolute: 1}",
             "c.yaml:2:3: tuning.accuracy_criterion: expected relative or absolute, found both"},
        Case{"tuning: {strategy: {name: baisc}}", "unknown value 'baisc'; did you mean 'basic'? expected basic or random"},
        Case{"tuning: {strategy: 5}", "tuning.strategy: expected a map, found '5'"},
        Case{"device: gpu", "c.yaml:1:9: device: 'gpu' is not supported: this product is for CPUs"},
        Case{"model: {framework: tensorflow}", "'tensorflow' is not supported: only ONNX models are read"},
        Case{"version: 2.0", "version: out of range: 2.0 (expected 1)"},
        Case{"evaluation: {accuracy: {dataloader: {dataset: {A: , B: }}}}", "expected one name with parameters, found 2"},
        Case{"quantization: {calibration: {sampling_size: []}}",
             "sampling_size: expected at least one integer, found a list"},
        Case{"quantization: {calibration: {sampling_size: 10,-1}}", "sampling_size"},
        Case{"quantization: {op_wise: {'a[': {}}}", "'a[' is not a regular expression"},
        Case{"a: 1\na: 2", "c.yaml:2:1: key 'a' is given twice"}, Case{"- a", "c.yaml:1:1: expected a map of sections"},
        Case{"? [a]\n: b", "a key must be plain text"}, Case{"device: !python cpu", "tag '!python' is not supported"},
        Case{"device: cpu\n---\ndevice: cpu", "c.yaml:2:1: expected one YAML document"},
        Case{",device: cpu", "expected one YAML document"}, Case{"device: [", "not valid YAML"}));

std::vector<std::string> dishonoured(const std::string& text) {
  std::vector<std::string> paths;
  for (const NotHonoured& item : read(text).not_honoured) paths.push_back(item.path);
  return paths;
}

TEST(ReadConfig, WhatIncKnowsAndIsNotHonouredIsListedAndTheFileLoads) {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"quantization: {advance: {bias_correction: weight_empirical}}", "quantization.advance"},
      {"quantization: {recipes: {weight_correction: True}}", "quantization.recipes.weight_correction"},
      {"quantization: {model_wise: {activation: {algorithm: placeholder}}}",
       "quantization.model_wise.activation.algorithm: placeholder"},
      {"quantization: {op_wise: {a: {weight: {scheme: [asym]}}}}", "quantization.op_wise.a.weight.scheme: asym"},
      {"mixed_precision: {precisions: [fp16]}", "mixed_precision.precisions: fp16"},
      {"quantization: {calibration: {dataloader: {filter: {LabelBalance: {size: 1}}}}}",
       "quantization.calibration.dataloader.filter"},
      {"quantization: {calibration: {dataloader: {distributed: True}}}", "quantization.calibration.dataloader.distributed"},
      {"tuning: {tensorboard: True}", "tuning.tensorboard"},
      {"tuning: {diagnosis: {diagnosis_after_tuning: True}}", "tuning.diagnosis"},
      {"tuning: {workspace: {resume: x}}", "tuning.workspace.resume"},
      {"tuning: {strategy: {name: mse_v2}}", "tuning.strategy.name: mse_v2"},
      {"tuning: {strategy: {sigopt_api_token: x}}", "tuning.strategy.sigopt_api_token"},
      {"tuning: {strategy: {accuracy_weight: 0.5}}", "tuning.strategy.accuracy_weight"},
      {"evaluation: {performance: {configs: {kmp_blocktime: 1}}}", "evaluation.performance.configs.kmp_blocktime"},
      {"evaluation: {performance: {postprocess: {transform: {LabelShift: 1}}}}", "evaluation.performance.postprocess"},
      {"use_bf16: True", "use_bf16"}};
  for (const auto& [text, path] : files) EXPECT_THAT(dishonoured(text), ElementsAre(path)) << text;
}

TEST(ReadConfig, NotHonouredIsInFileOrderWithPlaceAndReason) {
  const Config config = read("tuning:\n  tensorboard: True\n  strategy:\n    name: sigopt\n    sigopt_api_token: secret\n",
                             {{"tuning.diagnosis", "x"}});
  EXPECT_EQ(config.tuning.strategy.name, "bayesian");
  ASSERT_EQ(config.not_honoured.size(), 4u);
  EXPECT_EQ(config.not_honoured[1].sentence(),
            "c.yaml:4:11: tuning.strategy.name: sigopt is not honoured: bayesian is used: no remote services are used");
  EXPECT_EQ(config.not_honoured[0].path, "tuning.tensorboard");
  EXPECT_EQ(config.not_honoured[2].where, "c.yaml:5:5");
  EXPECT_EQ(config.not_honoured[3].where, "--set tuning.diagnosis=x");
}

TEST(ReadConfig, AllThatIsNotHonouredIsOneErrorWhereNothingElseWillDo) {
  EXPECT_NO_THROW(require_honoured(read("tuning: {tensorboard: False}")));
  try {
    require_honoured(read("tuning: {tensorboard: True, diagnosis: {op_list: [a]}}"));
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(std::string(e.what()),
                AllOf(HasSubstr("these are not honoured"), HasSubstr("c.yaml:1:10: tuning.tensorboard"),
                      HasSubstr("c.yaml:1:29: tuning.diagnosis")));
  }
}

TEST(ReadConfig, ValuesThatChangeNothingAreNotListed) {
  EXPECT_THAT(dishonoured("tuning: {tensorboard: no, diagnosis: , strategy: {latency_weight: 1}}"), ElementsAre());
  EXPECT_THAT(dishonoured("quantization: {recipes: {weight_correction: False}, optimization_level: 1}"), ElementsAre());
}

TEST(ReadConfig, AnotherWordForAValueIsThatValue) {
  const Config config = read("quantization: {approach: post_training_auto_quant}");
  EXPECT_EQ(config.quantization->approach, "auto");
  EXPECT_TRUE(config.not_honoured.empty());
}

TEST(ReadConfig, WhatWouldGiveAnotherResultThanAskedForIsAnError) {
  for (const char* text : {"quantization: {approach: quant_aware_training}", "pruning: {approach: x}", "device: gpu",
                           "model: {framework: pytorch}", "distillation: {train: 1}", "quantization: {train: {epoch: 1}}"})
    EXPECT_THAT(refusal(text), HasSubstr("is not supported: ")) << text;
}

TEST(ReadConfig, GraphOptimizationIsMixedPrecision) {
  const Config config = read("graph_optimization: {precisions: bf16}");
  EXPECT_THAT(config.mixed_precision->precisions, ElementsAre("bf16"));
  EXPECT_FALSE(config.graph_optimization.has_value());
  EXPECT_THAT(refusal("mixed_precision: {}\ngraph_optimization: {}\n"), StartsWith("c.yaml:2:1: graph_optimization is"));
}

TEST(ReadConfig, TextsInOneTextAreSeparatedByCommasOrBlanks) {
  EXPECT_THAT(read("quantization: {calibration: {sampling_size: 50 100}}").quantization->calibration.sampling_size,
              ElementsAre(50, 100));
  EXPECT_THAT(read("mixed_precision: {precisions: 'fp32  bf16'}").mixed_precision->precisions, ElementsAre("fp32", "bf16"));
}

TEST(ReadConfig, SeveralObjectivesHaveTheirWeightsAndDirections) {
  const auto several = read(R"(
tuning:
  multi_objectives:
    objective: [accuracy, performance]
    higher_is_better: [True, False]
    weight: [0.8, 0.2]
)")
                           .tuning.multi_objectives;
  ASSERT_TRUE(several.has_value());
  EXPECT_THAT(several->objective, ElementsAre("accuracy", "performance"));
  EXPECT_THAT(several->weight, ElementsAre(0.8, 0.2));
  EXPECT_THAT(several->higher_is_better, ElementsAre(true, false));
  const auto why = [](const std::string& body) { return refusal("tuning: {multi_objectives: {" + body + "}}"); };
  EXPECT_THAT(why(""), HasSubstr("at least one objective"));
  EXPECT_THAT(why("objective: speed"), HasSubstr("tuning.multi_objectives.objective"));
  EXPECT_THAT(why("objective: [performance, modelsize], weight: 1"), HasSubstr("each of 2 objectives, found 1"));
  EXPECT_THAT(why("objective: [performance, modelsize], weight: [0, 0]"), HasSubstr("a weight above 0"));
  EXPECT_THAT(why("objective: performance, weight: [-1]"), HasSubstr("out of range"));
  EXPECT_THAT(why("objective: performance, weight: [much]"), HasSubstr("a number"));
  EXPECT_THAT(why("objective: footprint, higher_is_better: True"), HasSubstr("False for footprint, found True"));
}

TEST(ReadConfig, MergeKeysAndAliasesWork) {
  const Config config = read(R"(
evaluation:
  accuracy:
    dataloader: &base {batch_size: 3, shuffle: True}
  performance:
    dataloader: {<<: *base, batch_size: 1}
)");
  EXPECT_EQ(config.evaluation->performance->dataloader->batch_size, 1);
  EXPECT_TRUE(config.evaluation->performance->dataloader->shuffle);
}

TEST(ReadConfig, VariablesAreExpandedInValues) {
  ::setenv("INC_TEST_NAME", "${NOT} again", 1);
  ::setenv("INC_TEST_EMPTY", "", 1);
  ::setenv("INC_TEST_COUNT", "12", 1);
  ::unsetenv("INC_TEST_UNSET");
  EXPECT_EQ(read("model: {name: \"<${INC_TEST_NAME}>\"}").model.name, "<${NOT} again>");
  EXPECT_EQ(read("model:\n  name: ${INC_TEST_UNSET:-a${INC_TEST_COUNT}}b\n").model.name, "a12b");
  EXPECT_EQ(read("model:\n  name: x${INC_TEST_EMPTY:-full}\n").model.name, "xfull");
  EXPECT_EQ(read("model:\n  name: $${HOME} $5\n").model.name, "${HOME} $5");
  EXPECT_EQ(read("tuning:\n  random_seed: ${INC_TEST_COUNT}\n").tuning.random_seed, 12);
  EXPECT_EQ(refusal("model:\n  name: ${INC_TEST_UNSET}\n"),
            "c.yaml:2:9: environment variable 'INC_TEST_UNSET' is not set; set it or write ${INC_TEST_UNSET:-default}");
  EXPECT_THAT(refusal("model:\n  name: ${INC_TEST\n"), HasSubstr("'${' without '}'"));
  EXPECT_THAT(refusal("model:\n  name: ${a b}\n"), HasSubstr("'a b' is not the name of a variable"));
  EXPECT_THAT(refusal("model: {name: ${INC_TEST_NAME}}"), HasSubstr("in quotes"));
}

TEST(ReadConfig, OverridesReplaceAndCreate) {
  const Config config =
      read("tuning: {exit_policy: {max_trials: 5}}", {{"tuning.exit_policy.max_trials", "9"},
                                                      {"evaluation.accuracy.metric", "{topk: 5}"},
                                                      {"quantization.calibration.sampling_size", "[1, 2]"}});
  EXPECT_EQ(config.tuning.exit_policy.max_trials, 9);
  EXPECT_EQ(config.evaluation->accuracy->metric->name, "topk");
  EXPECT_THAT(config.quantization->calibration.sampling_size, ElementsAre(1, 2));
}

TEST(ReadConfig, AnErrorInAnOverrideNamesIt) {
  EXPECT_EQ(
      refusal("", {{"tuning.exit_policy.max_trial", "9"}}),
      "--set tuning.exit_policy.max_trial=9: unknown key 'max_trial' in tuning.exit_policy; did you mean 'max_trials'?");
  EXPECT_EQ(refusal("", {{"tuning.random_seed", "x"}}),
            "--set tuning.random_seed=x: tuning.random_seed: expected an integer, found 'x'");
  EXPECT_THAT(refusal("model: {name: a}", {{"model.name.x", "1"}}),
              StartsWith("--set model.name.x=1: 'x' is below a value"));
  EXPECT_THAT(refusal("", {{"a..b", "1"}}), HasSubstr("expected a dotted key path"));
  EXPECT_THAT(refusal("", {{"model.name", "["}}), StartsWith("--set model.name=[: not valid YAML"));
}

TEST(ReadConfig, AliasBombsCyclesAndHugeFilesAreRefusedQuickly) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below + ", " + below + ", " + below + "]\n";
  }
  EXPECT_THAT(refusal(bomb), HasSubstr("too large: more than 20000 values"));
  EXPECT_THAT(refusal("a: &a [*a]"), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal("a: " + std::string(100000, '[')), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal(std::string((1 << 20) + 1, ' ')), HasSubstr("too large for a configuration"));
}

TEST(ReadConfig, MutatedFilesAreReadOrRefusedButNeverCrash) {
  const std::string text =
      "model: {name: \"a\", path: x.onnx}\nquantization:\n  calibration: {sampling_size: [1, 2]}\n  op_wise:\n    'c.*': "
      "&r\n"
      "      weight: {dtype: ['fp32']}\n    d: *r\ntuning: {accuracy_criterion: {relative: 1%}}\n";
  const std::string alphabet = "{}[]:,-&*!|>'\"%@`#? \n\t\\$<0a\x80\xff";
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char c : alphabet) {
      std::string replaced = text, inserted = text;
      replaced[i] = c;
      inserted.insert(i, 1, c);
      refusal(replaced);
      refusal(inserted);
    }
    refusal(text.substr(0, i));
  }
}

TEST(ReadConfig, AMissingFileAndADirectoryAreConfigErrors) {
  EXPECT_THROW(read_config("/nonexistent/c.yaml"), ConfigError);
  EXPECT_THROW(read_config("/"), ConfigError);
}

}  // namespace
}  // namespace inc::config

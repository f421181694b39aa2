#include "core/pipeline/output.h"

#include <fmt/format.h>

#include <map>
#include <regex>

#include "core/onnx/onnx_io.h"
#include "core/passes/forms.h"

namespace inc::pipeline {
namespace {

passes::ExportFormat format_of(const std::string& framework) {
  if (framework == "onnxrt_qlinearops") return passes::ExportFormat::QLinearOps;
  if (framework == "onnxrt_integerops") return passes::ExportFormat::IntegerOps;
  return passes::ExportFormat::Qdq;
}

/// What was written how, and what stayed Q/DQ, by reason.
void note_forms(const passes::WrittenForms& forms, const std::string& framework, std::vector<std::string>& notes) {
  for (const auto& [op, count] : forms.written)
    notes.push_back(fmt::format("{}: {} groups written as {}.", framework, count, op));
  static const std::regex kNames("'[^']*'");
  std::map<std::string, std::vector<std::string>> alike;
  for (const auto& finding : forms.kept) alike[std::regex_replace(finding.why_not, kNames, "")].push_back(finding.why_not);
  for (const auto& [reason, all] : alike)
    notes.push_back(fmt::format("{}: {} groups stay in QDQ form{}: {}.", framework, all.size(),
                                all.size() > 1 ? ", for example" : "", all.front()));
}

}  // namespace

void write_model(const config::Config& config, const tuning::Candidate& candidate, const std::filesystem::path& path,
                 std::vector<std::string>& notes) {
  const bool bf16 = !candidate.bf16.nodes.empty();
  const bool as_plan = bf16 && config.mixed_precision.value_or(config::MixedPrecision{}).format == "plan";
  ir::Graph lowered = as_plan ? candidate.without_bf16 : candidate.graph;
  const passes::ExportFormat format = format_of(config.model.framework);
  passes::Findings findings;
  passes::lowering_pipeline(format).run(lowered, &findings);
  if (format != passes::ExportFormat::Qdq) note_forms(passes::written_forms(findings), config.model.framework, notes);
  onnx_io::ExportOptions options{{{"inc_cpp.version", INC_VERSION}}};
  if (as_plan) {
    options.metadata["inc_cpp.bf16"] = quant::bf16_plan_text(candidate.without_bf16, candidate.bf16);
    notes.emplace_back(
        "BF16 is written as a plan in the model's metadata: inc-cpp follows it, other runtimes run these operators in "
        "FP32.");
  }
  onnx_io::export_model(lowered, path, options);
}

}  // namespace inc::pipeline

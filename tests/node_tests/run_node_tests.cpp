// Runs the ONNX backend node tests against an adaptor.
//   run_node_tests ARCHIVE [--adaptor reference|onednn] [--filter TEXT] [--verbose]
// Exit code: 0 nothing failed, 1 something failed, 2 usage, 77 no archive.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/reference/adaptor.h"
#include "core/onnx/onnx_io.h"
#include "core/ops/support.h"
#include "tests/node_tests/archive.h"

namespace inc::node_tests {
namespace {

struct Options {
  std::filesystem::path archive;
  std::string adaptor = "reference", filter;
  bool verbose = false;
};

enum class Outcome { Passed, Failed, NotClaimed };
struct Verdict {
  Outcome outcome;
  std::string why;
};

/// Expected values of 16-bit types were rounded at every step of somebody's formula: two units in the last place.
double tolerance_of(DType dtype, double rtol) {
  return dtype == DType::BFloat16 ? std::max(rtol, 0x1p-6) : dtype == DType::Float16 ? std::max(rtol, 0x1p-9) : rtol;
}

/// numpy.testing.assert_allclose's rule, as ONNX's own runner applies it; none when the tensors agree.
std::optional<std::string> difference(const ir::Tensor& found, const ir::Tensor& expected, double rtol, double atol) {
  if (found.dtype() != expected.dtype() || found.shape() != expected.shape())
    return fmt::format("{} found, expected {}", found.type().to_string(), expected.type().to_string());
  rtol = tolerance_of(expected.dtype(), rtol);
  const auto a = ops::to_doubles(found), b = ops::to_doubles(expected);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    if (!(std::fabs(a[i] - b[i]) <= atol + rtol * std::fabs(b[i])) || std::isinf(b[i]))
      return fmt::format("element {}: {} found, expected {}", i, a[i], b[i]);
  }
  return std::nullopt;
}

std::string foreign(const Case& item) {
  for (const auto& set : item.sets)
    for (const auto* values : {&set.inputs, &set.outputs})
      for (const auto& value : *values)
        if (!value.not_ours.empty()) return value.not_ours;
  return {};
}

Verdict compare(const Case& item, const runtime::Executable& executable) {
  for (const auto& set : item.sets) {
    std::vector<ir::Tensor> inputs;
    for (const auto& value : set.inputs)
      if (value.tensor.defined()) inputs.push_back(value.tensor);
    const auto outputs = executable.run(inputs);
    if (outputs.size() != set.outputs.size())
      return {Outcome::Failed, fmt::format("{} outputs found, expected {}", outputs.size(), set.outputs.size())};
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!set.outputs[i].tensor.defined()) continue;
      if (const auto why = difference(outputs[i], set.outputs[i].tensor, item.rtol, item.atol))
        return {Outcome::Failed, fmt::format("output {}: {}", i, *why)};
    }
  }
  return {Outcome::Passed, {}};
}

Verdict judge(const Case& item, const runtime::Adaptor& adaptor) {
  if (auto what = foreign(item); !what.empty()) return {Outcome::NotClaimed, what};
  try {
    const auto graph = onnx_io::import_bytes(item.model, {});
    return compare(item, *adaptor.prepare(graph));
  } catch (const UnsupportedError& e) {
    return {Outcome::NotClaimed, e.what()};
  } catch (const Error& e) {
    return {Outcome::Failed, e.full_message()};
  } catch (const std::exception& e) {
    return {Outcome::Failed, fmt::format("not an Error of ours: {}", e.what())};
  }
}

/// "node 'x' (Op, opset 22): why; and 3 more (…)" without the node's name, so that equal reasons meet.
std::string kind_of(const std::string& why) {
  const auto open = why.rfind("node '", 0) == 0 ? why.find("' (") : std::string::npos;
  return open == std::string::npos ? why : why.substr(open + 2);
}

int run(const Options& options) {
  if (!std::filesystem::exists(options.archive)) {
    fmt::print("SKIPPED: no archive of node tests at '{}'\n", options.archive.string());
    return 77;
  }
  const auto adaptor = options.adaptor == "onednn" ? onednn::make_adaptor() : reference::make_adaptor();
  std::map<Outcome, int> counts;
  std::map<std::string, std::vector<std::string>> refusals;
  for (const auto& item : read_archive(options.archive)) {
    if (item.name.find(options.filter) == std::string::npos) continue;
    const auto verdict = judge(item, *adaptor);
    ++counts[verdict.outcome];
    if (verdict.outcome == Outcome::NotClaimed) refusals[kind_of(verdict.why)].push_back(item.name);
    if (verdict.outcome == Outcome::Failed) fmt::print("FAILED {}: {}\n", item.name, verdict.why);
  }
  if (options.verbose) {
    std::vector<std::pair<std::string, std::vector<std::string>>> ordered(refusals.begin(), refusals.end());
    const auto more = [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); };
    std::stable_sort(ordered.begin(), ordered.end(), more);
    for (const auto& [why, names] : ordered) fmt::print("not claimed: {:4} {} [{}]\n", names.size(), why, names[0]);
  }
  fmt::print("node tests ({}): {} passed, {} failed, {} not claimed\n", options.adaptor, counts[Outcome::Passed],
             counts[Outcome::Failed], counts[Outcome::NotClaimed]);
  return counts[Outcome::Failed] > 0 ? 1 : 0;
}

std::optional<Options> parse(const std::vector<std::string>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool has_next = i + 1 < words.size();
    if (words[i] == "--verbose")
      options.verbose = true;
    else if (words[i] == "--adaptor" && has_next)
      options.adaptor = words[++i];
    else if (words[i] == "--filter" && has_next)
      options.filter = words[++i];
    else if (options.archive.empty() && words[i][0] != '-')
      options.archive = words[i];
    else
      return std::nullopt;
  }
  const bool known = options.adaptor == "reference" || options.adaptor == "onednn";
  return options.archive.empty() || !known ? std::nullopt : std::optional(options);
}

}  // namespace
}  // namespace inc::node_tests

int main(int argc, char** argv) {
  const auto options = inc::node_tests::parse({argv + 1, argv + argc});
  if (!options) {
    fmt::print(stderr, "usage: run_node_tests ARCHIVE [--adaptor reference|onednn] [--filter TEXT] [--verbose]\n");
    return 2;
  }
  try {
    return inc::node_tests::run(*options);
  } catch (const inc::Error& e) {
    fmt::print(stderr, "error: {}\n", e.full_message());
    return 2;
  }
}

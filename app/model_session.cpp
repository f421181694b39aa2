#include "app/model_session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/session.h"
#include "core/base/error.h"
#include "core/pipeline/work.h"

namespace inc {
namespace {

std::string names_of(const std::vector<Port>& ports) {
  std::vector<std::string> names;
  for (const Port& port : ports) names.push_back(port.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

ir::Graph read(const config::Config& config, const pipeline::Supplied& supplied) {
  pipeline::LoadedModel model = pipeline::load_model(config, supplied);
  pipeline::follow_bf16_plan(model);
  return std::move(model.fused);
}

ir::Graph read(const std::filesystem::path& path) {
  config::Config config;
  config.model.path = (std::filesystem::current_path() / path).string();
  return read(config, {});
}

Session prepared(ir::Graph graph, std::string_view engine) {
  const std::shared_ptr<const runtime::Adaptor> adaptor = app::make_adaptor(engine);
  std::shared_ptr<const runtime::Executable> executable = adaptor->prepare(graph);
  return {std::move(graph), {executable.get(), [adaptor, executable](const runtime::Executable*) {}}};
}

}  // namespace

Session::Session(const std::filesystem::path& model, std::string_view engine) : Session(prepared(read(model), engine)) {}

Session Session::from_bytes(const std::string& model, std::string_view engine) {
  pipeline::Supplied supplied;
  supplied.model = std::make_shared<const std::string>(model);
  return prepared(read({}, supplied), engine);
}

Session::Session(ir::Graph graph, std::shared_ptr<const runtime::Executable> executable)
    : graph_(std::move(graph)), executable_(std::move(executable)) {
  for (const ir::ValueId id : graph_.inputs()) inputs_.push_back({graph_.value(id).name, graph_.value(id).type});
  for (std::size_t i = 0; i < graph_.outputs().size(); ++i)
    outputs_.push_back({graph_.output_names()[i], graph_.value(graph_.outputs()[i]).type});
}

std::vector<ir::Tensor> Session::in_order(const Feeds& feeds) const {
  for (const auto& [name, tensor] : feeds)
    if (std::none_of(inputs_.begin(), inputs_.end(), [&](const Port& port) { return port.name == name; }))
      throw DataError(fmt::format("the model has no input '{}': expected {}", name, names_of(inputs_)));
  std::vector<ir::Tensor> ordered;
  for (const Port& port : inputs_) {
    const auto feed = feeds.find(port.name);
    if (feed == feeds.end())
      throw DataError(fmt::format("input '{}' is missing: expected {}", port.name, port.type.to_string()));
    if (!ir::compatible(feed->second.type(), port.type))
      throw DataError(fmt::format("input '{}': {} found, expected {}", port.name, feed->second.type().to_string(),
                                  port.type.to_string()));
    ordered.push_back(feed->second);
  }
  return ordered;
}

std::vector<ir::Tensor> Session::run(const Feeds& feeds, const std::vector<std::string>& wanted) const {
  std::vector<std::size_t> chosen;
  for (const std::string& name : wanted) {
    const auto port = std::find_if(outputs_.begin(), outputs_.end(), [&](const Port& p) { return p.name == name; });
    if (port == outputs_.end())
      throw DataError(fmt::format("the model has no output '{}': expected {}", name, names_of(outputs_)));
    chosen.push_back(static_cast<std::size_t>(port - outputs_.begin()));
  }
  std::vector<ir::Tensor> all = executable_->run(in_order(feeds));
  if (wanted.empty()) return all;
  std::vector<ir::Tensor> results;
  for (const std::size_t i : chosen) results.push_back(all[i]);
  return results;
}

std::vector<runtime::StepProfile> Session::profile(const Feeds& feeds, int iterations) const {
  return executable_->profile(in_order(feeds), iterations);
}

}  // namespace inc

#include <fmt/format.h>
#include <onnx/defs/schema.h>

#include <algorithm>
#include <array>
#include <set>

#include "core/base/file.h"
#include "core/onnx/bf16.h"
#include "core/onnx/constants.h"
#include "core/onnx/onnx_io.h"
#include "core/onnx/prepare.h"
#include "core/onnx/proto.h"

namespace inc::onnx_io {
namespace {

constexpr const char* kProducer = "inc-cpp";
constexpr std::size_t kSmallestExternal = 1024;

/// IR versions as released with each opset; an opset without a row takes the row before it.
constexpr std::array<std::pair<std::int64_t, std::int64_t>, 9> kIrVersions{
    {{13, 7}, {15, 8}, {19, 9}, {21, 10}, {23, 11}, {24, 12}, {25, 13}, {28, 14}, {1 << 30, onnx::IR_VERSION}}};

std::int64_t ir_version_for(std::int64_t opset) {
  std::int64_t version = kIrVersions.front().second;
  for (const auto& [since, ir] : kIrVersions)
    if (opset >= since) version = ir;
  return version;
}

class Exporter {
 public:
  explicit Exporter(const ir::Graph& graph) : graph_(graph), opset_(std::max<std::int64_t>(graph.opset, kMinimumOpset)) {}

  onnx::ModelProto model() {
    name_values();
    onnx::ModelProto model;
    model.set_ir_version(ir_version_for(opset_));
    model.set_producer_name(kProducer);
    auto& proto = *model.mutable_graph();
    proto.set_name(graph_.name.empty() ? "g" : graph_.name);
    for (const ir::ValueId id : graph_.inputs())
      describe_value(*proto.add_input(), graph_.value(id).name, graph_.value(id).type);
    for (const ir::NodeId id : graph_.topological_order()) write_node(*proto.add_node(), graph_.node(id));
    write_outputs(proto);
    import_domains(model);
    return model;
  }

  Constants constants() const {
    Constants constants;
    for (const ir::ValueId id : graph_.values())
      if (const ir::Tensor* tensor = graph_.constant(id)) constants.add(names_.at(id), *tensor);
    return constants;
  }

  std::int64_t opset() const noexcept { return opset_; }

 private:
  std::string fresh(const std::string& wanted) {
    std::string candidate = wanted;
    for (int i = 1; taken_.contains(candidate); ++i) candidate = fmt::format("{}_{}", wanted, i);
    taken_.insert(candidate);
    return candidate;
  }

  /// Promised output names first: the value carries its promise where it can, an Identity behind it otherwise.
  void name_values() {
    for (const ir::ValueId id : graph_.inputs()) {
      names_[id] = graph_.value(id).name;
      taken_.insert(graph_.value(id).name);
    }
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i) {
      const ir::ValueId id = graph_.outputs()[i];
      const std::string& promised = graph_.output_names()[i];
      const bool is_free = !names_.contains(id);
      if (is_free) names_[id] = promised;
      if (names_.at(id) != promised) renamed_outputs_.emplace_back(id, promised);
      taken_.insert(promised);
    }
    for (const ir::ValueId id : graph_.values())
      if (!names_.contains(id)) names_[id] = fresh(graph_.value(id).name);
  }

  static void describe_value(onnx::ValueInfoProto& info, const std::string& name, const ir::TensorType& type) {
    info.set_name(name);
    set_type(*info.mutable_type(), type);
  }

  bool may_be_left_out(const ir::Node& node, std::size_t output) const {
    const ir::Value& value = graph_.value(node.outputs[output]);
    if (output == 0 || !value.consumers.empty() || graph_.is_output(value.id)) return false;
    const auto* schema = onnx::OpSchemaRegistry::Schema(node.op, static_cast<int>(opset_), "");
    return schema != nullptr && output < schema->outputs().size() &&
           schema->outputs()[output].GetOption() == onnx::OpSchema::Optional;
  }

  void write_node(onnx::NodeProto& proto, const ir::Node& node) {
    INC_CHECK(!node.op.starts_with("inc."), "only standard operators are exported");
    set_op(proto, node.op);
    domains_.insert(proto.domain());
    proto.set_name(node.name);
    for (const ir::ValueId id : node.inputs) proto.add_input(id.none() ? "" : names_.at(id));
    std::size_t outputs = node.outputs.size();
    while (outputs > 1 && may_be_left_out(node, outputs - 1)) --outputs;
    for (std::size_t i = 0; i < outputs; ++i) proto.add_output(may_be_left_out(node, i) ? "" : names_.at(node.outputs[i]));
    for (const auto& [name, attr] : node.attrs.items()) set_attribute(*proto.add_attribute(), name, attr);
  }

  void write_outputs(onnx::GraphProto& proto) {
    for (const auto& [id, promised] : renamed_outputs_) {
      auto* node = proto.add_node();
      node->set_op_type("Identity");
      node->set_name(promised);
      node->add_input(names_.at(id));
      node->add_output(promised);
    }
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i)
      describe_value(*proto.add_output(), graph_.output_names()[i], graph_.value(graph_.outputs()[i]).type);
  }

  void import_domains(onnx::ModelProto& model) {
    domains_.insert("");
    for (const std::string& domain : domains_) {
      auto* entry = model.add_opset_import();
      entry->set_domain(domain);
      entry->set_version(domain.empty() ? opset_ : 1);
    }
  }

  const ir::Graph& graph_;
  std::int64_t opset_;
  std::map<ir::ValueId, std::string> names_;
  std::set<std::string> taken_, domains_;
  std::vector<std::pair<ir::ValueId, std::string>> renamed_outputs_;
};

void check_export(onnx::ModelProto light, const Constants& constants, bool types) {
  lend_constants(*light.mutable_graph(), constants);
  guarded<InternalError>("the graph to be exported", [&] {
    try {
      check(std::move(light), types);
    } catch (const ModelError& e) {
      throw InternalError(e.what());
    }
  });
}

std::size_t total_bytes(const Constants& constants) {
  std::size_t total = 0;
  for (const auto& [name, tensor] : constants.tensors) total += tensor.bytes();
  return total;
}

struct Written {
  onnx::ModelProto model;
  Constants constants;
};

Written write(const ir::Graph& graph, const ExportOptions& options) {
  Exporter exporter(graph);
  Written out{exporter.model(), exporter.constants()};
  const std::int64_t opset = opset_for_bf16(graph, exporter.opset());
  if (opset > exporter.opset()) {
    raise_opset(out.model, out.constants, opset);
    out.model.set_ir_version(ir_version_for(opset));
  }
  for (const auto& [key, value] : options.metadata) {
    auto* entry = out.model.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  const auto values = graph.values();
  const bool bf16 = std::any_of(values.begin(), values.end(),
                                [&](ir::ValueId id) { return graph.value(id).type.dtype == DType::BFloat16; });
  check_export(out.model, out.constants, bf16);
  return out;
}

}  // namespace

void export_model(const ir::Graph& graph, const std::filesystem::path& path, const ExportOptions& options) {
  auto [model, constants] = write(graph, options);
  std::filesystem::path data_path = path;
  data_path += ".data";
  DataFile data(data_path.filename().string());
  const bool external =
      total_bytes(constants) > static_cast<std::size_t>(std::max<std::int64_t>(options.external_data_above, 0));
  InlineData inlined;
  for (const std::string& name : constants.order) {
    const ir::Tensor& tensor = constants.tensors.at(name);
    auto* proto = model.mutable_graph()->add_initializer();
    describe_tensor(*proto, name, tensor);
    if (external && tensor.bytes() >= kSmallestExternal)
      data.store(*proto, tensor);
    else
      inlined.store(model.graph(), tensor);
  }
  if (external) data.write(data_path);
  AtomicFile file(path);
  inlined.write(model, [&](std::string_view bytes) { file.write(bytes); });
  file.commit();
}

std::string export_bytes(const ir::Graph& graph, const ExportOptions& options) {
  auto [model, constants] = write(graph, options);
  InlineData inlined;
  for (const std::string& name : constants.order) {
    describe_tensor(*model.mutable_graph()->add_initializer(), name, constants.tensors.at(name));
    inlined.store(model.graph(), constants.tensors.at(name));
  }
  std::string out;
  inlined.write(model, [&](std::string_view bytes) { out += bytes; });
  return out;
}

}  // namespace inc::onnx_io

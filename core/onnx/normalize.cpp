#include "core/onnx/normalize.h"

#include <fmt/format.h>

#include <map>
#include <unordered_set>

#include "core/base/hash.h"
#include "core/base/rng.h"
#include "core/onnx/proto.h"
#include "core/onnx/tensor_io.h"

namespace inc::onnx_io {
namespace {

constexpr std::int64_t kInitializersApart = 4;

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xc2 && lead < 0xe0 ? 2
                               : (lead & 0xf0) == 0xe0       ? 3
                               : lead >= 0xf0 && lead < 0xf5 ? 4
                                                             : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    i += length;
  }
  return true;
}

void expect_text(const std::string& text, const char* what) {
  if (!is_utf8(text)) throw ModelError(fmt::format("{}: bytes that are not UTF-8 found", what));
}

void expect_texts(const onnx::GraphProto& graph) {
  expect_text(graph.name(), "graph name");
  const auto value_infos = [](const auto& infos) {
    for (const auto& info : infos) {
      expect_text(info.name(), "value name");
      for (const auto& dim : info.type().tensor_type().shape().dim()) expect_text(dim.dim_param(), "dimension name");
    }
  };
  value_infos(graph.input());
  value_infos(graph.output());
  for (const auto& tensor : graph.initializer()) expect_text(tensor.name(), "initializer name");
  for (const auto& node : graph.node()) {
    expect_text(node.name(), "node name");
    expect_text(node.op_type(), "operator type");
    expect_text(node.domain(), "operator domain");
    for (const auto& name : node.input()) expect_text(name, "value name");
    for (const auto& name : node.output()) expect_text(name, "value name");
    for (const auto& attribute : node.attribute()) {
      expect_text(attribute.name(), "attribute name");
      expect_text(attribute.s(), "attribute text");
      for (const auto& text : attribute.strings()) expect_text(text, "attribute text");
    }
  }
}

void normalize_nodes(google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes) {
  for (auto& node : nodes)
    if (node.domain() == "ai.onnx") node.clear_domain();
}

template <class Imports>
void normalize_imports(Imports& imports) {
  std::map<std::string, std::int64_t> versions;
  for (const auto& entry : imports) {
    const std::string domain = entry.domain() == "ai.onnx" ? "" : entry.domain();
    const auto [known, fresh] = versions.emplace(domain, entry.version());
    if (!fresh && known->second != entry.version())
      throw ModelError(fmt::format("opset imports {} and {} found for domain '{}', one expected", known->second,
                                   entry.version(), domain));
  }
  imports.Clear();
  for (const auto& [domain, version] : versions) {
    auto* entry = imports.Add();
    entry->set_domain(domain);
    entry->set_version(version);
  }
}

template <class Infos>
void forget_negative_dims(Infos& infos) {
  for (auto& info : infos) {
    if (!info.type().has_tensor_type() || !info.type().tensor_type().has_shape()) continue;
    for (auto& dim : *info.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim())
      if (dim.has_dim_value() && dim.dim_value() < 0) dim.clear_dim_value();
  }
}

}  // namespace

void normalize(onnx::ModelProto& model) {
  auto& graph = *model.mutable_graph();
  expect_texts(graph);
  normalize_imports(*model.mutable_opset_import());
  normalize_nodes(*graph.mutable_node());
  for (auto& function : *model.mutable_functions()) {
    normalize_imports(*function.mutable_opset_import());
    normalize_nodes(*function.mutable_node());
  }
  if (model.ir_version() == kInitializersApart - 1) model.set_ir_version(kInitializersApart);
  if (graph.name().empty()) graph.set_name("g");
  forget_negative_dims(*graph.mutable_input());
  forget_negative_dims(*graph.mutable_output());
  forget_negative_dims(*graph.mutable_value_info());
  std::unordered_set<std::string> outputs;
  for (const auto& output : graph.output())
    if (!outputs.insert(output.name()).second)
      throw ModelError(fmt::format("graph output '{}' is listed twice", output.name()));
}

void fill_elided_constants(onnx::GraphProto& graph) {
  std::unordered_set<std::string> defined;
  for (const auto& input : graph.input()) defined.insert(input.name());
  for (const auto& tensor : graph.initializer()) defined.insert(tensor.name());
  for (const auto& node : graph.node()) defined.insert(node.output().begin(), node.output().end());
  for (const auto& info : graph.value_info()) {
    if (defined.contains(info.name())) continue;
    const auto type = type_of(info.type(), fmt::format("value '{}'", info.name()));
    const auto shape = type.concrete();
    if (!shape) throw ModelError(fmt::format("value '{}' has neither data nor a fixed shape", info.name()));
    ir::Tensor tensor(type.dtype, *shape);
    Rng rng(Hash64().add(info.name()).value());
    visit_dtype(type.dtype, [&](auto tag) {
      using T = decltype(tag);
      T* out = tensor.mutable_data<T>();
      for (std::int64_t i = 0; i < tensor.count(); ++i) {
        if constexpr (std::is_integral_v<T>)
          out[i] = T{};
        else
          out[i] = T(static_cast<float>(2 * rng.uniform() - 1));
      }
    });
    auto* proto = graph.add_initializer();
    describe_tensor(*proto, info.name(), tensor);
    store_inline(*proto, tensor);
  }
}

}  // namespace inc::onnx_io

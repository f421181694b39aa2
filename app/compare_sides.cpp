#include "app/compare_sides.h"

#include <algorithm>

#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"
#include "core/pipeline/work.h"

namespace inc::app {
namespace {

constexpr const char *kPlan = "inc_cpp.bf16", *kResidual = "fuse_residual";

ir::Tensor in_fp32(const ir::Tensor& tensor) {
  if (tensor.dtype() != DType::BFloat16) return tensor;
  ir::Tensor out(DType::Float, tensor.shape());
  std::transform(tensor.values<BFloat16>().begin(), tensor.values<BFloat16>().end(), out.mutable_data<float>(),
                 [](BFloat16 x) { return static_cast<float>(x); });
  return out;
}

ir::TensorType in_fp32(ir::TensorType type) {
  if (type.dtype == DType::BFloat16) type.dtype = DType::Float;
  return type;
}

/// Between FP32 and BF16, to FP32 both.
bool is_border(const ir::Graph& graph, const ir::Node& node) {
  if (node.op != "Cast") return false;
  const DType from = graph.value(node.inputs[0]).type.dtype, to = graph.value(node.outputs[0]).type.dtype;
  return (from == DType::BFloat16 && to == DType::Float) || (from == DType::Float && to == DType::BFloat16);
}

passes::PassManager fusions(bool residuals) {
  if (residuals) return passes::fusion_pipeline();
  const passes::PassManager whole = passes::fusion_pipeline();
  passes::PassList list;
  for (const auto& pass : whole.passes())
    if (pass->name() != kResidual) list.push_back(passes::find_pass(pass->name()));
  return passes::PassManager(std::move(list));
}

class Rebuild {
 public:
  explicit Rebuild(const ir::Graph& from) : from_(from) {
    to_.name = from.name;
    to_.opset = from.opset;
  }

  ir::Graph run() {
    for (const ir::ValueId id : from_.inputs()) known_[id] = to_.add_input(from_.value(id).name, from_.value(id).type);
    for (const ir::NodeId id : from_.topological_order()) add(from_.node(id));
    for (const ir::ValueId id : from_.outputs()) to_.add_output(twin(id));
    return std::move(to_);
  }

 private:
  ir::ValueId twin(ir::ValueId id) {
    if (id.none()) return id;
    if (const auto it = known_.find(id); it != known_.end()) return it->second;
    return known_[id] = to_.add_constant(from_.value(id).name, in_fp32(*from_.constant(id)));
  }

  void add(const ir::Node& node) {
    if (is_border(from_, node)) {
      known_[node.outputs[0]] = twin(node.inputs[0]);
      return;
    }
    ir::NodeSpec spec{node.op, {}, node.attrs, node.name, {}, {}};
    for (const ir::ValueId input : node.inputs) spec.inputs.push_back(twin(input));
    for (const ir::ValueId output : node.outputs) {
      spec.output_types.push_back(in_fp32(from_.value(output).type));
      spec.output_names.push_back(from_.value(output).name);
    }
    const auto made = to_.add_node(std::move(spec));
    for (std::size_t i = 0; i < made.size(); ++i) known_[node.outputs[i]] = made[i];
  }

  const ir::Graph& from_;
  ir::Graph to_;
  std::map<ir::ValueId, ir::ValueId> known_;
};

}  // namespace

ir::Graph without_bf16(const ir::Graph& graph) {
  return Rebuild(graph).run();
}

std::optional<ir::ValueId> Side::executed(ir::ValueId plain_value) const {
  return run.find_value(plain.value(plain_value).name);
}

bool has_bf16_plan(const std::filesystem::path& path) {
  return onnx_io::metadata_of(path).contains(kPlan);
}

Side read_side(const std::filesystem::path& path, bool residuals) {
  Side side;
  side.name = path.filename().string();
  const passes::PassManager fusion = fusions(residuals);
  const ir::Graph imported = onnx_io::import_model(path);
  side.plain = without_bf16(imported);
  passes::strip_quantization_pipeline().run(side.plain);
  fusion.run(side.plain);
  pipeline::LoadedModel model;
  model.path = path;
  model.fused = imported;
  fusion.run(model.fused);
  pipeline::follow_bf16_plan(model);
  side.run = std::move(model.fused);
  return side;
}

}  // namespace inc::app

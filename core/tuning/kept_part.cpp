#include "core/tuning/kept_part.h"

#include <mutex>

#include "core/base/error.h"
#include "core/tuning/graph_part.h"

namespace inc::tuning {
namespace {

PartOfGraph part_behind(const ir::Graph& fused, const std::set<ir::ValueId>& replaced) {
  return part_of(fused, nodes_behind(fused, replaced), fused.outputs());
}

class PartTrace final : public runtime::Trace {
 public:
  PartTrace(const ir::Graph& fused, const runtime::Adaptor& adaptor, const runtime::Executable& fp32,
            std::span<const ir::Tensor> inputs, const std::set<ir::ValueId>& replaceable, const runtime::TapSink& tap)
      : fused_(fused), adaptor_(adaptor) {
    runtime::TapSink all;
    for (const ir::ValueId value : replaceable)
      for (const ir::ValueId input : part_behind(fused, {value}).inputs) all.wanted.insert(input);
    all.wanted.insert(tap.wanted.begin(), tap.wanted.end());
    std::mutex mutex;
    all.on_value = [&](ir::ValueId id, const ir::Tensor& tensor) {
      if (tap && tap.wanted.contains(id)) tap.on_value(id, tensor);
      const std::lock_guard lock(mutex);
      values_.emplace(id, tensor);
    };
    outputs_ = fp32.run(inputs, all);
  }

  const std::vector<ir::Tensor>& outputs() const override { return outputs_; }

  std::vector<ir::Tensor> rerun(const std::map<ir::ValueId, ir::Tensor>& replaced) const override {
    std::set<ir::ValueId> values;
    for (const auto& [value, tensor] : replaced) {
      if (const auto it = values_.find(value); it != values_.end() && it->second.type() != tensor.type())
        throw DataError("value '" + fused_.value(value).name + "' cannot be replaced by " + tensor.type().to_string());
      values.insert(value);
    }
    const PartOfGraph part = part_behind(fused_, values);
    std::vector<ir::Tensor> inputs;
    for (const ir::ValueId input : part.inputs)
      inputs.push_back(replaced.contains(input) ? replaced.at(input) : values_.at(input));
    return adaptor_.prepare(part.graph)->run(inputs);
  }

  double share(ir::ValueId) const override { return 1; }

  std::size_t bytes() const override {
    std::size_t bytes = 0;
    for (const auto& [id, tensor] : values_) bytes += tensor.bytes();
    return bytes;
  }

 private:
  const ir::Graph& fused_;
  const runtime::Adaptor& adaptor_;
  std::map<ir::ValueId, ir::Tensor> values_;
  std::vector<ir::Tensor> outputs_;
};

}  // namespace

std::unique_ptr<const runtime::Trace> trace_by_parts(const ir::Graph& fused, const runtime::Adaptor& adaptor,
                                                     const runtime::Executable& fp32, std::span<const ir::Tensor> inputs,
                                                     const std::set<ir::ValueId>& replaceable, const runtime::TapSink& tap) {
  return std::make_unique<PartTrace>(fused, adaptor, fp32, inputs, replaceable, tap);
}

}  // namespace inc::tuning

#pragma once
// A model that runs: tensors in by name, tensors out by name.
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/ir/graph.h"
#include "core/runtime/adaptor.h"

namespace inc {

/// An input or output of a model.
struct Port {
  std::string name;
  ir::TensorType type;
};

/// Immutable; run() may be called from several threads at once. Copies share everything.
class Session {
 public:
  using Feeds = std::map<std::string, ir::Tensor>;

  /// Reads, fuses and prepares the model; one written with a BF16 plan is cast. `engine` as in app::make_adaptor. Throws
  /// ModelError, UnsupportedError, ConfigError.
  explicit Session(const std::filesystem::path& model, std::string_view engine = "onednn");
  /// The same from the bytes of a ModelProto with all data inline.
  static Session from_bytes(const std::string& model, std::string_view engine = "onednn");
  /// A graph that is prepared already.
  Session(ir::Graph graph, std::shared_ptr<const runtime::Executable> executable);

  const std::vector<Port>& inputs() const noexcept { return inputs_; }
  const std::vector<Port>& outputs() const noexcept { return outputs_; }
  /// Of the model as it is executed, fused and cast.
  const ir::Graph& graph() const noexcept { return graph_; }
  /// A tensor for each input. Returns the wanted outputs in that order; all of them where none is named. Throws DataError
  /// naming the input that is missing, unknown, or of another dtype or shape, or the output that the model does not have.
  std::vector<ir::Tensor> run(const Feeds& feeds, const std::vector<std::string>& wanted = {}) const;
  /// Median times of every step over `iterations` runs; empty where the engine cannot tell.
  std::vector<runtime::StepProfile> profile(const Feeds& feeds, int iterations) const;

 private:
  std::vector<ir::Tensor> in_order(const Feeds& feeds) const;

  ir::Graph graph_;
  std::vector<Port> inputs_, outputs_;
  std::shared_ptr<const runtime::Executable> executable_;
};

}  // namespace inc

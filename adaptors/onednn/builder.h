#pragma once
// Makes a plan: keeps track of where each value lives and in which layouts, and inserts conversions on demand.
#include <initializer_list>
#include <map>
#include <set>

#include "adaptors/onednn/plan.h"
#include "adaptors/onednn/prepared.h"
#include "adaptors/onednn/shapes.h"
#include "adaptors/onednn/weights.h"

namespace inc::onednn {

class Builder {
 public:
  /// `replaceable`: values that exist as the graph says, each in storage of its own that nothing else is written to, and
  /// that a step of Plan::replaceable can write.
  Builder(const Prepared& prepared, const Shapes& shapes, const std::set<ir::ValueId>& wanted,
          const std::set<ir::ValueId>& replaceable, PackedWeights& weights);

  /// Emits every node and the outputs. Called once.
  Plan build();

  const ir::Graph& graph() const noexcept { return prepared_.graph(); }
  const ir::Shape& shape(ir::ValueId value) const;
  DType dtype(ir::ValueId value) const;
  /// A constant, or a value that follows from shapes; nullptr otherwise.
  const ir::Tensor* known(ir::ValueId value) const;
  bool is_known(ir::ValueId value) const;
  /// Somebody outside the plan wants to see or to replace it: a graph output, a tap.
  bool observed(ir::ValueId value) const;
  /// The value's storage may be overwritten by the step of `node`: all that lives in it dies there or died before.
  bool exclusive(ir::ValueId value, const ir::Node& node);

  /// A constant that is not part of the graph.
  ir::ValueId add_known(ir::Tensor tensor);
  /// A known value of 4 or 2 bytes an element, repeated to `shape`, which its own shape broadcasts to.
  ir::ValueId repeated(ir::ValueId value, const ir::Shape& shape);
  /// A value that is not part of the graph.
  ir::ValueId add_value(DType dtype, ir::Shape shape);

  /// The value itself, or, for BF16, the same numbers in FP32.
  ir::ValueId widened(ir::ValueId value);

  /// The slot of a value in whatever layout it has; in row-major order; in a given layout; channels last or row-major,
  /// whichever costs nothing (strides describe it).
  int any(ir::ValueId value);
  int plain(ir::ValueId value);
  int in(ir::ValueId value, const Desc& desc);
  int permuted(ir::ValueId value);

  /// A new slot for a value that the next step writes: row-major, or as described.
  int make(ir::ValueId value, Desc desc = {});
  /// Further storage.
  int scratch(DType dtype, ir::Shape shape, Desc desc = {});
  int scratch_bytes(const Desc& desc);
  int constant(ir::Tensor tensor);
  int constant(std::shared_ptr<const dnnl::memory> memory);
  /// Constant operand of a primitive: `tensor` seen as `from`, packed to `to`.
  int packed(ir::ValueId value, const Desc& from, const Desc& to);
  /// The same for our own kernels: PackedWeights::get.
  int packed(ir::ValueId value, const std::string& layout, std::size_t bytes, const std::function<void(std::byte*)>& pack);
  /// The same storage under another description.
  int view(int slot, DType dtype, ir::Shape shape, Desc desc = {});
  void bind(ir::ValueId value, int slot);

  const Slot& slot(int index) const { return plan_.slots[static_cast<std::size_t>(index)]; }

  Step& step(const ir::Node& node, std::string kernel, std::vector<int> reads, std::vector<int> writes,
             std::function<void(Frame&)> body);
  /// `args`: oneDNN argument → slot; arguments ≥ 0 of reads and writes follow from the argument numbers.
  Step& primitive(const ir::Node& node, const dnnl::primitive_desc_base& desc, const dnnl::primitive& primitive,
                  std::vector<std::pair<int, int>> args);

  /// The node is part of another node's step.
  void mark_done(ir::NodeId node) {
    done_.insert(node);
    absorbed_.push_back(node);
  }
  /// Before anything is emitted: `parts` become part of the step of `anchor`, which `emit` makes; all they read is kept
  /// until then.
  void reserve(ir::NodeId anchor, std::vector<ir::NodeId> parts, std::function<void(Builder&)> emit);
  /// The DequantizeLinear node that makes this value from 8-bit data, when it has not been carried out.
  const ir::Node* pending_dequantize(ir::ValueId value) const;

 private:
  /// Position of the last node that uses the value; beyond every node where it is observed or not made by a node.
  std::size_t last_use(ir::ValueId value) const;
  void emit(const ir::Node& node);
  /// Writes the multiply-adds of the node, and of those that became part of it, to the step that does them: of the steps
  /// since `first`, the last primitive or else the last one of that type.
  void count_macs(const ir::Node& node, std::size_t first);
  void emit_outputs();
  void tap(ir::ValueId value);
  void make_replaceable(ir::ValueId value);
  void convert(ir::ValueId value, int from, int to);
  void touch(ir::ValueId value);
  int reorder(ir::ValueId value, int from, const Desc& desc);
  bool emit_natively(const ir::Node& node);
  void emit_bf16(const ir::Node& node);
  bool emit_in_fp32(const ir::Node& node);
  /// The FP32 value a step writes in place of a BF16 one; round() makes the BF16 value of it.
  ir::ValueId unrounded(ir::ValueId value);
  void round(const ir::Node& node, ir::ValueId value);
  void emit_bf16_cast_in_fp32(const ir::Node& node);
  void discard_unrounded(ir::ValueId value);
  void touch_bf16(ir::ValueId value);
  int add(Slot slot);
  std::uint64_t content(ir::ValueId value) const;

  const Prepared& prepared_;
  const Shapes& shapes_;
  const std::set<ir::ValueId>&wanted_, &replaceable_;
  PackedWeights& weights_;
  Plan plan_;
  std::map<ir::ValueId, std::vector<int>> homes_;
  std::map<ir::ValueId, Shapes::Entry> extra_;
  std::map<ir::ValueId, ir::Tensor> extra_known_;
  std::map<std::pair<ir::ValueId, ir::Shape>, ir::ValueId> repeated_;
  std::map<ir::ValueId, ir::ValueId> wide_;    // BF16 value → the same numbers in FP32
  std::map<ir::ValueId, ir::ValueId> narrow_;  // and back
  std::map<ir::NodeId, std::size_t> position_;
  std::set<ir::NodeId> done_;
  struct Reserved {
    std::vector<ir::NodeId> parts;
    std::function<void(Builder&)> emit;
  };
  std::map<ir::NodeId, Reserved> reserved_;
  ir::NodeId current_;                ///< whose steps are being made
  std::vector<ir::NodeId> absorbed_;  // done since count_macs
  std::set<ir::ValueId> tapped_;
  std::uint32_t next_extra_ = 0x80000000u;
};

}  // namespace inc::onednn

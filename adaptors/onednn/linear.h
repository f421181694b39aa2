#pragma once
// What convolution and matrix multiplication share: reading the group around an anchor, epilogues as post-operations,
// and the choice between integer arithmetic and its exact emulation.
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adaptors/onednn/qdq.h"
#include "core/ops/ops.h"

namespace inc::onednn {

/// How a group is carried out. Emulated: integer values as FP32 numbers, scaled afterwards; exact while sums stay below
/// 2^24.
enum class Arithmetic : std::uint8_t { Fp32, Int8, Emulated, Bf16 };

/// One way to carry a group out; make_steps tries several.
struct Attempt {
  Arithmetic arithmetic = Arithmetic::Fp32;
  bool sum = true;           ///< the residual may be summed in the destination
  bool reference = false;    ///< the library's unoptimised implementation will do
  bool real_output = false;  ///< FP32 out, whatever the users want
  bool factors = true;       ///< the Mul behind the anchor is part of the group
  bool apart = false;        ///< the primitive writes FP32; finish() makes a step of the activation and the rounding
};

/// An anchor with everything that surrounds it.
struct Anchor {
  const ir::Node& node;
  ir::ValueId x, weight, bias, residual;
  ops::Epilogue epilogue;
  std::optional<Dequantized> input;         ///< 8-bit data input
  std::optional<QuantizedWeights> weights;  ///< int8 weights
  std::optional<Factors> factors;           ///< a Mul along the output channels that alone sees the output
  std::optional<Sink> sink;                 ///< 8-bit output, behind the factors
  bool integer = false;                     ///< input and weights are both 8-bit
  bool bf16 = false;                        ///< input, weights and output are BF16
  bool sums = false;                        ///< MatMulInteger, ConvInteger: the result is the sums of products themselves
  bool floats = true;                       ///< the sums are exact in FP32 too
  ir::ValueId cast;                         ///< the Cast to FP32 that alone sees the sums, as its output
  std::string note;                         ///< why 8-bit values are not multiplied as integers; empty: they are
  std::vector<const ir::Node*> bf16_casts = {};  ///< to BF16, which alone see the output of an integer group
};
/// A MatMulInteger or ConvInteger with constant weights as an anchor whose scales are 1. Nothing where zero points differ
/// by row, or by column beyond 8 bits.
std::optional<Anchor> read_integers(Builder& builder, const ir::Node& node, int channel_axis);
Anchor read_anchor(Builder& builder, const ir::Node& node, int channel_axis);

/// Post-operations with the slots they need.
class Epilogue {
 public:
  Epilogue(Builder& builder, const Anchor& anchor, const Attempt& attempt);
  dnnl::primitive_attr attr;  ///< scales and zero points of the group are set; complete after seal()

  /// The scale of the input and of the weights, for sums of integers carried out in FP32.
  void scale_sums(const ir::Shape& channels);

  /// In the order of execution.
  void multiply(int slot) { append_binary(dnnl::algorithm::binary_mul, slot); }
  void add(int slot) { append_binary(dnnl::algorithm::binary_add, slot); }
  void factor(float value) { ops_.append_eltwise(dnnl::algorithm::eltwise_linear, value, 0.0f); }
  /// `desc`: how the primitive sees a residual that is not summed in place.
  void residual(const Desc& desc);
  void activate();
  /// The Mul behind the activation; `channels`: the output's dimensions with 1 for all but the channels. False where its
  /// values do not run along them.
  bool multiply_factors(ir::Shape channels);
  void seal() { attr.set_post_ops(ops_); }

  /// The slot the primitive writes: new, or the one that holds the residual. `desc`: layout at the value's own rank.
  int destination(const Desc& desc);
  std::vector<std::pair<int, int>> args(const dnnl::primitive_desc_base& desc);
  DType destination_type() const noexcept { return to_; }
  bool has_factors() const noexcept { return factors_; }
  bool has_binary_residual() const noexcept { return !residual_.none() && !sum_; }

 private:
  void append_binary(dnnl::algorithm algorithm, int slot);
  int residual_copy(const Desc& desc);
  void choose_residual();
  void set_scales();

  Builder& b_;
  const Anchor& a_;
  Arithmetic arithmetic_;
  bool may_sum_, real_output_, factors_, apart_;
  DType to_;
  dnnl::post_ops ops_;
  std::vector<std::pair<int, int>> operands_;  // post-operation → slot; -1: the residual
  std::vector<std::pair<int, int>> args_;
  ir::ValueId residual_;
  bool sum_ = false;
  float sum_scale_ = 1;
  std::int32_t sum_zero_point_ = 0;
};

/// The activation of the group is smooth and had better be a step of its own, as finish() makes it.
bool activates_apart(const Anchor& anchor, Arithmetic arithmetic);
/// The type of the data input, weights and a residual that were not quantized.
DType real_type(Arithmetic arithmetic);
int constant_floats(Builder& builder, const std::vector<float>& values, ir::Shape shape);
/// The integer weights as FP32 numbers, and x_q - zero_point as FP32.
ir::ValueId weights_as_floats(Builder& builder, const Anchor& anchor);
ir::ValueId input_as_floats(Builder& builder, const Anchor& anchor);
/// Labels the step and binds the output to its value or, for an 8-bit output, to the values of the sink.
void finish(Builder& builder, const Anchor& anchor, const Attempt& attempt, Step& step, int output);
/// Calls attempt(how) from the fastest way to the safest until one succeeds.
bool make_steps(Anchor& anchor, const std::function<bool(const Attempt&)>& attempt);
/// FP32, and BF16 where the CPU has it.
bool multiplies(DType dtype);
bool is_reference(const dnnl::primitive_desc_base& desc);

}  // namespace inc::onednn

#include "core/passes/rules.h"

namespace inc::passes {
namespace {

template <class... Rules>
void add(PassList& list, Rules... rules) {
  (list.push_back(make_pass(rules())), ...);
}

PassList cleanup_list() {
  PassList list;
  list.push_back(eliminate_dead_code());
  list.push_back(infer_shapes());
  list.push_back(fold_constants());
  list.push_back(merge_duplicates());
  add(list, fold_shapes, eliminate_identity, eliminate_expand, eliminate_pad_count, fold_reshape_target);
  return list;
}

void add_expansions(PassList& list) {
  add(list, expand_qlinear_conv, expand_qlinear_matmul, expand_integer_product, expand_movement, expand_einsum);
}

PassList fusion_list() {
  PassList list = cleanup_list();
  add_expansions(list);
  add(list, fuse_layer_normalization, fuse_rms_normalization, fuse_normalization_scale, fuse_normalization_bias, fuse_gelu,
      fuse_gelu_tanh, fuse_hard_swish, fuse_relu_clip);
  add(list, fuse_one_hot, fuse_slices_conv, fuse_pad_conv, fuse_batch_normalization_conv, fuse_conv_batch_normalization,
      fuse_scale, fuse_bias, fuse_residual, fuse_silu, fuse_activation);
  return list;
}

void add_qlinear(PassList& list) {
  add(list, lower_qlinear_conv, lower_qlinear_matmul, lower_movement);
}
void add_integer(PassList& list) {
  add(list, lower_matmul_integer, lower_conv_integer);
}

PassList lowering_list(ExportFormat format) {
  PassList list;
  add(list, lower_group, lower_bfloat16, lower_gelu, lower_hard_swish, lower_layer_normalization, lower_rms_normalization);
  if (format == ExportFormat::QLinearOps) add_qlinear(list);
  if (format == ExportFormat::IntegerOps) add_integer(list);
  return list;
}

PassList strip_list() {
  PassList list = cleanup_list();
  add_expansions(list);
  add(list, strip_pair, strip_movement, strip_constant);
  return list;
}

PassList every_pass() {
  PassList list = fusion_list();
  for (auto& pass : lowering_list(ExportFormat::Qdq)) list.push_back(std::move(pass));
  add_qlinear(list);
  add_integer(list);
  add(list, strip_pair, strip_movement, strip_constant);
  return list;
}

}  // namespace

PassManager cleanup_pipeline() {
  return PassManager(cleanup_list());
}
PassManager fusion_pipeline() {
  return PassManager(fusion_list());
}
PassManager lowering_pipeline(ExportFormat format) {
  return PassManager(lowering_list(format));
}
PassManager strip_quantization_pipeline() {
  return PassManager(strip_list());
}

std::unique_ptr<const Pass> find_pass(std::string_view name) {
  for (auto& pass : every_pass())
    if (pass->name() == name) return std::move(pass);
  return nullptr;
}

std::vector<std::string_view> pass_names() {
  std::vector<std::string_view> names;
  for (const auto& pass : every_pass()) names.push_back(pass->name());
  return names;
}

}  // namespace inc::passes

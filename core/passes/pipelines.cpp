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
  add(list, fold_shapes, eliminate_identity, eliminate_expand, fold_reshape_target);
  return list;
}

PassList fusion_list() {
  PassList list = cleanup_list();
  add(list, fuse_layer_normalization, fuse_rms_normalization, fuse_normalization_scale, fuse_normalization_bias, fuse_gelu,
      fuse_gelu_tanh, fuse_hard_swish, fuse_relu_clip);
  add(list, fuse_pad_conv, fuse_batch_normalization_conv, fuse_conv_batch_normalization, fuse_scale, fuse_bias,
      fuse_residual, fuse_silu, fuse_activation);
  return list;
}

PassList lowering_list() {
  PassList list;
  add(list, lower_group, lower_gelu, lower_hard_swish, lower_layer_normalization, lower_rms_normalization);
  return list;
}

PassList every_pass() {
  PassList list = fusion_list();
  for (auto& pass : lowering_list()) list.push_back(std::move(pass));
  return list;
}

}  // namespace

PassManager cleanup_pipeline() {
  return PassManager(cleanup_list());
}
PassManager fusion_pipeline() {
  return PassManager(fusion_list());
}
PassManager lowering_pipeline() {
  return PassManager(lowering_list());
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

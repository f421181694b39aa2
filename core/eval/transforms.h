#pragma once
// The transforms, one maker per name; factory.cpp lists them. Images are [height, width, channels]; `size` of Resize,
// CropResize and RandomResizedCrop is a side or [width, height], of the crops a side or [height, width] (both as in INC).
// A transform throws DataError for an item it does not fit; the caller adds which sample.
#include "core/eval/datasets.h"
#include "core/eval/parameters.h"

namespace inc::eval {

Transform make_resize(Parameters&);
Transform make_center_crop(Parameters&);
Transform make_crop_resize(Parameters&);
Transform make_crop_to_bounding_box(Parameters&);
Transform make_random_crop(Parameters&);
Transform make_random_resized_crop(Parameters&);
Transform make_random_horizontal_flip(Parameters&);
Transform make_random_vertical_flip(Parameters&);
Transform make_resize_with_ratio(Parameters&);
Transform make_resize_crop_imagenet(Parameters&);
Transform make_letter_box(Parameters&);

Transform make_normalize(Parameters&);
Transform make_rescale(Parameters&);
Transform make_transpose(Parameters&);
Transform make_cast(Parameters&);
Transform make_to_array(Parameters&);
Transform make_align_image_channel(Parameters&);
Transform make_to_bgr(Parameters&);

/// value / 255 as float.
ir::Tensor rescaled(const ir::Tensor& item);
/// (value - mean[c]) / std[c] in float, c along the last axis; one mean and std serve all channels.
ir::Tensor normalized(const ir::Tensor& item, const std::vector<float>& mean, const std::vector<float>& std);
ir::Tensor transposed(const ir::Tensor& item, const std::vector<std::int64_t>& perm);
/// Element by element as C++ converts; floats outside an integer type's range are DataErrors, as are NaNs.
ir::Tensor cast_to(const ir::Tensor& item, DType dtype);

}  // namespace inc::eval

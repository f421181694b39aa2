#pragma once
// Large batches in parts: a plan whose values do not fit into the cache runs faster for a few samples at a time.
#include <optional>

#include "adaptors/onednn/shapes.h"

namespace inc::onednn {

/// Whether the graph treats the samples of a batch independently: the first axis of every input and output is the batch, and
/// no operator mixes what lies along it. `whole` are the shapes for `batch` samples, `part` those for fewer.
bool separable(const Prepared& prepared, const Shapes& whole, const Shapes& part, std::int64_t batch, std::int64_t few);

/// Samples per part: the largest divisor of the batch that keeps `bytes` (what the whole batch needs) within 4 MiB, at least
/// one per thread. The batch itself where it fits. FP32 milliseconds, whole batch and in parts of 8 MiB, on one Zen 5 core
/// (1 MiB L2, 32 MiB shared L3): mobilenet_v1_0.25 batch 20 17.3 and 12.4, MobileNetV2 batch 16 78 and 63, ResNet-50 batch
/// 16 706 and 682, ds_cnn_l batch 50 16.9 and 15.3, BERT-base batch 4 480 and 480; INT8 of the same: within 3 %. Parts of 8
/// and of 4 MiB on one Zen 4 core: ds_cnn_l 30.4 and 28.8, with AVX2 32.4 and 30.2, in INT8 7.96 and 7.67; MobileNetV2 108
/// and 104, in INT8 30.5 and 30.6; ResNet-50 921 and 935, in INT8 273 and 271. 2 MiB: 1 % slower on average.
std::int64_t samples_at_a_time(std::int64_t batch, std::size_t bytes, int threads);

}  // namespace inc::onednn

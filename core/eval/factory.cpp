#include "core/eval/factory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/eval/datasets.h"
#include "core/eval/metrics.h"
#include "core/eval/postprocess.h"
#include "core/eval/transforms.h"

namespace inc::eval {
namespace {

template <class Maker>
struct Row {
  FactoryRow shown;
  Maker make;
  std::string_view shorthand = {};
};

using DatasetMaker = std::unique_ptr<const Dataset> (*)(Parameters&, const std::filesystem::path&);
using TransformMaker = Transform (*)(Parameters&);
using MetricMaker = std::unique_ptr<Metric> (*)(Parameters&);
using PostprocessMaker = OutputTransform (*)(Parameters&);

constexpr Row<DatasetMaker> kDatasets[] = {
    {{"Arrays", "inputs, labels, first, count", "NumPy files (.npy, .npz); the first axis counts samples; used as they are"},
     make_arrays},
    {{"CIFAR10", "root, files, train, download, first, count", "binary version; uint8 [32, 32, 3], RGB"}, make_cifar10},
    {{"CIFAR100", "root, files, train, download, first, count", "binary version, fine labels; uint8 [32, 32, 3], RGB"},
     make_cifar100},
    {{"COCORaw", "root, img_dir, anno_dir, labels (id, order), first, count",
      "pictures and boxes by an instances JSON of COCO; uint8 [height, width, 3], RGB"},
     make_coco_raw},
    {{"dummy", "shape, low, high, dtype, label, first, count", "random values; the first size of a shape counts samples"},
     make_dummy},
    {{"FashionMNIST", "as MNIST", "its files have the form of MNIST's"}, make_mnist},
    {{"GLUE", "data_dir, model_name_or_path, task, model_type, max_seq_length, do_lower_case, evaluate, first, count",
      "sentences of a task's .tsv as tokens, mask and segments, by the vocab.txt of a BERT"},
     make_glue_data},
    {{"ImageFolder", "root, first, count", "JPEG and PNG; classes are sorted sub-directories; a flat folder has no labels"},
     make_image_folder},
    {{"ImagenetRaw", "data_path, image_list, first, count",
      "JPEG and PNG named by a list of 'file label'; uint8 [height, width, 3], RGB"},
     make_imagenet_raw},
    {{"MNIST", "root, files, train, download, first, count", "IDX, plain or .gz; uint8 [28, 28, 1]"}, make_mnist},
    {{"YOLODetection", "images, labels, first, count",
      "pictures, and beside each NAME.jpg a NAME.txt of 'class cx cy w h'; uint8 [height, width, 3], RGB"},
     make_yolo_detection},
};

constexpr Row<TransformMaker> kTransforms[] = {
    {{"AlignImageChannel", "dim", "repeats grey, drops alpha, or turns RGB to grey"}, make_align_image_channel},
    {{"Cast", "dtype", "converts the element type"}, make_cast, "dtype"},
    {{"CenterCrop", "size", "cuts the middle; side or [height, width]"}, make_center_crop, "size"},
    {{"CropResize", "x, y, width, height, size, interpolation", "cuts a box and resizes it"}, make_crop_resize},
    {{"CropToBoundingBox", "offset_height, offset_width, target_height, target_width", "cuts a box"},
     make_crop_to_bounding_box},
    {{"LetterBox", "size, value, align (top_left, center)",
      "shrinks or grows into a square, keeps the aspect; the rest is value (114)"},
     make_letter_box,
     "size"},
    {{"Normalize", "mean, std", "(x - mean) / std along the last axis"}, make_normalize},
    {{"RandomCrop", "size", "cuts at a random place; side or [height, width]"}, make_random_crop, "size"},
    {{"RandomHorizontalFlip", "", "mirrors every other image"}, make_random_horizontal_flip},
    {{"RandomResizedCrop", "size, scale, ratio, interpolation", "cuts a random box and resizes it"},
     make_random_resized_crop},
    {{"RandomVerticalFlip", "", "turns every other image upside down"}, make_random_vertical_flip},
    {{"Rescale", "", "x / 255 as float"}, make_rescale},
    {{"Resize", "size, interpolation", "side or [width, height]; antialiased where it shrinks"}, make_resize, "size"},
    {{"ResizeCropImagenet", "height, width, resize_side, random_crop, mean_value, std_value, resize_method",
      "resizes the shorter side, crops, (x / 255 - mean) / std, channels first"},
     make_resize_crop_imagenet},
    {{"ResizeWithRatio", "min_dim, max_dim, padding, constant_value", "resizes within limits, keeps the aspect"},
     make_resize_with_ratio},
    {{"ToArray", "", "nothing: items are arrays already"}, make_to_array},
    {{"ToBGR", "", "reverses the channels of [height, width, 3]"}, make_to_bgr},
    {{"Transpose", "perm", "reorders the axes"}, make_transpose, "perm"},
};

constexpr Row<MetricMaker> kMetrics[] = {
    {{"Accuracy", "", "fraction of samples whose largest output, or only value, is the label"}, make_accuracy},
    {{"agreement", "kind (top1, cosine, kl, mse)", "with the FP32 model's outputs; needs no labels"},
     make_agreement,
     "kind"},
    {{"COCOmAP", "iou_thrs, map_points, max_detections, area, output_index_mapping, box_format, box_unit",
      "mean average precision of boxes as COCO's: overlaps 0.5:0.05:0.95, 101 recalls"},
     make_coco_map},
    {{"COCOmAPv2", "as COCOmAP", "the same"}, make_coco_map_v2},
    {{"F1", "average (auto, binary, macro, micro, weighted)", "auto: binary for classes 0 and 1, otherwise macro"},
     make_f1,
     "average"},
    {{"GLUE", "task", "mrpc: binary F1; sts-b: Pearson's and Spearman's correlation; cola: Matthews'; others: accuracy"},
     make_glue,
     "task"},
    {{"Loss", "", "mean of the first output; lower is better"}, make_loss},
    {{"MAE", "compare_label", "mean absolute error against labels, or the FP32 outputs; lower is better"}, make_mae},
    {{"mAP", "as COCOmAP", "the same at overlap 0.5, over all recalls"}, make_map},
    {{"mIOU", "num_classes, axis",
      "mean over classes of intersection over union; labels outside of the classes do not count"},
     make_miou,
     "num_classes"},
    {{"MSE", "compare_label", "mean squared error against labels, or the FP32 outputs; lower is better"}, make_mse},
    {{"nll", "input, ignore_index", "mean negative log likelihood per token of the model's own input ids; lower is better"},
     make_nll},
    {{"perplexity", "input, ignore_index", "exp(nll); lower is better"}, make_perplexity},
    {{"RMSE", "compare_label", "root of MSE; lower is better"}, make_rmse},
    {{"ROC", "", "area under the curve of two classes: one score, or one for each"}, make_roc},
    {{"topk", "k", "fraction of samples whose label is among the k largest outputs"}, make_topk, "k"},
    {{"VOCmAP", "as COCOmAP", "the same at overlap 0.5, over all recalls"}, make_voc_map},
};

constexpr Row<PostprocessMaker> kPostprocess[] = {
    {{"Collect", "length", "nothing: metrics see all samples already"}, make_collect, "length"},
    {{"LabelShift", "label_shift", "takes a number off the labels"}, make_label_shift, "label_shift"},
    {{"NMS", "score_threshold, iou_threshold, max_detections, class_aware, classes (all, best)",
      "keeps the best of boxes that overlap"},
     make_nms},
    {{"YOLOXDecode", "strides, size", "boxes and scores from the head of YOLOX"}, make_yolox_decode},
};

template <class Maker, std::size_t N>
constexpr std::array<FactoryRow, N> shown(const Row<Maker> (&rows)[N]) {
  std::array<FactoryRow, N> result{};
  for (std::size_t i = 0; i < N; ++i) result[i] = rows[i].shown;
  return result;
}

constexpr auto kDatasetRows = shown(kDatasets);
constexpr auto kTransformRows = shown(kTransforms);
constexpr auto kMetricRows = shown(kMetrics);
constexpr auto kPostprocessRows = shown(kPostprocess);

/// Names of Intel Neural Compressor that are known and not served, and why.
struct NotServed {
  std::string_view name, why;
};
constexpr NotServed kNotServed[] = {
    {"TFRecordDataset", "it reads files of TensorFlow"},
    {"ImageRecord", "it reads files of TensorFlow; use ImagenetRaw"},
    {"VOCRecord", "it reads files of TensorFlow; use COCORaw"},
    {"COCORecord", "it reads files of TensorFlow; use COCORaw"},
    {"COCONpy", "use COCORaw"},
    {"bert", "use GLUE"},
    {"mzbert", "use GLUE"},
    {"Imagenet", "use ImagenetRaw"},
    {"style_transfer", "no metric judges styles"},
    {"dummy_v2", "use dummy, with the number of samples as first size"},
    {"sparse_dummy_v2", "use dummy"},
    {"BilinearImagenet", "it is TensorFlow's; use CenterCrop, Resize and Rescale"},
    {"PaddedCenterCrop", "it is TensorFlow's; use CenterCrop and Resize"},
    {"ResizeWithAspectRatio", "it is TensorFlow's; use ResizeWithRatio"},
    {"QuantizedInput", "inputs stay floating point"},
    {"Compose", "transforms are a list in order"},
    {"ParseDecodeImagenet", "it reads records of TensorFlow"},
    {"ParseDecodeCoco", "it reads records of TensorFlow"},
    {"ParseDecodeVoc", "it reads records of TensorFlow"},
    {"ToTensor", "it is PyTorch's; use Rescale and Transpose"},
    {"ToPILImage", "it is PyTorch's"},
    {"ToNDArray", "it is MXNet's"},
    {"SquadV1", "answers are not cut out of texts"},
    {"SquadF1", "answers are not cut out of texts"},
    {"BLEU", "it judges generated texts"},
};

template <class Maker, std::size_t N>
const Row<Maker>& row_of(const Row<Maker> (&rows)[N], const config::Named& named, std::string_view kind) {
  for (const auto& row : rows)
    if (row.shown.name == named.name) return row;
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.shown.name);
  const std::string place = named.where.empty() ? "" : named.where + ": ";
  for (const NotServed& known : kNotServed)
    if (known.name == named.name)
      throw ConfigError(fmt::format("{}not supported {}: '{}' found ({}), one of {} expected", place, kind, named.name,
                                    known.why, joined(names)));
  throw ConfigError(fmt::format("{}unknown {}: '{}' found{}, one of {} expected", place, kind, named.name,
                                did_you_mean(named.name, names), joined(names)));
}

template <class Maker, class... More>
auto made(const Row<Maker>& row, const config::Named& named, std::string_view kind, const More&... more) {
  Parameters parameters(fmt::format("{} {}", kind, named.name), named, row.shorthand);
  auto result = row.make(parameters, more...);
  parameters.finish();
  return result;
}

Selection selection_of(Parameters& parameters, const config::Dataloader& dataloader) {
  Selection selection;
  selection.first = parameters.integer("first", 0);
  if (selection.first < 0) parameters.refuse("first", fmt::format("{}", selection.first), "at least 0");
  if (parameters.has("count")) {
    selection.count = parameters.integer("count");
    if (*selection.count < 1) parameters.refuse("count", fmt::format("{}", *selection.count), "at least 1");
  }
  selection.shuffle = dataloader.shuffle;
  if (dataloader.last_batch == "discard") selection.multiple_of = std::max<std::int64_t>(1, dataloader.batch_size);
  return selection;
}

}  // namespace

std::span<const FactoryRow> dataset_rows() noexcept {
  return kDatasetRows;
}
std::span<const FactoryRow> transform_rows() noexcept {
  return kTransformRows;
}
std::span<const FactoryRow> metric_rows() noexcept {
  return kMetricRows;
}
std::span<const FactoryRow> postprocess_rows() noexcept {
  return kPostprocessRows;
}

std::unique_ptr<const Dataset> make_dataset(const config::Dataloader& dataloader, const std::filesystem::path& base) {
  if (!dataloader.dataset)
    throw ConfigError(
        fmt::format("{}{}dataloader has no data set: one expected", dataloader.where, dataloader.where.empty() ? "" : ": "));
  const config::Named& named = *dataloader.dataset;
  const auto& row = row_of(kDatasets, named, "data set");
  std::vector<Transform> transforms;
  for (const auto& transform : dataloader.transform)
    transforms.push_back(made(row_of(kTransforms, transform, "transform"), transform, "transform"));
  Parameters parameters(fmt::format("data set {}", named.name), named, row.shorthand);
  const Selection selection = selection_of(parameters, dataloader);
  auto data = row.make(parameters, base);
  parameters.finish();
  return transformed(select(std::move(data), selection), std::move(transforms),
                     dataloader.transform.empty() ? "" : dataloader.transform.front().where);
}

std::unique_ptr<Metric> make_metric(const config::Named& metric) {
  return made(row_of(kMetrics, metric, "metric"), metric, "metric");
}

std::unique_ptr<Metric> postprocessed(std::unique_ptr<Metric> metric, const std::vector<config::Named>& transforms) {
  std::vector<OutputTransform> list;
  for (const auto& transform : transforms)
    list.push_back(made(row_of(kPostprocess, transform, "postprocess transform"), transform, "postprocess transform"));
  return postprocessed(std::move(metric), std::move(list));
}

}  // namespace inc::eval

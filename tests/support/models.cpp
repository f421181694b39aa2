#include "tests/support/models.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <ostream>

namespace inc::testing {

std::optional<std::filesystem::path> shared(const std::string& relative) {
  const char* given = std::getenv("INC_SHARED");
  const auto root =
      given != nullptr ? std::filesystem::path(given) : std::filesystem::path(INC_SOURCE_DIR) / ".." / "shared";
  std::error_code error;
  const auto path = std::filesystem::weakly_canonical(root / relative, error);
  if (error || !std::filesystem::exists(path, error)) return std::nullopt;
  return path;
}

void PrintTo(const RealModel& model, std::ostream* out) {
  *out << model.task;
}

const std::vector<RealModel>& real_models() {
  static const std::vector<RealModel> models{
      {"cifar10", "realdata/cifar10/resnet20.onnx"}, {"imagenet", "realdata/imagenet/mobilenet_v1_0.25_224.onnx"},
      {"mnist", "realdata/mnist/mnist-8.onnx"},      {"speech-dscnn", "realdata/speech/ds_cnn_l.onnx"},
      {"speech-kwt", "realdata/speech/kwt1.onnx"},   {"stories", "realdata/stories/stories260k.onnx"},
      {"coco", "realdata/coco/yolox_nano.onnx"},     {"magika", "realdata/magika/model.onnx"},
  };
  return models;
}

TemporaryDirectory::TemporaryDirectory() {
  static int count = 0;
  path_ = std::filesystem::temp_directory_path() / fmt::format("inc-test-{}-{}", ::getpid(), count++);
  std::filesystem::create_directories(path_);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace inc::testing

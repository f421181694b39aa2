// Quantizes a classifier with samples and an accuracy function of this program, then runs the result:
//   cpp_quantize MODEL.onnx CALIBRATION-images.idx TEST-images.idx TEST-labels.idx OUTPUT
#include <inc_cpp/inc.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>

namespace {

struct Idx {
  std::vector<std::int64_t> dims;
  std::vector<std::uint8_t> values;
};

/// Bytes in MNIST's file format: two zeros, the type, the number of dimensions, the dimensions (big-endian), the values.
Idx read_idx(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const auto byte = [&file] { return static_cast<std::int64_t>(file.get()); };
  Idx idx;
  byte(), byte(), byte();
  const std::int64_t rank = byte();
  std::int64_t count = 1;
  for (std::int64_t i = 0; i < rank && file; ++i) {
    std::int64_t size = 0;
    for (int j = 0; j < 4; ++j) size = size << 8 | byte();
    idx.dims.push_back(size);
    count *= size;
  }
  if (!file) throw inc::DataError(std::string(path) + ": not an IDX file");
  idx.values.resize(static_cast<std::size_t>(count));
  if (!file.read(reinterpret_cast<char*>(idx.values.data()), count)) throw inc::DataError(std::string(path) + ": too short");
  return idx;
}

/// One tensor for each picture: [1, height, width], 0 to 1.
std::vector<inc::Tensor> pictures(const Idx& idx) {
  const std::int64_t size = idx.dims.at(1) * idx.dims.at(2);
  std::vector<inc::Tensor> all;
  for (auto at = idx.values.begin(); at != idx.values.end(); at += size) {
    std::vector<float> values(at, at + size);
    for (float& value : values) value /= 255.0F;
    all.push_back(inc::Tensor::of<float>({1, idx.dims[1], idx.dims[2]}, values));
  }
  return all;
}

std::int64_t predicted(const inc::Session& model, const inc::Tensor& picture) {
  const inc::Shape& shape = picture.shape();
  const inc::Tensor batch = picture.reshaped({1, shape[0], shape[1], shape[2]});
  const inc::Tensor scores = model.run({{model.inputs().front().name, batch}}).front();
  const auto values = scores.values<float>();
  return std::max_element(values.begin(), values.end()) - values.begin();
}

double accuracy(const inc::Session& model, const std::vector<inc::Tensor>& images, const std::vector<std::uint8_t>& labels) {
  std::int64_t right = 0;
  for (std::size_t i = 0; i < images.size(); ++i) right += predicted(model, images[i]) == labels[i] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(images.size());
}

int quantize(char** argv) {
  const auto images = pictures(read_idx(argv[3]));
  const auto labels = read_idx(argv[4]).values;

  inc::Config config;
  config.tuning.accuracy_criterion.relative = 0.01;

  inc::QuantizeOptions options;
  options.output = argv[5];
  options.calibration = inc::samples(pictures(read_idx(argv[2])), {}, 20);
  options.eval_func = [&](const inc::Session& model) { return accuracy(model, images, labels); };
  options.on_trial = [](const inc::Observation& trial, std::size_t number) {
    std::printf("trial %zu: accuracy %.4f%s\n", number, trial.accuracy, trial.met ? ", target met" : "");
  };
  const inc::QuantizeResult result = inc::quantize(argv[1], config, options);

  std::printf("FP32 %.4f, result %.4f (%s)\n", result.report.baseline.accuracy, result.report.result.accuracy,
              result.report.result.target.c_str());
  for (const auto& op : result.report.ops)
    std::printf("  %-24s %-8s %s\n", op.name.c_str(), op.precision.c_str(), op.reason.c_str());
  std::printf("%s, executed again: %.4f\n", result.model.c_str(), accuracy(inc::Session(result.model), images, labels));
  return result.met() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: %s MODEL.onnx CALIBRATION-images.idx TEST-images.idx TEST-labels.idx OUTPUT\n", argv[0]);
    return 2;
  }
  try {
    return quantize(argv);
  } catch (const inc::Error& error) {
    std::fprintf(stderr, "%s\n", error.full_message().c_str());
    return static_cast<int>(error.exit_code());
  }
}

#pragma once
// The data sets, one maker per name; factory.cpp lists them. A maker reads its parameters except first and count.
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/rng.h"
#include "core/eval/dataset.h"
#include "core/eval/detection.h"
#include "core/eval/parameters.h"

namespace inc::eval {

/// Seed of everything random here: dummy data, random transforms (stream = sample index), shuffling.
inline constexpr std::uint64_t kSeed = 9527;

std::unique_ptr<const Dataset> make_cifar10(Parameters& parameters, const std::filesystem::path& base);
std::unique_ptr<const Dataset> make_cifar100(Parameters& parameters, const std::filesystem::path& base);
std::unique_ptr<const Dataset> make_mnist(Parameters& parameters, const std::filesystem::path& base);
std::unique_ptr<const Dataset> make_imagenet_raw(Parameters& parameters, const std::filesystem::path& base);
std::unique_ptr<const Dataset> make_image_folder(Parameters& parameters, const std::filesystem::path& base);
std::unique_ptr<const Dataset> make_yolo_detection(Parameters& parameters, const std::filesystem::path& base);
std::unique_ptr<const Dataset> make_coco_raw(Parameters& parameters, const std::filesystem::path& base);
std::unique_ptr<const Dataset> make_arrays(Parameters& parameters, const std::filesystem::path& base);
std::unique_ptr<const Dataset> make_glue_data(Parameters& parameters, const std::filesystem::path& base);
std::unique_ptr<const Dataset> make_dummy(Parameters& parameters, const std::filesystem::path& base);

/// The JPEG and PNG files of a folder, sorted by name. Throws DataError where it cannot be listed.
std::vector<std::filesystem::path> image_files(const std::filesystem::path& folder);
/// Calls `take` with each line that is not blank, and its place ("labels.txt:3"). Throws DataError for a file that cannot be
/// read.
void for_each_line(const std::filesystem::path& file,
                   const std::function<void(std::string_view line, const std::string& place)>& take);

/// Part of a data set, in file order or shuffled.
struct Selection {
  std::int64_t first = 0;
  std::optional<std::int64_t> count;  ///< absent: to the end
  bool shuffle = false;               ///< within the part
  std::int64_t multiple_of = 1;       ///< samples beyond the last whole multiple are left out
};
/// Throws DataError when the part reaches beyond the end or is empty.
std::unique_ptr<const Dataset> select(std::unique_ptr<const Dataset> data, const Selection& selection);

/// A transform of one item; random ones draw from the generator, which depends on the sample's index only. Those that move
/// pixels say so in `place`, which data sets of boxes put into the label.
struct Transform {
  std::string name;
  std::function<ir::Tensor(const ir::Tensor& item, Rng& random, Place& place)> apply;
};
/// Applies the transforms, in order, to the only input of every sample; get() throws ConfigError where there are several.
std::unique_ptr<const Dataset> transformed(std::unique_ptr<const Dataset> data, std::vector<Transform> transforms,
                                           const std::string& where);

}  // namespace inc::eval

#pragma once
// NumPy's .npy (versions 1 to 3) and .npz files as tensors.
#include <filesystem>
#include <string>
#include <vector>

#include "core/ir/tensor.h"

namespace inc::eval {

/// The array of an .npy file, mapped into memory, or of a member of an .npz file (stored or deflated). `path` may name the
/// member ("data.npz:images"); otherwise it is `member`, or the only one the file has. Little-endian, C order, numbers.
/// Throws DataError naming the file, what was found and what was expected.
ir::Tensor read_array(const std::filesystem::path& path, const std::string& member = {});

}  // namespace inc::eval

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdlib>

#include "app/cli/benchmark_settings.h"
#include "app/peers.h"
#include "core/base/parallel.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"

namespace inc::cli {
namespace {

namespace fs = std::filesystem;

/// Gone at the end, with what is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "inc_cpp_peers_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw BackendError(name + ": cannot be made");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

std::string file_for_peers(const Subject& subject, const app::Variant& variant, const fs::path& folder) {
  if (app::precision_of(variant.without_bf16) == app::precision_of(subject.model.fused)) return subject.model.path.string();
  ir::Graph lowered = variant.without_bf16;
  passes::lowering_pipeline().run(lowered);
  const fs::path path = folder / "model.onnx";
  onnx_io::export_model(lowered, path);
  return path.string();
}

}  // namespace

std::vector<app::VariantResult> beside_peers(const BenchmarkSettings& settings, const Subject& subject,
                                             const app::Variant& variant) {
  const TemporaryFolder folder;
  app::PeerCall call{file_for_peers(subject, variant, folder.path()), "f32", threads(), {}};
  if (app::precision_of(variant.graph).find("bf16") != std::string::npos) call.hint = "bf16";
  const auto& ids = subject.model.fused.inputs();
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (subject.inputs[i].rank() > 0)
      call.shapes.push_back(
          fmt::format("{}={}", subject.model.fused.value(ids[i]).name, fmt::join(subject.inputs[i].shape(), "x")));
  const app::Contender ours(variant, *subject.adaptor, subject.inputs);
  auto peers = app::start_peers(call);
  auto results = app::benchmark_with_peers(ours, peers, settings.options);
  results.front().label = "inc-cpp";
  results.front().prepare_ms += subject.load_ms;
  return results;
}

}  // namespace inc::cli

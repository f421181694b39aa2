#include "app/peers.h"

#include <cstdlib>
#include <filesystem>

#include "core/base/error.h"
#include "core/tuning/latency.h"

namespace inc::app {
namespace {

namespace fs = std::filesystem;
constexpr int kRounds = 12;

fs::path script() {
  const fs::path here = fs::canonical("/proc/self/exe").parent_path();
  for (const fs::path& path : {here / "peers.py", here.parent_path() / "share" / "inc_cpp" / "peers.py"})
    if (fs::exists(path)) return path;
  throw BackendError("peers.py is neither beside " + here.string() + "/inc-cpp nor in ../share/inc_cpp");
}

void add_round(VariantResult& result, const std::vector<double>& milliseconds) {
  result.milliseconds.insert(result.milliseconds.end(), milliseconds.begin(), milliseconds.end());
  result.rounds.push_back(tuning::percentile(milliseconds, 0.5));
}

}  // namespace

std::vector<Peer> start_peers(const PeerCall& call) {
  const char* python = std::getenv("INC_CPP_PYTHON");
  std::vector<Peer> peers;
  for (const std::string engine : {"onnxruntime", "openvino"}) {
    std::vector<std::string> command{python != nullptr && *python != '\0' ? python : "python3",
                                     script().string(),
                                     engine,
                                     call.model,
                                     "--threads",
                                     std::to_string(call.threads),
                                     "--hint",
                                     call.hint};
    for (const auto& shape : call.shapes) command.insert(command.end(), {"--shape", shape});
    peers.push_back({engine, TimingWorker(Worker(engine, command))});
  }
  return peers;
}

std::vector<VariantResult> benchmark_with_peers(const Contender& ours, std::vector<Peer>& peers,
                                                const BenchmarkOptions& options) {
  ours.warm_up(options.warmup);
  std::vector<VariantResult> results(peers.size() + 1);
  const double seconds = options.seconds / kRounds;
  const std::int64_t runs = options.iterations < 0 ? -1 : std::max<std::int64_t>(1, options.iterations / kRounds);
  for (int round = 0; round < kRounds; ++round) {
    add_round(results[0], ours.run_for(seconds, runs));
    for (std::size_t i = 0; i < peers.size(); ++i) {
      if (peers[i].worker.absent()) continue;
      peers[i].worker.order(seconds, runs);
      add_round(results[i + 1], peers[i].worker.answer());
    }
  }
  std::vector<double> rounds = std::move(results[0].rounds);
  results[0] = ours.result(std::move(results[0].milliseconds), options.profile);
  results[0].rounds = std::move(rounds);
  for (std::size_t i = 0; i < peers.size(); ++i) {
    results[i + 1].label = peers[i].engine;
    results[i + 1].version = peers[i].worker.version;
    results[i + 1].why_absent = peers[i].worker.why_absent;
    results[i + 1].precision = results[0].precision;
    results[i + 1].prepare_ms = peers[i].worker.prepare_ms;
    results[i + 1].peak_rss_bytes = peers[i].worker.peak_rss_bytes;
    results[i + 1].macs = results[0].macs;
  }
  return results;
}

}  // namespace inc::app

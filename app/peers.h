#pragma once
// Other engines, timed beside ours. They run in Python processes: peers.py beside this program or in its share directory,
// by $INC_CPP_PYTHON or python3.
#include "app/timing_worker.h"

namespace inc::app {

struct PeerCall {
  std::string model;         ///< ONNX file
  std::string hint = "f32";  ///< f32, or bf16 where the engine may compute in BF16
  int threads = 1;
  std::vector<std::string> shapes;  ///< of every input: "input=1x3x224x224"
};

struct Peer {
  std::string engine;
  TimingWorker worker;
};
/// onnxruntime and OpenVINO, ready to run or with the reason why not. Throws BackendError when Python cannot be started.
std::vector<Peer> start_peers(const PeerCall& call);

/// Takes turns with the peers in rounds. The first result is ours; those that are absent have none.
std::vector<VariantResult> benchmark_with_peers(const Contender& ours, std::vector<Peer>& peers,
                                                const BenchmarkOptions& options);

}  // namespace inc::app

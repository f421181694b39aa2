// After the first runs, a run allocates no buffers: arena, scratchpads and outputs are there already.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "adaptors/onednn/adaptor.h"
#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"
#include "tests/contract/adaptors/group.h"
#include "tests/support/models.h"
#include "tests/support/random.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)
namespace {

constexpr std::size_t kBuffer = 2 << 10;  // smaller ones are the library's argument lists
std::atomic<bool> watching{false};
std::atomic<std::size_t> buffers{0};

void count(std::size_t bytes) noexcept {
  if (bytes >= kBuffer && watching.load(std::memory_order_relaxed)) buffers.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) {
  count(bytes);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t n, std::size_t bytes) {
  count(n * bytes);
  return __libc_calloc(n, bytes);
}
void* realloc(void* old, std::size_t bytes) {
  count(bytes);
  return __libc_realloc(old, bytes);
}
void* aligned_alloc(std::size_t align, std::size_t bytes) {
  count(bytes);
  return __libc_memalign(align, bytes);
}
void* memalign(std::size_t align, std::size_t bytes) {
  count(bytes);
  return __libc_memalign(align, bytes);
}
int posix_memalign(void** out, std::size_t align, std::size_t bytes) {
  count(bytes);
  *out = __libc_memalign(align, bytes);
  return *out == nullptr ? 12 : 0;
}
}

namespace inc {
namespace {

std::size_t buffers_of_later_runs(const ir::Graph& graph, std::span<const ir::Tensor> inputs) {
  const auto engine = onednn::make_adaptor()->prepare(graph);
  for (int run = 0; run < 2; ++run) engine->run(inputs);
  buffers = 0;
  watching = true;
  for (int run = 0; run < 3; ++run) engine->run(inputs);
  watching = false;
  return buffers;
}

TEST(Allocations, AreSeen) {
  buffers = 0;
  watching = true;
  std::free(std::aligned_alloc(64, kBuffer));
  watching = false;
  EXPECT_EQ(buffers, 1u);
}

TEST(Allocations, NoneForAQuantizedGroup) {
  testing::GroupSpec spec;
  spec.x = {4, 32, 24, 24};
  spec.w = {48, 32, 3, 3};
  spec.activation = "relu";
  spec.residual = testing::GroupSpec::Residual::Quantized;
  const ir::Graph graph = testing::GroupBuilder(5).group(spec);
  Rng rng(1);
  for (const int team : {1, 2}) {
    set_threads(team);
    EXPECT_EQ(buffers_of_later_runs(graph, testing::random_inputs(graph, rng, 4)), 0u) << team << " threads";
  }
  set_threads(0);
}

class RealModelAllocations : public ::testing::TestWithParam<testing::RealModel> {};

TEST_P(RealModelAllocations, NoneAfterTheFirstRuns) {
  INC_SHARED(path, GetParam().path);
  ir::Graph graph = onnx_io::import_model(path);
  passes::fusion_pipeline().run(graph);
  Rng rng(1);
  const auto inputs = testing::random_inputs(graph, rng, 8, 2);
  EXPECT_EQ(buffers_of_later_runs(graph, inputs), 0u);
}

INSTANTIATE_TEST_SUITE_P(All, RealModelAllocations, ::testing::ValuesIn(testing::real_models()),
                         [](const auto& item) { return "Model" + std::to_string(item.index); });

}  // namespace
}  // namespace inc
#endif

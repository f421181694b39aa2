#include "core/tuning/probe.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/unit/tuning/numbers.h"

namespace inc::tuning {
namespace {

using ir::Tensor;

/// Makes {1, error of the sample}; the error of sample x is `error` times 1 + x / 100.
class OffBy final : public runtime::Executable {
 public:
  explicit OffBy(float error) : error_(error) {}
  std::vector<Tensor> run(std::span<const Tensor> inputs, const runtime::TapSink&) const override {
    ++runs;
    return {Tensor::of<float>({1, 2}, {1, error_ * (1 + inputs[0].values<float>()[0] / 100)})};
  }
  std::vector<runtime::StepProfile> profile(std::span<const Tensor>, int) const override { return {}; }
  mutable int runs = 0;

 private:
  float error_;
};

class Probed : public ::testing::Test {
 protected:
  Probed() { graph_.add_input("x", {DType::Float, std::vector<ir::Dim>{{-1, "N"}, {1, ""}}}); }
  static constexpr int kSamples = 24;
  ir::Graph graph_;
  Numbers data_{100};
  OffBy exact_{0}, plain_{0.1f};
};

TEST_F(Probed, AVariantThatIsClearlyWorseIsSoonGivenUp) {
  const Probe probe(graph_, exact_, data_, 100, 4, kSamples);
  const Probe::Found plain = probe(plain_);
  EXPECT_EQ(plain_.runs, kSamples);
  const OffBy worse(0.2f), better(0.05f);
  const Probe::Found bad = probe.against(plain, 0.75, worse), good = probe.against(plain, 0.75, better);
  EXPECT_FALSE(bad.whole);
  EXPECT_EQ(worse.runs, 2);
  EXPECT_NEAR(bad.typical, 4 * plain.typical, 1e-4 * plain.typical);
  EXPECT_TRUE(good.whole);
  EXPECT_EQ(better.runs, kSamples);
  EXPECT_NEAR(good.typical, plain.typical / 4, 1e-4 * plain.typical);
}

TEST_F(Probed, AVariantThatMendsWhatIsNotFiniteIsSeenWhole) {
  const Probe probe(graph_, exact_, data_, 100, 4, kSamples);
  const Probe::Found broken = probe(OffBy(std::numeric_limits<float>::infinity()));
  const Probe::Found mended = probe.against(broken, 0.75, plain_);
  EXPECT_TRUE(mended.whole);
  EXPECT_NEAR(mended.typical, probe(plain_).typical, 1e-12);
}

TEST(Predictions, AreTheTokensOfTextsAndNotTheBoxesOfImages) {
  const Tensor tokens(DType::Int64, {1, 16}), image(DType::Float, {1, 3, 8, 8});
  const Tensor words(DType::Float, {1, 16, 512}), boxes(DType::Float, {1, 300, 85}), classes(DType::Float, {1, 2});
  EXPECT_EQ(predictions(std::vector{tokens}, std::vector{words}), 16);
  EXPECT_EQ(predictions(std::vector{tokens}, std::vector{classes}), 1);
  EXPECT_EQ(predictions(std::vector{image}, std::vector{boxes}), 1);
}

}  // namespace
}  // namespace inc::tuning

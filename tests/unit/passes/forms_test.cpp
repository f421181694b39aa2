#include "core/passes/forms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/onnx/onnx_io.h"

namespace inc::passes {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr const char* kTwoGroups = R"(
  g (float[N,2] x) => (float[N,2] y) <float s = {0.5}, uint8 z = {128}, int8[2,2] wq = {1, -2, 3, 4}, float ws = {0.25}> {
    q = QuantizeLinear(x, s, z)
    d = DequantizeLinear(q, s, z)
    w = DequantizeLinear(wq, ws)
    t = MatMul(d, w)
    p = QuantizeLinear(t, s, z)
    e = DequantizeLinear(p, s, z)
    y = MatMul(e, w)
  })";

WrittenForms lowered(ExportFormat format) {
  ir::Graph graph = onnx_io::import_text(kTwoGroups);
  Findings findings;
  fusion_pipeline().run(graph);
  lowering_pipeline(format).run(graph, &findings);
  return written_forms(findings);
}

TEST(WrittenForms, CountWhatIsWrittenAndSayWhyTheRestIsNot) {
  const WrittenForms forms = lowered(ExportFormat::QLinearOps);
  EXPECT_THAT(forms.written, ElementsAre(Pair("QLinearMatMul", 1)));
  ASSERT_EQ(forms.kept.size(), 1u);
  EXPECT_EQ(forms.kept[0].why_not, "'y' is a graph output");
}

TEST(WrittenForms, StaticGroupsAreNotWrittenWithIntegerOperators) {
  const WrittenForms forms = lowered(ExportFormat::IntegerOps);
  EXPECT_THAT(forms.written, IsEmpty());
  ASSERT_EQ(forms.kept.size(), 2u);
  EXPECT_EQ(forms.kept[0].why_not, "the levels of 'd' are not taken at run time");
}

TEST(WrittenForms, AreNotCountedInQdq) {
  const WrittenForms forms = lowered(ExportFormat::Qdq);
  EXPECT_THAT(forms.written, IsEmpty());
  EXPECT_THAT(forms.kept, IsEmpty());
}

}  // namespace
}  // namespace inc::passes

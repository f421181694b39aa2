#include "core/passes/forms.h"

#include <algorithm>

namespace inc::passes {
namespace {

constexpr std::string_view kOfAnchors[] = {"lower_qlinear_conv", "lower_qlinear_matmul", "lower_matmul_integer",
                                           "lower_conv_integer"};

}  // namespace

WrittenForms written_forms(const Findings& findings) {
  WrittenForms forms;
  for (const Finding& finding : findings) {
    if (std::find(std::begin(kOfAnchors), std::end(kOfAnchors), finding.pass) == std::end(kOfAnchors)) continue;
    if (finding.applied)
      ++forms.written[finding.what];
    else
      forms.kept.push_back(finding);
  }
  return forms;
}

}  // namespace inc::passes

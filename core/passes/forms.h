#pragma once
// In which form the INT8 groups of an exported model are written.
#include <map>
#include <string>
#include <vector>

#include "core/passes/pass.h"

namespace inc::passes {

struct WrittenForms {
  std::map<std::string, int> written;  ///< operator → groups written with it ("QLinearConv" → 19); movements excluded
  std::vector<Finding> kept;           ///< groups that stay DequantizeLinear → anchor, each with why_not
};
/// From the findings of lowering_pipeline(format). In Q/DQ both are empty: nothing else was asked for.
WrittenForms written_forms(const Findings& findings);

}  // namespace inc::passes

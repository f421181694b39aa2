#pragma once
// Everything behind the calibration: baseline, search, finish.
#include "core/pipeline/result.h"
#include "core/search/journal.h"

namespace inc::pipeline {

/// Searches from `history` on, fills `result` and finishes it. The costs are refined where the search needs it. Of several
/// ranks the first has the journal and the report.
report::Report tune(Result& result, const AccuracyTask& task, std::optional<Costs>& costs, const runtime::Adaptor& adaptor,
                    const QuantizeOptions& options, std::optional<search::Journal>& journal, search::History history);

}  // namespace inc::pipeline

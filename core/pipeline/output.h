#pragma once
// Writing the model.
#include <filesystem>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/tuning/candidate.h"

namespace inc::pipeline {

/// Lowers the candidate to the form that model.framework asks for and writes it; BF16 as mixed_precision.format says.
/// `notes` gets what the user should know about the form: what could not be said in it, and why.
void write_model(const config::Config& config, const tuning::Candidate& candidate, const std::filesystem::path& path,
                 std::vector<std::string>& notes);

}  // namespace inc::pipeline

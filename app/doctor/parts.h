#pragma once
// The parts of an examination.
#include "app/doctor.h"

namespace inc::app::doctor {

Power power(const Host& host);
Memory memory(const Host& host);
std::vector<std::string> container(const Host& host, const std::map<std::string, std::string>& variables);

/// The variables that OpenMP runtimes, oneDNN, allocators and this program read.
std::map<std::string, std::string> relevant(const std::map<std::string, std::string>& variables);

/// Asks the kernel for the tile registers (arch_prctl), which it keeps for this process.
Known<Amx> request_amx();
/// A matrix product through the engine in each precision, on one core and on `cores`, in about `seconds` altogether.
std::map<std::string, Known<Speed>> measure_speeds(int cores, double seconds);

/// Everything to change, largest gain first; of one gain in the order of the rules.
std::vector<Advice> advise(const Diagnosis& diagnosis, const Host& host);
/// NUMA nodes with CPUs that this process may use.
int nodes_with_cpus(const Diagnosis& diagnosis);
/// What is wrong with the variables of the environment.
std::vector<Advice> advise_on_variables(const Diagnosis& diagnosis, const Host& host);

}  // namespace inc::app::doctor

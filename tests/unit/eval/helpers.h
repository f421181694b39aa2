#pragma once
// Builders for the tests of this room: parameters as the reader makes them, scratch files, hand-made files.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/ir/tensor.h"

namespace inc::eval::testing {

inline config::Parameter integer(std::int64_t v) {
  return {v, "c.yaml:1:1"};
}
inline config::Parameter number(double v) {
  return {v, "c.yaml:1:1"};
}
inline config::Parameter flag(bool v) {
  return {v, "c.yaml:1:1"};
}
inline config::Parameter text(std::string v) {
  return {std::move(v), "c.yaml:1:1"};
}
inline config::Parameter numbers(std::initializer_list<double> values) {
  config::ParameterList list;
  for (const double v : values) list.push_back(number(v));
  return {list, "c.yaml:1:1"};
}
inline config::Parameter integers(std::initializer_list<std::int64_t> values) {
  config::ParameterList list;
  for (const auto v : values) list.push_back(integer(v));
  return {list, "c.yaml:1:1"};
}
inline config::Parameter texts(std::initializer_list<const char*> values) {
  config::ParameterList list;
  for (const auto* v : values) list.push_back(text(v));
  return {list, "c.yaml:1:1"};
}
inline config::Parameter map(config::ParameterMap values) {
  return {std::move(values), "c.yaml:1:1"};
}
inline config::Named named(std::string name, config::ParameterMap values = {}) {
  return {std::move(name), map(std::move(values)), "c.yaml:1:1"};
}
inline config::Named named(std::string name, config::Parameter value) {
  return {std::move(name), std::move(value), "c.yaml:1:1"};
}

inline config::Dataloader loader(config::Named dataset, std::vector<config::Named> transforms = {}) {
  config::Dataloader dataloader;
  dataloader.dataset = std::move(dataset);
  dataloader.transform = std::move(transforms);
  return dataloader;
}

/// A directory that lives as long as the object.
class Scratch {
 public:
  Scratch() {
    static int made = 0;
    path_ =
        std::filesystem::temp_directory_path() / ("inc_eval_" + std::to_string(::getpid()) + "_" + std::to_string(made++));
    std::filesystem::create_directories(path_);
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

/// An .npy file of version 1.
inline std::string npy(const std::string& descr, const std::string& shape, const std::string& data,
                       const std::string& order = "False") {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
  while ((header.size() + 11) % 64 != 0) header += ' ';
  header += '\n';
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  return file + header + data;
}

template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <class T>
std::vector<T> list(const ir::Tensor& tensor) {
  const auto values = tensor.values<T>();
  return {values.begin(), values.end()};
}

/// The message of the E that act() throws.
template <class E, class Act>
std::string message_of(Act&& act) {
  try {
    act();
  } catch (const E& error) {
    return error.full_message();
  }
  ADD_FAILURE() << "no exception";
  return {};
}

}  // namespace inc::eval::testing

#pragma once
#include <gtest/gtest.h>

#include <string>

#include "core/base/error.h"

namespace inc::onnx_io {

/// The message of the expected fault; anything else fails the test.
template <class Fault, class Do>
std::string failure(Do&& act) {
  try {
    act();
  } catch (const Fault& e) {
    return e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "another error: " << e.what();
    return "";
  }
  ADD_FAILURE() << "no error";
  return "";
}

}  // namespace inc::onnx_io

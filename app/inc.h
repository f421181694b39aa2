#pragma once
// The supported C++ surface: #include <inc_cpp/app/inc.h>, find_package(inc_cpp), link inc_cpp::inc_cpp.
//
//   const auto config = inc::config::read_config("resnet50.yaml");
//   const auto adaptor = inc::app::make_adaptor();
//   const auto report = inc::pipeline::quantize(config, *adaptor, {.output = "out"});
//   if (!report.result.met) …
//
// Everything throws inc::Error (core/base/error.h) and nothing else of its own.
#include "app/session.h"
#include "core/base/error.h"
#include "core/config/config.h"
#include "core/onnx/onnx_io.h"
#include "core/pipeline/quantize.h"
#include "core/report/report.h"

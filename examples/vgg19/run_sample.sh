#!/usr/bin/env bash
# Train, quantize, measure, draw:  run_sample.sh [--fast] [--output FOLDER]
# A small VGG learns rendered pictures; VGG19 itself, with random weights, shows the speed. --fast: the small one only,
# trained briefly. FOLDER (default: vgg19_sample) gets small/ and vgg19/, each with 32.json, 8.json and the two charts.
# Needs inc-cpp ($INC_CPP, or on the PATH) and a Python ($PYTHON, or python3) with numpy, onnx and matplotlib.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
fast= output=vgg19_sample
while [ $# -gt 0 ]; do
  case $1 in
    --fast) fast=--fast ;;
    --output) output=$2 && shift ;;
    --output=*) output=${1#*=} ;;
    *) echo "usage: $(basename "$0") [--fast] [--output FOLDER]" >&2 && exit 2 ;;
  esac
  shift
done
export INC_CPP=${INC_CPP:-inc-cpp}
python=${PYTHON:-python3}
duration=${fast:+1}

# sample NAME CONFIG TITLE [options of inc-cpp quantize]: the figures and charts of $output/NAME, which has model.onnx.
sample() {
  local folder=$output/$1 config=$here/$2 title=$3
  shift 3
  export FOLDER=$(cd "$folder" && pwd)
  "$INC_CPP" quantize --config "$config" --output "$folder/int8" "$@" || [ $? -eq 1 ]
  for part in "32 model.onnx baseline" "8 int8/model.onnx result"; do
    read -r name model which <<< "$part"
    "$python" "$here/profile_inc.py" "$config" "$folder/$model" "$folder/$name.json" --duration "${duration:-5}" \
      ${by_report:+--report "$folder/int8/report.json" --part "$which"}
  done
  "$python" "$here/compare_perf.py" "$folder" "$title"
  echo "$folder/fp32_int8_absolute.png"
  echo "$folder/fp32_int8_times.png"
}

"$python" "$here/train.py" "$output/small" $fast
sample small small_vgg.yaml "Small VGG on rendered pictures"
if [ -z "$fast" ]; then
  mkdir -p "$output/vgg19"
  "$python" "$here/make_vgg19.py" "$output/vgg19/model.onnx"
  by_report=1 sample vgg19 vgg19.yaml "VGG19, random weights (accuracy: cosine of the scores with FP32's)"
fi

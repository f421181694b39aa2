#!/usr/bin/env bash
# Measures a model's speed (evaluation.performance of the configuration) or accuracy (evaluation.accuracy), and prints the
# lines that Intel Neural Compressor prints: the latency is that of one image.
set -euo pipefail
usage_text="--config=C.yaml --input_model=M.onnx --mode=performance|accuracy [-- options of inc-cpp benchmark]"
. "$(dirname "${BASH_SOURCE[0]}")/arguments.sh"
[ -n "$input_model" ] && [[ $mode == performance || $mode == accuracy ]] || usage

# The first number of that name in what inc-cpp printed: its totals come before their parts.
number() {
  sed -n "s/^ *\"$1\": \(-\{0,1\}[0-9][0-9.eE+-]*\),\{0,1\}\$/\1/p" <<< "$result" | head -n 1
}

result=$("$tool" benchmark --config "$config" --model "$input_model" --mode "$mode" --json "${more[@]}")
echo "$mode mode benchmark result:"
echo "Batch size = $(number batch)"
if [ "$mode" = accuracy ]; then
  printf 'Accuracy is %.4f\n' "$(number accuracy)"
else
  awk -v ms="$(number mean)" -v batch="$(number batch)" 'BEGIN { printf "Latency: %.3f ms\n", ms / batch }'
  printf 'Throughput: %.3f images/sec\n' "$(number throughput)"
fi

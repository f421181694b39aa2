#!/usr/bin/env bash
# Quantizes a model to the accuracy target of its configuration. Exit code: that of inc-cpp quantize (1: target missed, the
# best model is written all the same). Everything else that the run writes is in OUTPUT_MODEL without .onnx.
set -euo pipefail
usage_text="--config=C.yaml --input_model=M.onnx [--output_model=OUT.onnx] [-- options of inc-cpp quantize]"
. "$(dirname "${BASH_SOURCE[0]}")/arguments.sh"
[ -n "$input_model" ] || usage
output_model=${output_model:-$(basename "${input_model%.onnx}")_tuned.onnx}
workspace=${output_model%.onnx}
[ "$workspace" != "$output_model" ] || fail "--output_model: '$output_model' found, a name ending in .onnx expected"
code=0
"$tool" quantize --config "$config" --model "$input_model" --output "$workspace" "${more[@]}" || code=$?
[ $code -le 1 ] || exit $code
for file in "$workspace"/model.onnx*; do
  [ "$file" = "$workspace/model.onnx" ] && cp "$file" "$output_model" || cp "$file" "$(dirname "$output_model")/"
done
echo "The model is saved to $output_model"
exit $code

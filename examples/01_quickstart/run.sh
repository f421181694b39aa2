#!/usr/bin/env bash
# Quantizes the quickstart model to its accuracy target:  run.sh path/to/inc-cpp [output directory]
set -euo pipefail
tool=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
output=${2:-$PWD/inc_cpp_workspace/shapes}
"$tool" quantize --config "$here/quickstart.yaml" --output "$output"

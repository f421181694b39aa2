#!/usr/bin/env bash
# Installs the build, builds programs outside the tree against the installed package, runs them:
#   run.sh CMAKE BUILD EXAMPLES
set -euo pipefail
cmake=$1 build=$2 examples=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quietly() {
  "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}

make() {
  quietly "$cmake" -S "$1" -B "$work/$2" -G Ninja -DCMAKE_CXX_FLAGS=-O0 -DCMAKE_PREFIX_PATH="$work/prefix"
  quietly "$cmake" --build "$work/$2"
}

export OMP_NUM_THREADS=1
quietly "$cmake" --install "$build" --prefix "$work/prefix"
make "$here" consumer
"$work/consumer/consumer" "$examples/01_quickstart/quickstart.yaml" "$work/out"

make "$examples/cpp_quantize" example
for name in calib-images-idx3 test-images-idx3 test-labels-idx1; do
  gzip -dc "$examples/01_quickstart/$name-ubyte.gz" >"$work/$name"
done
"$work/example/cpp_quantize" "$examples/01_quickstart/shapes.onnx" "$work/calib-images-idx3" "$work/test-images-idx3" \
  "$work/test-labels-idx1" "$work/example_out" | tee "$work/said"
grep -q "executed again: $(sed -n 's/.*result \([0-9.]*\) .*/\1/p' "$work/said")" "$work/said"

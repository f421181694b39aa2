#!/usr/bin/env bash
# Installs the build, builds a consumer against the installed package, runs it:  run.sh CMAKE BUILD PREFIX_PATH CONFIG
set -euo pipefail
cmake=$1 build=$2 prefix_path=$3 config=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$cmake" --install "$build" --prefix "$work/prefix" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$cmake" -S "$here" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$work/prefix;$prefix_path" \
  >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$cmake" --build "$work/build" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/build/consumer" "$config" "$work/out"

#!/usr/bin/env bash
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
default_config="$here/quickstart.yaml" exec "$here/../common/run_benchmark.sh" "$@"

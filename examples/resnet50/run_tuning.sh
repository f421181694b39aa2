#!/usr/bin/env bash
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
default_config="$here/resnet50.yaml" exec "$here/../common/run_tuning.sh" "$@"

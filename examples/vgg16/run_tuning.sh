#!/usr/bin/env bash
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
default_config="$here/vgg16.yaml" exec "$here/../common/run_tuning.sh" "$@"

#!/usr/bin/env bash
# Brings a Debian 12 machine to the point where the project builds: Debian packages, PyPI packages, the ONNX library.
# Does nothing where everything is in place. Prints the dependency prefix on its last line.
#   tools/setup.sh build    what building needs
#   tools/setup.sh test     and what the tests need
# INC_CPP_DEPS: where dependencies are kept between builds (default: ~/.cache/inc-cpp).
set -euo pipefail
goal=${1:-build}
root=$(cd "$(dirname "$0")/.." && pwd)
deps=${INC_CPP_DEPS:-${XDG_CACHE_HOME:-$HOME/.cache}/inc-cpp}
onnx_version=1.23.2

packages=(g++ make ccache ninja-build python3 python3-venv python3-dev pkg-config
  libprotobuf-dev protobuf-compiler libyaml-cpp-dev nlohmann-json3-dev libcli11-dev libfmt-dev libspdlog-dev
  libjpeg62-turbo-dev libpng-dev zlib1g-dev libhwloc-dev libopenmpi-dev openmpi-bin libeigen3-dev libgtest-dev libgmock-dev)

say() { printf '%s\n' "setup: $*" >&2; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
  local missing=() name
  for name in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing Debian packages: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

install_python() {
  local requirements=$root/tools/requirements-$1.txt stamp
  stamp=$deps/venv/$1-$(sha256sum "$requirements" | cut -c1-16)
  [ -e "$stamp" ] && return
  [ -x "$deps/venv/bin/pip" ] || /usr/bin/python3 -m venv "$deps/venv"
  say "installing PyPI packages: $(tr '\n' ' ' <"$requirements")"
  "$deps/venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  touch "$stamp"
}

build_onnx() {
  local prefix=$deps/onnx-$onnx_version work
  [ -e "$prefix/lib/cmake/ONNX/ONNXConfig.cmake" ] && return
  say "building ONNX $onnx_version against Debian's protobuf (once, about 5 minutes of CPU time)"
  work=$(mktemp -d "$deps/onnx-build.XXXXXX")
  (
    cd "$work"
    "$deps/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary :all: --no-build-isolation \
      "onnx==$onnx_version" 2>pip.log || [ -e "onnx-$onnx_version.tar.gz" ] || { cat pip.log >&2; exit 1; }
    tar xf "onnx-$onnx_version.tar.gz"
    "$deps/venv/bin/cmake" -S "onnx-$onnx_version" -B build -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DONNX_USE_PROTOBUF_SHARED_LIBS=ON -DONNX_ML=ON \
      -DONNX_GEN_PB_TYPE_STUBS=OFF -DCMAKE_INSTALL_PREFIX="$work/install" >configure.log 2>&1 || { cat configure.log >&2; exit 1; }
    ninja -C build -j "$(nproc)" install >build.log 2>&1 || { tail -40 build.log >&2; exit 1; }
    rm -rf "$prefix"
    mv install "$prefix"
  )
  rm -rf "$work"
}

mkdir -p "$deps"
exec 9>"$deps/lock"
flock 9
install_packages
install_python build
build_onnx
[ "$goal" = test ] && install_python test
printf '%s\n' "$deps"

# The arguments of the example scripts, as Intel Neural Compressor's examples take them: --name=value or --name value.
# Sets config, input_model, output_model, mode and tool; what follows `--` goes to inc-cpp as it is, in the array `more`.
export LC_ALL=C  # a point in numbers
config= input_model= output_model= mode=performance more=()

fail() {
  echo "$(basename "$0"): $1" >&2
  exit 2
}

usage() {
  echo "usage: $(basename "$0") $usage_text" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --config=* | --input_model=* | --output_model=* | --mode=*) name=${1%%=*} value=${1#*=} ;;
    --config | --input_model | --output_model | --mode)
      [ $# -ge 2 ] || usage
      name=$1 value=$2
      shift
      ;;
    --) shift && more=("$@") && break ;;
    *) echo "$(basename "$0"): unknown argument '$1'" >&2 && usage ;;
  esac
  declare "${name#--}=$value"
  shift
done

config=${config:-${default_config:-}}
[ -n "$config" ] || usage
tool=${INC_CPP:-inc-cpp}
command -v "$tool" > /dev/null || fail "'$tool' not found: put inc-cpp on the PATH or set INC_CPP"

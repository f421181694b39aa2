# Two commands on a fresh Debian 12: `make demo` and `make test`. Everything else is CMake.
build := build/release
deps = $(or $(INC_CPP_DEPS),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/inc-cpp)
cmake = $(deps)/venv/bin/cmake
configure = INC_CPP_DEPS=$(deps) $(cmake) --preset release -Wno-dev
jobs ?= $(shell nproc)
# ccache is told paths below it from where it works: the wheel that the tests build beside the build finds the same objects.
export CCACHE_BASEDIR := $(CURDIR)/build

.PHONY: demo test build clean asan tsan

demo:
	@tools/setup.sh build >/dev/null
	@$(configure) -DINC_BUILD_TESTS=OFF >/dev/null
	@ninja -C $(build) -j $(jobs) --quiet inc-cpp
	@examples/01_quickstart/run.sh $(build)/app/cli/inc-cpp

build:
	@tools/setup.sh build >/dev/null
	@$(configure) -DINC_BUILD_TESTS=OFF
	@ninja -C $(build) -j $(jobs)

test:
	@tools/setup.sh test >/dev/null
	@$(configure) -DINC_BUILD_TESTS=ON >/dev/null
	@ninja -C $(build) -j $(jobs) --quiet
	@$(deps)/venv/bin/python tests/run.py --build $(build) --python $(deps)/venv/bin/python $(TEST_ARGS)

# The tests under AddressSanitizer and UBSan (Python too), and under ThreadSanitizer: CONTRIBUTING.md.
asan: checked = UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
tsan: checked = OMP_NUM_THREADS=1
asan tsan:
	@tools/setup.sh test >/dev/null
	@INC_CPP_DEPS=$(deps) $(cmake) --preset $@ -Wno-dev >/dev/null
	@ninja -C build/$@ -j $(jobs) --quiet
	@$(checked) $(deps)/venv/bin/python tests/run.py --build build/$@ --python $(deps)/venv/bin/python $(TEST_ARGS)

clean:
	rm -rf build

#!/usr/bin/env python3
"""onnxruntime and OpenVINO as they run on a CPU with AVX2 and no more, on one that has AVX512: the other side of INC_MAX_ISA.

    capped_peers.py FOLDER        then  PYTHONPATH=FOLDER INC_MAX_ISA=avx2 performance_table.py …

Both ask the CPUID instruction and heed no setting. FOLDER gets a copy of the two packages in which every CPUID (0F A2) is an
undefined instruction of the same length (0F 0B), and a library, loaded when Python starts, whose SIGILL handler answers in its
place: what the CPU says, less AVX512, AVX-VNNI and AMX (Intel's manual, volume 2A, CPUID leaves 7 and 0DH). They ask while they
load, so that times of execution are not touched. Needs cc and objdump.
"""
import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys

PACKAGES = ("onnxruntime", "openvino")
STARTS_WITH = "import ctypes\nimport pathlib\n\nctypes.CDLL(str(pathlib.Path(__file__).with_name('cap.so')))\n"
CPUID, UNDEFINED = b"\x0f\xa2", b"\x0f\x0b"
HANDLER = r"""
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

static const unsigned kAvx512InEbx = 1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31;
static const unsigned kAvx512InEcx = 1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14;
static const unsigned kAvx512InEdx = 1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25;
static const unsigned kVnniBf16AmxInEax = 1u << 4 | 1u << 5 | 1u << 21 | 1u << 23;

static void answer(int signal_number, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *at = (const unsigned char *)r[REG_RIP];
    if (at[0] != 0x0f || at[1] != 0x0b) {
        signal(signal_number, SIG_DFL);
        return;
    }
    unsigned leaf = r[REG_RAX], part = r[REG_RCX], a, b, c, d;
    __cpuid_count(leaf, part, a, b, c, d);
    if (leaf == 7 && part == 0) {
        b &= ~kAvx512InEbx;
        c &= ~kAvx512InEcx;
        d &= ~kAvx512InEdx;
    }
    if (leaf == 7 && part == 1) {
        a &= ~kVnniBf16AmxInEax;
        d = 0;
    }
    if (leaf == 0xd && part == 0) a &= 0x7;
    r[REG_RAX] = a;
    r[REG_RBX] = b;
    r[REG_RCX] = c;
    r[REG_RDX] = d;
    r[REG_RIP] += 2;
}

__attribute__((constructor)) static void install(void)
{
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGILL, &action, 0);
}
"""


def sites(library):
    """Addresses of CPUID in the code; a disassembler finds them, since the two bytes also occur within other instructions."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", library], capture_output=True, text=True, check=True).stdout
    return [int(address, 16) for address in re.findall(r"^ *([0-9a-f]+):\s+cpuid\b", listing, re.M)]


def code_sections(library):
    """(address, offset in the file, size) of each section."""
    listing = subprocess.run(["objdump", "-h", library], capture_output=True, text=True, check=True).stdout
    for size, address, offset in re.findall(r"^ +\d+ \S+ +([0-9a-f]+) +([0-9a-f]+) +[0-9a-f]+ +([0-9a-f]+)", listing, re.M):
        yield int(address, 16), int(offset, 16), int(size, 16)


def cap(library):
    found = sites(library)
    if not found:
        return 0
    sections, code = list(code_sections(library)), bytearray(library.read_bytes())
    for address in found:
        place = next(offset + address - start for start, offset, size in sections if start <= address < start + size)
        if code[place:place + 2] != CPUID:
            raise RuntimeError(f"{library.name}: no CPUID at {address:#x}")
        code[place:place + 2] = UNDEFINED
    library.write_bytes(code)
    return len(found)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "cap.c"
    source.write_text(HANDLER)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", source, "-o", folder / "cap.so"], check=True)
    (folder / "sitecustomize.py").write_text(STARTS_WITH)
    for package in PACKAGES:
        origin = pathlib.Path(importlib.util.find_spec(package).origin).parent
        shutil.copytree(origin, folder / package, dirs_exist_ok=True)
        capped = {path.name: cap(path) for path in sorted((folder / package).rglob("*.so*"))}
        print(f"{package}: {sum(capped.values())} CPUID in {sum(map(bool, capped.values()))} libraries", flush=True)


if __name__ == "__main__":
    main()

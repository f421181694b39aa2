"""Finds libdnnl.so.3 where the extension's own search path does not reach it, and imports the extension."""
import ctypes
import importlib
import importlib.metadata

PACKAGE, LIBRARY = "onednn-cpu-gomp", "libdnnl.so.3"


def _installed():
    """The library as pip installed it with PACKAGE, or None."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((str(f.locate()) for f in files if f.name == LIBRARY), None)


def core():
    """The module inc_cpp._core. Raises ImportError that says what to install when libdnnl.so.3 is nowhere."""
    try:
        return importlib.import_module("inc_cpp._core")
    except ImportError as error:
        if LIBRARY not in str(error):
            raise
        found = _installed()
        if found is None:
            raise ImportError(f"inc_cpp needs {LIBRARY} of oneDNN 3.2, which is not installed: "
                              f"expected `pip install {PACKAGE}==2023.2.0` in this environment ({error})") from error
    ctypes.CDLL(found, mode=ctypes.RTLD_LOCAL)
    return importlib.import_module("inc_cpp._core")

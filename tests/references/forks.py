"""Runs the scripts beside this file, each in a fork that has what they import already: starting Python and NumPy for each takes longer than most of them.

Reads a JSON list `[script, …arguments]` a line; answers each with a line `{"code", "stdout", "stderr"}`. A script that takes longer than LONGEST is ended.
"""

import json
import os
import pathlib
import runpy
import signal
import sys
import tempfile
import traceback

import blake3  # noqa: F401
import lz4.frame  # noqa: F401
import numpy  # noqa: F401
import PIL.Image  # noqa: F401
import zstandard  # noqa: F401

# Seconds. The slowest takes twenty beside other tests.
LONGEST = 300


def run(script: str, arguments: list[str]) -> int:
    sys.argv = [script, *arguments]
    sys.path[0] = str(pathlib.Path(script).parent)
    try:
        runpy.run_path(script, run_name="__main__")
        return 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1


for line in sys.stdin:
    script, *arguments = json.loads(line)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            signal.alarm(LONGEST)
            os.dup2(out.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            code = run(script, arguments)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (out, errors):
            file.seek(0)
            texts.append(file.read().decode())
    print(json.dumps({"code": code, "stdout": texts[0], "stderr": texts[1]}), flush=True)

"""What Python's `re`, and grep, find in a file: `searching.py FILE PATTERN FLAGS ENDS STARTS LINES LINESTARTS`.

FLAGS are letters: i ignores case, b is of bytes and not of text, v inverts. Prints whether the four arrays are what `re` finds line by
line, and with grep whether numbers and offsets of lines are grep's.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np

path, pattern, flags, *arrays = sys.argv[1:]
data = pathlib.Path(path).read_bytes()
starts, ends, lines, line_starts = (np.load(file).tolist() for file in arrays)

options = re.IGNORECASE if "i" in flags else 0
if "b" in flags:
    regex = re.compile(pattern.encode("latin-1"), options)
else:
    regex = re.compile(pattern, options)

expected = []
at = 0
for number, line in enumerate(data.split(b"\n"), 1):
    if at == len(data):
        break
    if "b" in flags:
        hits = [match.span() for match in regex.finditer(line)]
    else:
        # Offsets of text are counted in characters, ours in bytes.
        text = line.decode()
        hits = [tuple(len(text[:place].encode()) for place in match.span()) for match in regex.finditer(text)]
    if "v" in flags:
        hits = [] if hits else [(0, len(line))]
    expected += [(at + begin, at + end, number, at) for begin, end in hits]
    at += len(line) + 1

found = list(zip(starts, ends, lines, line_starts))
answer = {"count": len(found), "same": found == expected}
if shutil.which("grep") and "g" in flags:
    command = ["grep", "-a", "-n", "-b", "-P" if "b" in flags else "-E"] + ["-" + flag for flag in "iv" if flag in flags] + ["-e", pattern, path]
    out = subprocess.run(command, capture_output=True, env={"LC_ALL": "C.UTF-8" if "b" not in flags else "C"}).stdout
    told = [tuple(map(int, line.split(b":", 2)[:2])) for line in out.split(b"\n")[:-1]]
    answer["grep"] = told == sorted(set(zip(lines, line_starts)))
print(json.dumps(answer))

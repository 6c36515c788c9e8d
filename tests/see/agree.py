# SPDX-License-Identifier: Apache-2.0
"""Values and variables that the page shows are those that `ks debug` prints for the same steps.

python3 agree.py PAGE SAID, where SAID holds what debug answered to `goto N` and `print`"""
import re
import sys

from browser import Browser

page, said = sys.argv[1:3]
wanted, step = {}, None
frame = None
for line in open(said, encoding="utf-8"):
    head = re.match(r"step (\d+), path", line)
    value = re.match(r"(?:(.+?) \()?(r\d|fp-\d+|held)\)?: (.*?)(?:  \[.*\])?$", line)
    if line.startswith("(ks) goto"):
        step = frame = None
    elif head:
        step = int(head.group(1))
    elif line.startswith("(ks) print") and step is not None:
        wanted[step] = []
        frame = -1
    elif frame is not None and re.match(r"frame \d", line):
        frame = int(line.split()[1])
    elif frame is not None and value:
        wanted[step].append([max(frame, 0), value.group(2), value.group(1) or "", value.group(3)])
with Browser() as b:
    b.open(page)
    shown = b.run("""return arguments[0].map((step) => {
        const state = view.trace.state(step), names = view.trace.names(step, state), list = [];
        for (let f = view.trace.depth[step]; f >= 0; f--)
            for (let p = f * FRAME; p < (f + 1) * FRAME; p++)
                if (state[p] && p % FRAME !== 10)
                    list.push([f, placeName(p), names.get(p) || "", valueWords(state[p])]);
        return list; })""", list(wanted))
if len(wanted) < 5:
    sys.exit("too few steps to compare")
for step, got in zip(wanted, shown):
    if got != wanted[step]:
        different = [x for x in got + wanted[step] if (x in got) != (x in wanted[step])]
        sys.exit(f"step {step}: {different}")
print(f"{len(wanted)} steps agree")

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what the kernel says (kernel_load) with what the simulation says (judge), program by program.

usage: compare.py KERNEL.tsv SIMULATION.tsv [-v]
Prints the confusion matrix, agreement by reason, how far counts are apart, and with -v every disagreement.
Exit status 1 when a program was accepted that the kernel refuses.
"""
import os
import re
import sys
from collections import Counter


def read(path):
    rows = {}
    for line in open(path, errors="replace"):
        f = line.rstrip("\n").split("\t")
        if len(f) >= 8 and f[0].endswith(".o"):
            rows[f[0], f[1]] = f
    return rows


def patterns():
    """Classes of refusal that agree with a message of the kernel; the first match counts."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../loader/include/ks")
    names = dict(re.findall(r'^REASON\((\w+), "([^"]+)"', open(os.path.join(folder, "reasons.def")).read(), re.M))
    rows = re.findall(r'^MESSAGE\("((?:[^"\\]|\\.)*)", (\w+), "([^"]*)"\)', open(os.path.join(folder, "messages.def")).read(), re.M)
    for pattern, reason, also in rows:
        yield re.compile(".*".join(re.escape(part) for part in pattern.split("*"))), [names[reason]] + also.split()


def main():
    kernel, ours = read(sys.argv[1]), read(sys.argv[2])
    verbose = "-v" in sys.argv
    table = list(patterns())
    matrix, reasons, far, missing = Counter(), Counter(), [], 0
    wrong, close, counted, times = [], 0, 0, []
    for key, k in kernel.items():
        o = ours.get(key) or ours.get((key[0], "*"))
        if o is None:
            missing += 1
            continue
        matrix[k[2], o[2]] += 1
        if k[2] == "skip":
            continue
        if k[2] != o[2]:
            wrong.append((k, o))
        elif k[2] == "no":
            message = re.sub(r"^\d+: \([0-9a-f]{2}\)[^|]*\| ", "", k[7])  # without the instruction
            names = next((n for p, n in table if p.search(message)), None)
            reasons["same class" if names and o[3] in names else "other class" if names else "unclassified"] += 1
            if verbose and not names:
                print("unclassified\t%s" % message[-140:])
            if verbose and names and o[3] not in names:
                print("class\t%s %s\t%s\t| %s %s" % (k[0], k[1], k[7][:120], o[3], o[7][:90]))
        else:
            counted += 1
            a, b = int(k[4]), int(o[4])
            times.append((int(k[6]), int(o[6])))
            if abs(a - b) <= max(a * 0.1, 0):
                close += 1
            else:
                far.append((k, o))
    print("kernel \\ simulation      yes     no   skip")
    for a in ("yes", "no", "skip"):
        print("%-20s %7d %6d %6d" % (a, matrix[a, "yes"], matrix[a, "no"], matrix[a, "skip"]))
    print("missing: %d; refusals: %s" % (missing, dict(reasons)))
    exact = sum(int(k[4]) == int(o[4]) for k, o in far) + close
    same = sum(1 for key, k in kernel.items() if k[2] == "yes" and key in ours and ours[key][2] == "yes" and k[4] == ours[key][4])
    if counted:
        print("counts within 10%%: %d of %d (%.1f%%), equal: %d" % (close, counted, 100 * close / counted, same))
        ratios = sorted(b / max(a, 1) for a, b in times)
        print("time, simulation / kernel: median %.2f; total %.1f / %.1f ms" % (
            ratios[len(ratios) // 2], sum(b for a, b in times) / 1e3, sum(a for a, b in times) / 1e3))
    if verbose:
        for k, o in wrong:
            print("%s\t%s %s\t%s\t| %s %s" % ("FALSE ACCEPT" if o[2] == "yes" else "false refusal", k[0], k[1], k[7][:140], o[3], o[7][:110]))
        for k, o in far:
            print("count\t%s %s\t%s\t%s" % (k[0], k[1], k[4], o[4]))
    return 1 if matrix["no", "yes"] else 0


sys.exit(main())

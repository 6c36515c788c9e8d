# SPDX-License-Identifier: Apache-2.0
"""A page with more than 100,000 steps: how long it takes to open and to step, and that only rows in sight exist.

python3 many.py PAGE"""
import os
import sys

from browser import Browser

with Browser() as b:
    b.open(sys.argv[1])
    steps = b.run("return view.trace.count")
    loaded = b.run("return performance.getEntriesByType('navigation')[0].loadEventEnd")
    times = b.run("""
        const out = {}, time = (name, times, action) => {
            const begin = performance.now();
            for (let i = 0; i < times; i++) { action(i); document.body.offsetHeight; }
            out[name] = (performance.now() - begin) / times;
        };
        time('back', 50, actions.back);
        time('step', 50, actions.step);
        time('jump', 20, (i) => jump(Math.floor((i * 0.618 % 1) * view.trace.count)));
        time('where from', 5, () => { jump(view.trace.count - 1); pick(6); setChain(-1); });
        time('search', 1, () => search('r6'));
        return out;""")
    rows = b.run("return document.querySelectorAll('.row').length")
    errors = b.messages()
size = os.path.getsize(sys.argv[1])
print(f"{steps} steps, {size / 1e6:.1f} MB: opened in {loaded:.0f} ms; " +
      ", ".join(f"{name} {ms:.1f} ms" for name, ms in times.items()))
if steps < 100000 or size > 5e6 or rows > 400 or errors:
    sys.exit(f"{rows} rows, {size} bytes, messages: {errors}")
if loaded > 30000 or max(times["step"], times["back"]) > 1000 or times["jump"] > 2000:  # on a busy machine
    sys.exit("too slow")

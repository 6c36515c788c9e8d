#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the tables of helpers with the kernel's source.

helper_sets.py KERNEL-SOURCE [RELEASE]

Reads the functions *_func_proto() of a kernel tree, of Linux 6.12 where RELEASE does not say another one, and the tables bpf-backend/kernel/offers.def and helpers.def. Prints a line for each helper that a kind of program may call
in one of them and not in another, and ends with status 1 if there is any. Conditions, as on the attach type, count as
"may": the tables say which they are. Helpers younger than the release are left out.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Set of the tables: function of the kernel.
SETS = {
    "XDP": "xdp_func_proto",
    "TC": "tc_cls_act_func_proto",
    "SOCKET": "sk_filter_func_proto",
    "CG_SKB": "cg_skb_func_proto",
    "CG_SOCK": "sock_filter_func_proto",
    "CG_ADDR": "sock_addr_func_proto",
    "CG_DEV": "cgroup_dev_func_proto",
    "CG_SYSCTL": "sysctl_func_proto",
    "CG_SOCKOPT": "cg_sockopt_func_proto",
    "SOCKOPS": "sock_ops_func_proto",
    "SK_MSG": "sk_msg_func_proto",
    "SK_SKB": "sk_skb_func_proto",
    "SK_LOOKUP": "sk_lookup_func_proto",
    "REUSEPORT": "sk_reuseport_func_proto",
    "FLOW": "flow_dissector_func_proto",
    "KPROBE": "kprobe_prog_func_proto",
    "TRACEPOINT": "tp_prog_func_proto",
    "PERF": "pe_prog_func_proto",
    "RAW_TP": "raw_tp_prog_func_proto",
    "TRACING": "tracing_prog_func_proto",
    "LSM": "bpf_lsm_func_proto",
    "SYSCALL": "syscall_prog_func_proto",
    "STRUCT_OPS": "bpf_base_func_proto",
    "TCP_OPS": "bpf_tcp_ca_get_func_proto",
    "SCHED_OPS": "bpf_scx_get_func_proto",
    "NETFILTER": "bpf_base_func_proto",
}
FILES = [
    "net/core/filter.c", "net/ipv4/bpf_tcp_ca.c", "kernel/trace/bpf_trace.c", "kernel/bpf/helpers.c",
    "kernel/bpf/cgroup.c", "kernel/bpf/bpf_lsm.c", "kernel/bpf/syscall.c", "kernel/sched/ext.c",
]
# What helpers.def leaves out on purpose.
NO_LOCKS = {"spin_lock", "spin_unlock"}  # check_map_prog_compatibility() refuses maps with locks and timers
NO_TIMERS = NO_LOCKS | {"timer_init", "timer_set_callback", "timer_start", "timer_cancel"}
LEFT_OUT = {
    "SOCKET": NO_LOCKS, "KPROBE": NO_TIMERS, "TRACEPOINT": NO_TIMERS, "PERF": NO_TIMERS, "RAW_TP": NO_TIMERS,
    # Not for all members of the struct, and from Linux 6.0 on.
    "TCP_OPS": {"setsockopt", "getsockopt"},
}
# What offers.def gives for one attach type or struct, whose own function adds it.
CONDITIONAL = {
    "TRACING": {"setsockopt", "getsockopt"}, "SYSCALL": {"setsockopt", "getsockopt"},
    "STRUCT_OPS": {"tcp_send_ack", "sk_storage_get", "sk_storage_delete", "setsockopt", "getsockopt",
                   "ktime_get_coarse_ns", "task_storage_get", "task_storage_delete"},
}
ONLY_IN_HELPERS = {"TCP_OPS", "SCHED_OPS"}


def read_functions(tree):
    """Name of a *_func_proto function: its text."""
    found = {}
    for name in FILES:
        path = tree / name
        if not path.exists():
            continue
        text = re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.S)
        for m in re.finditer(r"^(?:static )?const struct bpf_func_proto \*\s*\n?(\w+)\([^;{]*\)\s*\{", text, re.M):
            depth, end = 1, m.end()
            while depth:
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            found.setdefault(m.group(1), text[m.end():end])
    return found


def cases(body):
    """Helpers that stand before the same statements of a switch over helpers, and the statements, which may be
    switches over other things."""
    marks = list(re.finditer(r"case BPF_FUNC_(\w+):", body))
    for i, mark in enumerate(marks):
        names = {mark.group(1)}
        end = marks[i + 1].start() if i + 1 < len(marks) else len(body)
        k = i
        while k + 1 < len(marks) and not body[marks[k].end():marks[k + 1].start()].strip(" \t\n#"):
            k += 1
        end = marks[k + 1].start() if k + 1 < len(marks) else len(body)
        what, depth, text = "", 0, body[marks[k].end():end]
        for part in re.split(r"([{}]|default:)", text):
            depth += {"{": 1, "}": -1}.get(part, 0)
            if depth < 0 or (part == "default:" and depth == 0):
                break
            what += part
        yield names, what


def offered(functions, name, seen=()):
    """Helpers that a function gives a prototype for, perhaps under a condition."""
    body, out = functions.get(name), set()
    if body is None or name in seen:
        return out
    refused = set()
    for names, what in cases(body):
        if re.search(r"&\w+_proto|return \w+_proto\b|get_\w+_proto\(", what):
            out |= names
        elif re.search(r"return NULL", what):
            refused |= names
    for other in re.findall(r"\b(\w+_func_proto)\s*\(", body):
        if other != name:
            out |= offered(functions, other, seen + (name,)) - refused
    return out


def read_offers():
    rows, includes = {}, {}
    text = re.sub(r"/\*.*?\*/", " ", (ROOT / "bpf-backend/kernel/offers.def").read_text(), flags=re.S)
    for m in re.finditer(r"^OFFER\((\w+), (\w+), \w+, \w+\)", text, re.M):
        rows.setdefault(m.group(1), set()).add(m.group(2))
    for m in re.finditer(r"^INCLUDE\((\w+), (\w+)\)", text, re.M):
        includes.setdefault(m.group(1), []).append(m.group(2))

    def expand(name):
        out = set(rows.get(name, ()))
        for other in includes.get(name, ()):
            out |= expand(other)
        return out
    return expand


def read_helpers(release):
    """Set of the tables: helpers that the release has and that programs of the set may call."""
    text = (ROOT / "bpf-backend/kernel/helpers.def").read_text()
    every = set(SETS) | {"LWT"}
    names = {m.group(1): m.group(2) for m in re.finditer(r"^#define (\w+) (.+)$", text, re.M)}

    bits = {name: 1 << i for i, name in enumerate(sorted(every))}
    bits["ALL"] = (1 << len(every)) - 1
    more = {"TCP_OPS", "SCHED_OPS"}  # sets that add to another one
    for name in names:  # in the order of the file
        bits[name] = eval(names[name], {}, bits)
    sets, known = {}, set()
    for m in re.finditer(r"^HELPER\(\d+, (\w+), (.*)\)$", text, re.M):
        version = re.search(r"KERNEL_AT\((\d+), (\d+)\), (.+), [^,]+$", m.group(2))
        if (int(version.group(1)), int(version.group(2))) > release:
            continue
        known.add(m.group(1))
        callers = eval(version.group(3), {}, bits)
        for name in every:
            if callers & (bits[name] | (bits["STRUCT_OPS"] if name in more else 0)):
                sets.setdefault(name, set()).add(m.group(1))
    return sets, known


def main():
    tree = pathlib.Path(sys.argv[1])
    release = tuple(int(part) for part in (sys.argv[2] if len(sys.argv) > 2 else "6.12").split("."))
    functions = read_functions(tree)
    offers = read_offers()
    helpers, known = read_helpers(release)
    differences = 0
    for name, function in SETS.items():
        if function not in functions:
            print(f"{name}: not compared, the tree has no {function}()")
            continue
        kernel = offered(functions, function)
        tables = [("helpers.def", helpers.get(name, set()) | LEFT_OUT.get(name, set()))]
        if name not in ONLY_IN_HELPERS:
            rows = offers("BASE" if name == "NETFILTER" else name) - CONDITIONAL.get(name, set())
            tables.append(("offers.def", rows))
        for table, rows in tables:
            for helper in sorted(kernel - rows):
                print(f"{name}: {table} lacks {helper}" + ("" if helper in known else ", which helpers.def has not at all"))
            for helper in sorted(rows - kernel):
                print(f"{name}: {table} has {helper}, the kernel has not")
            differences += len(kernel ^ rows)
    print(f"helper sets: {differences} differences")
    return differences != 0


sys.exit(main())

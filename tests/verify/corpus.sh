#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the objects that the simulated verifier is measured on, outside of the tree:
#   selftests   progs/*.c of Debian's linux-source-6.12, by clang-19, with that tree's own libbpf
#   ours        what ks makes of examples/ and tests/, what clang-19 makes of bench/c
# usage: corpus.sh KS [PATTERN]     PATTERN: of selftests to compile, default 'verifier_*'
# Everything lands in $KS_VERIFY_DIR (default ~/.cache/ks-verify): obj/*.o, and libbpf.a for kernel_load.
set -eu
ks=$(readlink -f "$1")
pattern=${2:-verifier_*}
dir=${KS_VERIFY_DIR:-$HOME/.cache/ks-verify}
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
tarball=/usr/src/linux-source-6.12.tar.xz
source=$dir/linux-source-6.12
mkdir -p "$dir/obj" "$dir/ours" "$dir/include/bpf" "$dir/log"

for tool in clang-19 bpftool python3; do
	command -v $tool >/dev/null || { echo "skip: $tool is missing"; exit 77; }
done
if [ ! -d "$source/tools/testing/selftests/bpf" ]; then
	[ -f $tarball ] || { echo "skip: package linux-source-6.12 is missing"; exit 77; }
	tar xf $tarball -C "$dir" linux-source-6.12/tools/{testing/selftests/bpf,lib/bpf,include,arch} \
		linux-source-6.12/scripts/bpf_doc.py linux-source-6.12/{include/uapi,arch/x86/include/uapi}
fi
if [ ! -f "$dir/libbpf.a" ]; then
	mkdir -p "$dir/libbpf-obj"
	for c in "$source"/tools/lib/bpf/*.c; do
		cc -O1 -g -fPIC -D_LARGEFILE64_SOURCE -D_FILE_OFFSET_BITS=64 -I"$source/tools/include" \
			-I"$source/tools/include/uapi" -I"$source/tools/lib/bpf" -w -c "$c" \
			-o "$dir/libbpf-obj/$(basename "$c" .c).o"
	done
	ar rcs "$dir/libbpf.a" "$dir"/libbpf-obj/*.o
fi
if [ ! -f "$dir/include/vmlinux.h" ]; then
	bpftool btf dump file /sys/kernel/btf/vmlinux format c > "$dir/include/vmlinux.h"
fi
if [ ! -f "$dir/include/bpf/bpf_helper_defs.h" ]; then
	python3 "$source/scripts/bpf_doc.py" --header --file "$source/tools/include/uapi/linux/bpf.h" \
		> "$dir/include/bpf/bpf_helper_defs.h"
	cp "$source"/tools/lib/bpf/*.h "$dir/include/bpf/"
fi

compile() {
	local stem
	stem=$(basename "$1" .c)
	[ ! -f "$dir/obj/$stem.o" ] || return 0
	timeout 60 clang-19 -g -O2 --target=bpfel -mcpu=v3 -std=gnu11 -fno-strict-aliasing -D__TARGET_ARCH_x86 \
		-DENABLE_ATOMICS_TESTS -I"$source/tools/testing/selftests/bpf" -I"$dir/include" -I"$dir/include/bpf" \
		-I"$source/tools/include/uapi" -idirafter /usr/lib/llvm-19/lib/clang/19/include \
		-idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include -w -c "$1" -o "$dir/obj/$stem.o.new" \
		2> "$dir/log/$stem" && mv "$dir/obj/$stem.o.new" "$dir/obj/$stem.o" || rm -f "$dir/obj/$stem.o.new"
}
export -f compile
export dir source
ls "$source"/tools/testing/selftests/bpf/progs/$pattern.c |
	xargs -P 2 -I{} bash -c 'compile {}'

n=0
for ks_file in "$root"/examples/*.ks "$root"/tests/{exec,kernel,vm,lower,opt,select,diff}/*.ks; do
	[ -f "$ks_file" ] || continue
	stem=$(basename "$(dirname "$ks_file")")-$(basename "$ks_file" .ks)
	for level in 0 1; do
		"$ks" build --no-verify --emit=bpf -O$level -o "$dir/ours/$stem-O$level.o" "$ks_file" 2>/dev/null && n=$((n + 1)) ||
			rm -f "$dir/ours/$stem-O$level.o"
	done
done
for c in "$root"/bench/c/*.bpf.c; do
	clang-19 -O2 -g --target=bpfel -I/usr/include/x86_64-linux-gnu -w -c "$c" \
		-o "$dir/ours/clang-$(basename "$c" .bpf.c).o"
done
echo "selftests: $(ls "$dir"/obj/*.o | wc -l) objects; ours: $(ls "$dir"/ours/*.o | wc -l)"

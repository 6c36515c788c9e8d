#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Code for a big-endian machine: objects made with --target s390x are loaded, run and attached by the kernel of such
# a machine, in qemu. The programs of tests/lower with their results, random functions against the model, the
# examples, and tests/guest/big_endian.ks. Skipped with the reason where something is missing.
#   tests/guest/big.sh
set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
KS=$(realpath "${KS:-$ROOT/build/debug/bin/ks}")
DIFFTEST=$(dirname "$(dirname "$KS")")/tests/difftest
CACHE=${KS_KERNELS:-$HOME/.cache/ks-kernels}
KERNEL=6.12
DIFF_COUNT=150
PACKET=001122334455aabbccddeeff08004500002e000000004011f96e0a0000010a000002c0000035001a0000$(printf '00%.0s' {1..30})
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

find_obstacle() {
	local command
	for command in qemu-system-s390x s390x-linux-gnu-gcc cpio apt-get dpkg; do
		type "$command" >/dev/null 2>&1 || { echo "$command is not installed"; return; }
	done
	[ "$(id -u)" = 0 ] || { echo "only root can make device nodes"; return; }
	"$ROOT/tests/guest/fetch_big.sh" >"$work/fetched" 2>&1 ||
		echo "Debian's kernel for s390x cannot be fetched: $(tail -1 "$work/fetched")"
}

# cross PROGRAM SOURCE…: a program for the guest
cross() {
	local program=$1
	shift
	(cd "$ROOT" && s390x-linux-gnu-gcc -std=gnu17 -O1 -w -I. -idirafter "$CACHE/link-s390x/include" -o "$guest/bin/$program" "$@" \
		-L "$CACHE/link-s390x" -l:libbpf.a -l:libelf.so.1 -l:libz.so.1 -lpthread)
}

# boot SECONDS: runs what is in $guest/jobs; the console is in $work/console, the disk in $work/disk
boot() {
	(cd "$guest" && find . | cpio -o -H newc --quiet) >"$work/initrd"
	truncate -s 16M "$work/disk"
	timeout "$1" qemu-system-s390x -M s390-ccw-virtio -m 1024 -nographic -no-reboot -kernel "$CACHE/vmlinuz-s390x" \
		-initrd "$work/initrd" -drive "file=$work/disk,if=virtio,format=raw" -append "quiet loglevel=3" \
		</dev/null >"$work/console" 2>&1
	grep -q '^the end' "$work/console"
}

make_guest() {
	guest=$work/guest
	cp -r "$CACHE/root-s390x" "$guest"
	mkdir -p "$guest/jobs"
	ln -s busybox "$guest/bin/sh"
	cp "$CACHE/virtio_blk-s390x.ko" "$guest/virtio_blk.ko"
	cat >"$guest/init" <<-'I'
		#!/bin/sh
		/bin/busybox --install /bin 2>/dev/null
		export PATH=/bin
		mount -t proc proc /proc
		mount -t sysfs sys /sys
		mount -t devtmpfs dev /dev
		mount -t bpf bpf /sys/fs/bpf
		mount -t tracefs trace /sys/kernel/tracing
		cd /jobs
		sh run.sh
		echo "the end"
		poweroff -f
	I
	chmod +x "$guest/init"
}

# The kernel's types, which the programs are made against; big-endian, too.
fetch_types() {
	[ ! -e "$CACHE/btf-s390x" ] || return 0
	cat >"$guest/jobs/run.sh" <<-'J'
		insmod /virtio_blk.ko
		dd if=/sys/kernel/btf/vmlinux of=/dev/vda bs=1M
		sync
	J
	boot 300 && mv "$work/disk" "$CACHE/btf-s390x"
}

# build OBJECT SOURCE OPTION…
build() {
	local object=$1 source=$2
	shift 2
	"$KS" build --target s390x --kernel $KERNEL --btf "$CACHE/btf-s390x" --emit=bpf -o "$guest/jobs/$object" "$@" "$source" \
		2>"$work/said" && return
	echo "FAIL $object is not built: $(grep -m1 error "$work/said")"
	false
}

# The results that tests/lower/run.sh wants, as lines FILE PROGRAM RESULT.
lowered() {
	sed -nE 's/.*\{ expect_both ([a-z_0-9]+) ([0-9]+);.*/\1 both \2/p
		s/.*\{ expect_result(_for)? ([a-z_0-9]+) ([a-z_0-9]+) ([0-9]+);.*/\2 \3 \4/p' "$ROOT/tests/lower/run.sh"
}

# Lines of the list: what to run, and what its output must contain.
add() {
	printf '%s\n' "$1" "$2" "$3" >>"$guest/jobs/list"
}

build_jobs() {
	local file program result level seed mcpu source name
	while read -r file program result; do
		for level in -O0 -O1; do
			build "$file$level.o" "$ROOT/tests/lower/$file.ks" $level &&
				add "$program in $file $level" "prog_run $file$level.o --prog $program --packet $PACKET --repeat 1" \
					"run $program retval=$result "
		done
	done < <(lowered)
	for seed in 1 2; do
		"$DIFFTEST" generate $seed $DIFF_COUNT >"$work/difference$seed.ks"
		for mcpu in v1 v2 v3 v4 "v4 -O0"; do
			name="difference$seed-${mcpu// /}.o"
			build "$name" "$work/difference$seed.ks" --mcpu $mcpu &&
				add "functions $seed $mcpu" "difftest bpf $seed $DIFF_COUNT $name" "functions compared, 0 differ"
		done
	done
	for source in "$ROOT"/examples/*.ks; do
		name=$(basename "$source" .ks)
		case $name in # this kernel has no just-in-time compiler, which these kinds need
		lsm_policy | tcp_congestion) continue ;;
		esac
		build "$name.o" "$source" && add "$name" "prog_run $name.o" "^program "
	done
	build big_endian.o "$ROOT/tests/guest/big_endian.ks" || return
	local run="prog_run big_endian.o --maps --attach \"truncate -s 54321 file\""
	add "registers, bit-fields" "$run" "bss key=00000000 value=000000000000d43100000001d431b100fffffffffffffffed431$"
	add "constants, packed structs" "$run" "data key=00000000 value=01020304050607080a0a0b0c0d0e20$"
	add "narrow keys" "$run" "map small key=0031 value=31$"
}

write_job() {
	cat >"$guest/jobs/run.sh" <<-'J'
		while read -r name; do
			read -r command
			read -r wanted
			sh -c "$command" >said 2>&1
			grep -q "$wanted" said && echo "ok $name" || { echo "bad $name"; tail -12 said; }
		done <list
	J
}

why=$(find_obstacle)
if [ -n "$why" ]; then
	echo "SKIP a big-endian guest: $why"
	echo "big-endian guest: 0 passed, 0 failed, 1 skipped"
	exit 0
fi
make_guest
cross prog_run tests/tools/prog_run.c || exit 1
cross difftest tests/diff/*.c bpf-backend/{vm,isa,program,kernel}/*.c bpf-backend/object/elf*.c btf/*.c frontend/base/*.c || exit 1
fetch_types || { echo "FAIL the guest does not start: $(tail -3 "$work/console")"; exit 1; }
build_jobs | tee "$work/all"
write_job
boot 900 || { echo "FAIL the guest did not finish: $(tail -3 "$work/console")" | tee -a "$work/all"; }
tr -d '\r' <"$work/console" | awk '
	$1 == "ok" { shown = 0; next }
	$1 == "bad" { print "FAIL on s390x: " substr($0, 5); shown = 1; next }
	shown { print "    " $0 }' | tee -a "$work/all"
passed=$(grep -c '^ok ' "$work/console")
failed=$(grep -c '^FAIL' "$work/all")
[ "$passed" -gt 0 ] || failed=$((failed + 1))
echo "big-endian guest: $passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]

# SPDX-License-Identifier: Apache-2.0
# Sourced by scripts that run jobs in guests (tests/guest/run.sh, tests/verify/guests.sh).
# CACHE holds what fetch.sh made; work is a scratch folder.

GUEST_PACKAGES=(qemu-system-x86 busybox-static cpio zstd lz4 xz-utils kmod)
CACHE=${KS_KERNELS:-$HOME/.cache/ks-kernels}

# find_obstacle KERNEL…: why guests cannot run here, if so
find_obstacle() {
	local tool k
	for tool in qemu-system-x86_64 busybox cpio; do
		command -v $tool >/dev/null || { echo "$tool is missing (packages: ${GUEST_PACKAGES[*]})"; return; }
	done
	for k in "$@"; do
		KS_KERNELS=$CACHE "$ROOT/tests/guest/fetch.sh" "$k" >"$work/fetched" 2>&1 ||
			{ echo "Debian's kernel $k cannot be fetched: $(tail -1 "$work/fetched")"; return; }
	done
}

# boot K JOB [SECONDS]: runs JOB/run.sh in a guest, as /job/run.sh; what it prints comes to $work/output. Once more
# when the guest dies.
boot() {
	local try
	(cd "$(dirname "$2")" && find "$(basename "$2")" | cpio -o -H newc --quiet) | cat "$CACHE/guest-$1.cpio" - >"$work/initrd"
	for try in 1 2; do
		: >"$work/output"
		timeout "${3:-900}" qemu-system-x86_64 -M q35 -cpu max -m 1024 -nodefaults -nographic -no-reboot \
			-kernel "$CACHE/vmlinux-$1" -initrd "$work/initrd" -serial "file:$work/console" -serial "file:$work/output" \
			-append "console=ttyS0 panic=-1 quiet mitigations=off random.trust_cpu=on tsc=reliable no_timer_check cryptomgr.notests lsm=bpf" \
			</dev/null || true
		grep -q job-status= "$work/console" && return
	done
	echo "bad the guest with kernel $1 did not finish:"
	tail -5 "$work/console"
}

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes Debian's kernels bootable under qemu, for tests/guest/run.sh. Nothing on this machine changes but the
# cache: for each kernel K it holds vmlinux-K, and guest-K.cpio with what its guest needs besides the jobs.
#   fetch.sh 5.10 6.1 …     kernels that are in the cache already are left alone
# Needs root (for device nodes) and the packages of GUEST_PACKAGES in run.sh.
set -euo pipefail
CACHE=${KS_KERNELS:-$HOME/.cache/ks-kernels}
MODULES="veth cls_bpf sch_ingress"

# Debian's suite that has this series.
suite_of() {
	case $1 in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	6.12) echo bookworm-security ;;
	*) echo trixie-backports ;;
	esac
}

# mirror SUITE: the one that this machine's own list of sources names for the archive that has the suite
mirror() {
	local kind=main
	case $1 in *-security) kind=security ;; esac
	{
		cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs: *\([^ ]*\).*/\1/p'
		cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
			sed -nE 's/^deb +(\[[^]]*\] +)?([^ ]+).*/\2/p'
	} | awk -v want=$kind '(/security/ ? "security" : "main") == want { print; exit }'
}

# private_apt WHAT…: apt with lists and a cache of its own
private_apt() {
	APT_CONFIG=$apt/conf "$@"
}

# The newest kernel of the series for virtual machines, as the part of the package's name after linux-image-.
newest_flavour() {
	private_apt apt-cache pkgnames linux- |
		sed -nE "s/^linux-(image|binary)-(${1//./\\.}\.[0-9].*-cloud-amd64)$/\2/p" | sort -Vu | tail -1
}

# download K: its packages, unpacked in $apt/root
download() {
	local suite flavour part parts=()
	suite=$(suite_of "$1")
	mkdir -p "$apt"/lists/partial "$apt"/cache/archives/partial "$apt"/debs "$apt"/root
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror "$suite") $suite main" >"$apt/sources"
	cat >"$apt/conf" <<-C
		Dir::Etc::sourcelist "$apt/sources";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$apt/lists";
		Dir::Cache "$apt/cache";
		APT::Sandbox::User "root";
	C
	private_apt apt-get update -qq
	flavour=$(newest_flavour "$1")
	[ -n "$flavour" ] || { echo "Debian's $suite has no kernel $1" >&2; return 1; }
	# Newer series come in several packages instead of the image.
	for part in binary modules base; do
		[ -z "$(private_apt apt-cache show "linux-$part-$flavour" 2>/dev/null)" ] || parts+=("linux-$part-$flavour")
	done
	[ ${#parts[@]} != 0 ] || parts=("linux-image-$flavour")
	(cd "$apt/debs" && private_apt apt-get download -qq "${parts[@]}")
	for part in "$apt"/debs/*.deb; do dpkg -x "$part" "$apt/root"; done
	[ -d "$apt/root/lib/modules" ] || ln -sfn usr/lib "$apt/root/lib"
}

# unpack_kernel IMAGE RESULT: the ELF file inside a bzImage, which boots in half the time under emulation.
# The boot protocol (Documentation/arch/x86/boot.rst) gives the place of the compressed payload.
unpack_kernel() {
	local setup offset length
	setup=$(od -An -tu1 -j $((0x1f1)) -N1 "$1")
	offset=$(od -An -tu4 -j $((0x248)) -N4 "$1")
	length=$(od -An -tu4 -j $((0x24c)) -N4 "$1")
	[ "$setup" -ne 0 ] || setup=4
	tail -c +$(((setup + 1) * 512 + offset + 1)) "$1" | head -c "$length" >"$2.packed" || true
	case $(od -An -tx1 -N4 "$2.packed" | tr -d ' ') in
	fd377a58) xz -dc --single-stream "$2.packed" >"$2" 2>/dev/null || true ;;
	28b52ffd) zstd -dqc "$2.packed" >"$2" 2>/dev/null || true ;;
	02214c18) lz4 -dqc "$2.packed" >"$2" 2>/dev/null || true ;;
	1f8b*) gzip -dqc "$2.packed" >"$2" 2>/dev/null || true ;;
	*) echo "$1: packed in a way that is not known here" >&2 && return 1 ;;
	esac
	rm "$2.packed"
	[ "$(od -An -tx1 -N4 "$2" | tr -d ' ')" = 7f454c46 ] || { echo "$1: no kernel inside" >&2; return 1; }
}

# add_modules ROOT RELEASE: what MODULES name and what these depend on, in an order that can be loaded
add_modules() {
	local module name
	depmod -b "$apt/root" "$2"
	mkdir -p "$1/modules"
	for module in $MODULES; do
		modprobe -d "$apt/root" -S "$2" --show-depends "$module" 2>/dev/null || true
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
		name=$(basename "$module")
		name=${name%.xz}
		name=${name%.zst}
		case $module in
		*.xz) xz -dc "$module" ;;
		*.zst) zstd -dqc "$module" ;;
		*) cat "$module" ;;
		esac >"$1/modules/$name"
		echo "$name" >>"$1/modules/order"
	done
}

# make_base K: the guest's root: busybox, modules, and an init that runs /job/run.sh
make_base() {
	local root release applet
	root=$(mktemp -d)
	release=$(ls "$apt/root/lib/modules" | head -1)
	mkdir -p "$root"/{bin,proc,sys,dev,tmp,run,etc,root,job}
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
	done
	add_modules "$root" "$release"
	cat >"$root/init" <<-'I'
		#!/bin/busybox sh
		export PATH=/bin
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		mount -t devtmpfs dev /dev
		mount -t bpf bpf /sys/fs/bpf
		mount -t tracefs tracefs /sys/kernel/tracing
		mount -t tmpfs tmpfs /tmp
		ip link set lo up
		for m in $(cat /modules/order); do insmod /modules/$m; done 2>/dev/null
		cd /job
		sh ./run.sh >/dev/ttyS1 2>&1
		echo "job-status=$?"
		sync
		poweroff -f
	I
	chmod +x "$root/init"
	mknod -m 600 "$root/dev/console" c 5 1
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$CACHE/guest-$1.cpio"
	rm -rf "$root"
}

for k in "$@"; do
	[ ! -s "$CACHE/vmlinux-$k" ] || [ ! -s "$CACHE/guest-$k.cpio" ] || [ "$(cat "$CACHE/layout-$k" 2>/dev/null)" != 1 ] || continue
	apt=$CACHE/apt-$k
	rm -rf "$apt"
	download "$k"
	image=$(find "$apt/root" -name 'vmlinuz*' -type f | head -1)
	unpack_kernel "$image" "$CACHE/vmlinux-$k"
	make_base "$k"
	echo 1 >"$CACHE/layout-$k" # what run.sh counts on in guest-K.cpio
	rm -rf "$apt"
	echo "$k: $(strings -n 20 "$CACHE/vmlinux-$k" | grep -m1 '^Linux version' | cut -d' ' -f3)"
done

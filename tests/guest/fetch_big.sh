#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes a big-endian guest, Debian's for s390x, for tests/guest/big.sh. Nothing on this machine changes but the
# cache, which then holds vmlinuz-s390x, the folder root-s390x with busybox and C libraries, and link-s390x with
# what programs for it are linked with. Needs dpkg and apt; what is in the cache already is left alone.
set -euo pipefail
CACHE=${KS_KERNELS:-$HOME/.cache/ks-kernels}
KERNELS=trixie    # whose kernel for s390x has BTF
USERLAND=bookworm # of which come busybox and the libraries

apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT

# fetch SUITE PACKAGE…: unpacked in $apt/SUITE
fetch() {
	local suite=$1 part
	shift
	mkdir -p "$apt/$suite"/{lists/partial,cache/archives/partial,debs,root}
	touch "$apt/$suite/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${KS_MIRROR:-http://deb.debian.org/debian} $suite main" >"$apt/$suite/sources"
	cat >"$apt/$suite/conf" <<-C
		Dir::Etc::sourcelist "$apt/$suite/sources";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$apt/$suite/lists";
		Dir::State::status "$apt/$suite/status";
		Dir::Cache "$apt/$suite/cache";
		APT::Sandbox::User "root";
		APT::Architecture "s390x";
		APT::Architectures "s390x";
	C
	export APT_CONFIG=$apt/$suite/conf
	apt-get update -qq
	[ "$1" != kernel ] || set -- "$(apt-cache depends linux-image-s390x | awk '/Depends:/ { print $2; exit }')"
	(cd "$apt/$suite/debs" && apt-get download -qq "$@")
	for part in "$apt/$suite"/debs/*.deb; do dpkg -x "$part" "$apt/$suite/root"; done
}

mkdir -p "$CACHE"
if [ ! -e "$CACHE/vmlinuz-s390x" ]; then
	fetch $KERNELS kernel
	xz -dkc "$(find "$apt/$KERNELS/root" -name virtio_blk.ko.xz)" >"$CACHE/virtio_blk-s390x.ko"
	cp "$apt/$KERNELS"/root/boot/vmlinuz-* "$CACHE/vmlinuz-s390x.part"
	mv "$CACHE/vmlinuz-s390x.part" "$CACHE/vmlinuz-s390x"
fi
if [ ! -e "$CACHE/root-s390x" ]; then
	fetch $USERLAND busybox-static libc6 libelf1 zlib1g libbpf-dev libelf-dev zlib1g-dev linux-libc-dev
	from=$apt/$USERLAND/root
	rm -rf "$CACHE"/{root,link}-s390x "$CACHE/root-s390x.part"
	mkdir -p "$CACHE/root-s390x.part"/{bin,lib/s390x-linux-gnu,proc,sys,dev,tmp} "$CACHE/link-s390x/include"
	cp "$from/bin/busybox" "$CACHE/root-s390x.part/bin/"
	find "$from" -name ld64.so.1 | head -1 | xargs -I{} cp -L {} "$CACHE/root-s390x.part/lib/"
	for library in libc.so.6 libelf.so.1 libz.so.1; do
		file=$(find "$from" -name "$library" | head -1)
		cp -L "$file" "$CACHE/root-s390x.part/lib/s390x-linux-gnu/"
		[ $library = libc.so.6 ] || cp -L "$file" "$CACHE/link-s390x/"
	done
	find "$from" -name libbpf.a | xargs -I{} cp {} "$CACHE/link-s390x/"
	cp -r "$from"/usr/include/{bpf,libelf.h,gelf.h,elf.h,zlib.h,linux} "$CACHE/link-s390x/include/" 2>/dev/null || true
	mv "$CACHE/root-s390x.part" "$CACHE/root-s390x"
fi

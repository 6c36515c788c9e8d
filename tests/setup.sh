# SPDX-License-Identifier: Apache-2.0
# Sourced by demo.sh and test.sh: what it takes to get a fresh Debian 12 machine ready. Each function
# says what it does. SUDO is empty for root.

PATH=$PATH:/usr/sbin:/sbin
BUILD_PACKAGES=(cmake ninja-build gcc g++ libc6-dev llvm-19-dev libbpf-dev libelf-dev zlib1g-dev libzstd-dev
	bpftool iproute2)
TEST_PACKAGES=(libcriterion-dev clang-19 clang-format groff-base python3 tmux xz-utils)

SUDO=
if [ "$(id -u)" != 0 ]; then
	if command -v sudo >/dev/null; then
		SUDO=sudo
	else
		echo "Neither root nor sudo: nothing is installed, and what needs privilege says so."
	fi
fi

step() { printf '\n== %s\n' "$*"; }

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages PACKAGE…: those that are missing, and nothing else but what they depend on
install_packages() {
	local package missing=()
	command -v dpkg-query >/dev/null || {
		step "This is no Debian: make sure that you have ${*}"
		return 0
	}
	for package in "$@"; do
		is_installed "$package" || missing+=("$package")
	done
	if [ ${#missing[@]} = 0 ]; then
		step "Packages: all there (${*})"
		return
	fi
	if [ "$(id -u)" != 0 ] && [ -z "$SUDO" ]; then
		step "Packages: missing ${missing[*]}"
		return
	fi
	step "Packages: installing ${missing[*]} through apt"
	$SUDO apt-get update -qq
	$SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
		"${missing[@]}" >/dev/null
}

mount_if_missing() {
	grep -q " $2 $1 " /proc/mounts && return
	step "Mounting $1 at $2"
	$SUDO mount -t "$1" "$1" "$2" || echo "   not allowed here; what needs it will say so"
}

# The file systems through which the kernel shows pinned BPF objects and its trace log.
mount_kernel_filesystems() {
	mount_if_missing bpf /sys/fs/bpf
	mount_if_missing tracefs /sys/kernel/tracing
}

# build_preset PRESET
build_preset() {
	step "Building: cmake --preset $1 && cmake --build --preset $1   (output in build/$1)"
	cmake --preset "$1" >build-"$1".log 2>&1 && cmake --build --preset "$1" >>build-"$1".log 2>&1 || {
		tail -40 build-"$1".log
		return 1
	}
	rm build-"$1".log
}

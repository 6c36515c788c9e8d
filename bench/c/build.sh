#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What an author of a C program with libbpf has to run: build.sh NAME OUTPUT_FOLDER
set -e
cd "$(dirname "$0")"
${CLANG:-clang-19} -O2 -g -target bpf -I"/usr/include/$(gcc -print-multiarch)" -c "$1.bpf.c" -o "$2/$1.bpf.o"
bpftool gen skeleton "$2/$1.bpf.o" name "$1_bpf" >"$2/$1.skel.h"
cc -O2 -g -I"$2" "$1.c" -o "$2/$1" -lbpf

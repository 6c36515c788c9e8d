#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `ks build --kernel K` accepts must pass the verifier of K and of every later kernel: builds all programs of
# the tree for each of Debian's kernels, and loads and runs them in guests with that kernel and the later ones.
# One boot loads everything. What K cannot express must be a diagnostic that says which kernel it takes.
#   tests/guest/run.sh [KERNEL…]      default: all of fetch.sh's
. "$(dirname "$0")/../cases.sh"
. "$ROOT/tests/guest/boot.sh"

ALL_KERNELS=(5.10 6.1 6.12 6.18 7.3)
LEVELS=(-O1 -O0)
SCHEDULED_SECONDS=${SCHEDULED_SECONDS:-20} # how long a guest is run by the scheduler of the examples
DIFF_SEEDS=(1 2) DIFF_COUNT=60
ONLY=${ONLY:-.}             # only the sources whose paths match
GENERATED=${GENERATED:-300} # programs of tests/gen, made for each kernel and loaded there
# Ethernet, IPv4 from 10.0.0.1 to 10.0.0.2, UDP to port 53, 64 bytes
PACKET=001122334455aabbccddeeff08004500002e000000004011f96e0a0000010a000002c0000035001a0000$(printf '00%.0s' {1..22})

kernels=("$@")
[ ${#kernels[@]} != 0 ] || kernels=("${ALL_KERNELS[@]}")
work=$(mktemp -d /tmp/ks-guest-XXXXXX)
trap 'rm -rf "$work"' EXIT

sources() {
	ls "$ROOT"/examples/*.ks "$ROOT"/tests/lower/*.ks "$ROOT"/tests/exec/*.ks "$ROOT"/tests/guest/*.ks |
		grep -v '/watch\.ks$' | # which needs the guest's own types
		{ grep -E "$ONLY" || true; }
	local seed
	for seed in "${DIFF_SEEDS[@]}"; do ls "$work/difference$seed.ks"; done
}

# build_all K FOLDER [BEFORE]: objects and a list "OBJECT SEED": seed 0 is run on a packet, others by difftest. An
# object that is the same as in BEFORE, which goes to all guests that FOLDER goes to, is not listed again. Prints a
# line for each source that is neither built nor refused for its kernel.
build_all() {
	local level source object seed
	: >"$2/list" >"$2/generated"
	while read -r source; do
		for level in "${LEVELS[@]}"; do
			object=$(basename "$source" .ks)$level.o
			if "$KS" build $level --kernel "$1" --emit=bpf -o "$2/$object" "$source" 2>"$work/said"; then
				seed=$(sed -En 's/^difference([0-9]+)-.*/\1/p' <<<"$object")
				[ -z "${3:-}" ] || ! cmp -s "$2/$object" "$3/$object" || continue
				# Only what contains programs is an object to load.
				"$KS" dump "$2/$object" 2>/dev/null | grep -Eq '^[A-Za-z_0-9]+:' &&
					echo "$object ${seed:-0}" >>"$2/list"
			elif ! grep -Eq '(error|hint): .*Linux [0-9]+\.[0-9]+' "$work/said"; then
				echo "$1: $(basename "$source") $level: $(grep -m1 error "$work/said")"
			fi
		done
	done < <(sources)
}

# build_generated K FOLDER: objects, their names in a list, and a line that counts what K cannot express
build_generated() {
	mkdir "$2/made"
	"$TOOLS/gentest" objects 1 "$GENERATED" "$1" "$2/made" || echo "$1: generated programs"
	(cd "$2/made" && ls) >"$2/generated"
	mv "$2"/made/* "$2/"
	rmdir "$2/made"
}

# build_watch K FOLDER: the program that watches what `events` does, made against K's own types
build_watch() {
	"$KS" build --kernel "$1" --btf "$CACHE/vmlinux-$1" -o "$2/watch" "$ROOT/tests/guest/watch.ks" 2>"$work/said" ||
		echo "$1: watch.ks: $(grep -m1 error "$work/said")"
}

# Tools with their libraries, as they are here.
add_tools() {
	local tool library
	mkdir -p "$1/lib"
	cp "$TOOLS/events" "$1/"
	for tool in prog_run difftest; do
		cp "$TOOLS/$tool" "$1/"
		ldd "$TOOLS/$tool" | grep -o '/[^ ]*' | while read -r library; do cp -Lu "$library" "$1/lib/"; done
	done
}

# The scheduler of examples/sched_ext, for a kernel whose BTF has that struct_ops.
add_scheduler() {
	grep -qa bpf_struct_ops_sched_ext_ops "$CACHE/vmlinux-$1" || return 0
	"$KS" build --kernel "$1" --btf "$CACHE/vmlinux-$1" -o "$2/sched_fifo" "$ROOT/examples/sched_ext/sched_fifo.ks"
}

# The script that runs inside: a line "ok OBJECT" or "bad OBJECT" and what was said for each.
write_job() {
	cat >"$1/run.sh" <<-J
		export LD_LIBRARY_PATH=/job/lib
		start=/job/lib/ld-linux-x86-64.so.2
		for folder in [0-9]*; do
			while read -r object seed; do
				if [ "\$seed" = 0 ]; then
					\$start /job/prog_run \$folder/\$object --packet $PACKET --repeat 1 >/tmp/said 2>&1
				else
					\$start /job/difftest bpf \$seed $DIFF_COUNT \$folder/\$object >/tmp/said 2>&1
				fi && echo "ok \$folder/\$object" || { echo "bad \$folder/\$object"; tail -25 /tmp/said; }
			done <\$folder/list
		done
		own=\$(cat own)
		while read -r object; do
			\$start /job/prog_run \$own/\$object >/tmp/said 2>&1 && echo "ok \$object" || { echo "bad \$object"; tail -25 /tmp/said; }
		done <\$own/generated
		echo x >forbidden
		for folder in [0-9]*; do
			[ -e \$folder/watch ] || continue
			: >log # all append to it
			\$folder/watch >>log 2>errors &
			watch=\$! tries=0
			while ! grep -q ready log && [ \$tries -lt 300 ]; do sleep 0.1; tries=\$((tries + 1)); done
			echo "kinds \$(grep -h prog_type /proc/\$watch/fdinfo/* | awk '{ print \$2 }' | sort | uniq -c | awk '{ print \$2 ":" \$1 }' | tr '\n' ' ')" >>log
			./events 40 >>log
			wait \$watch
			check_watch >/tmp/said 2>&1 && echo "ok \$folder/watch" || { echo "bad \$folder/watch"; cat /tmp/said log errors; }
		done
		[ -x sched_fifo ] || exit 0
		./sched_fifo --seconds $SCHEDULED_SECONDS >/tmp/said 2>&1 &
		scheduler=\$!
		for i in 1 2 3 4 5 6 7 8 9; do grep -q scheduling /tmp/said && break; sleep 5; done
		for i in 1 2 3 4; do while :; do :; done & busy="\$busy \$!"; done
		sleep $((SCHEDULED_SECONDS / 2))
		state=\$(cat /sys/kernel/sched_ext/state)
		wait \$scheduler
		kill \$busy
		queued=\$(sed -n 's/ tasks were queued.*//p' /tmp/said)
		if [ "\$state" = enabled ] && [ "\${queued:-0}" -gt \$(($SCHEDULED_SECONDS * 10)) ]; then
			echo "ok the scheduler, \$queued times"
		else
			echo "bad the scheduler: \$state"
			tail -25 /tmp/said
		fi
	J
	cat >>"$1/run.sh.head" <<-'J'
		# Every probe was attached and saw each event once; types of programs: 2 kprobe, 26 tracing, 29 security hook.
		check_watch() {
			lacks=0
			for line in 'probe 0 0' 'syscall 0' 'kprobe 0 0' 'offset 0' 'map 0' 'lsm 0' 'entered 40 280 40 left 280' \
				'calls 40 40780' 'kprobes 40 40 40' 'asked 40 mapped 40 kept 40'; do
				grep -qx "$line" log || { echo "no line: $line"; lacks=1; }
			done
			grep -Eq 'reads 280 opened 40 refused 40$' log || { echo "the events went wrong"; lacks=1; }
			grep -Eq '^kinds 2:[34] 26:[34] 29:1 *$' log || { echo "other kinds of programs"; lacks=1; }
			return $lacks
		}
	J
	cat "$1/run.sh.head" "$1/run.sh" >"$1/run.sh.all"
	mv "$1/run.sh.all" "$1/run.sh"
	rm "$1/run.sh.head"
}

# Objects made for K go to guests with K and later kernels.
load_in_guest() {
	local k=$1 made
	rm -rf "$work/job"
	mkdir "$work/job"
	add_tools "$work/job"
	write_job "$work/job"
	echo "$k" >"$work/job/own"
	add_scheduler "$k" "$work/job"
	for made in "${kernels[@]}"; do
		printf '%s\n' "$made" "$k" | sort -CV || continue
		cp -r "$work/$made" "$work/job/$made"
		[ "$made" = "$k" ] || rm -f "$work/job/$made"/generated*
	done
	boot "$k" "$work/job"
	cat "$work/output" | tr -d '\r' >"$work/result-$k"
	awk -v k="$k" '
		$1 == "ok" && $2 == "the" { print "guest with Linux " k ": " substr($0, 4) }
		$1 == "ok" { ok++; shown = 0; next }
		$1 == "bad" { bad++; print "FAIL in Linux " k ": made for " $2; shown = 1; next }
		shown { print "    " $0 }
		END { printf "guest with Linux %s: %d passed, %d failed, 0 skipped\n", k, ok, bad }' "$work/result-$k"
}

why=$(find_obstacle "${kernels[@]}")
if [ -n "$why" ]; then
	echo "SKIP guests: $why"
	echo "guests: 0 passed, 0 failed, 1 skipped"
	exit 0
fi
for seed in "${DIFF_SEEDS[@]}"; do "$TOOLS/difftest" generate "$seed" $DIFF_COUNT >"$work/difference$seed.ks"; done
built=0 wrong=0
before=
for k in "${kernels[@]}"; do
	mkdir "$work/$k"
	build_all "$k" "$work/$k" "$before" >"$work/wrong"
	build_watch "$k" "$work/$k" >>"$work/wrong"
	: >"$work/made"
	[ "$GENERATED" = 0 ] || build_generated "$k" "$work/$k" >"$work/made"
	grep -v failures "$work/made" >>"$work/wrong" || true
	grep failures "$work/made" || true
	before=$work/$k
	sed 's/^/FAIL built for /' "$work/wrong"
	built=$((built + $(wc -l <"$work/$k/list"))) wrong=$((wrong + $(wc -l <"$work/wrong")))
done
echo "builds for guests: $built passed, $wrong failed, 0 skipped"
for k in "${kernels[@]}"; do load_in_guest "$k"; done | tee "$work/all"
[ $wrong = 0 ] && ! grep -q '^FAIL' "$work/all"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The `ks` command: what it writes and leaves, what it needs, how it ends.
#   tests/command/run.sh [FILTER…]
. "$(dirname "$0")/../cases.sh"

quota=$ROOT/examples/packet_quota.ks

# refuses STATUS ARGUMENT…: ks ends with that status and says something
refuses() {
	local status=0 want=$1
	shift
	"$KS" "$@" >out 2>err </dev/null || status=$?
	expect_equal "status of ks $*" $status "$want"
	[ -s err ] || fail "ks $*: no message"
}

# An installation in $1.
install_ks() {
	cmake --install "$BUILD" --prefix "$(realpath -m "$1")" >/dev/null
}

# Shared libraries that the programs in $@ are loaded with.
libraries_of() {
	local file
	for file in "$@"; do ldd "$file" 2>/dev/null || true; done | grep -o '/[^ ]*' | sort -u
}

test_every_example_builds() {
	local file name
	for file in "$ROOT"/examples/*.ks; do
		name=$(basename "$file" .ks)
		"$KS" build -o "$name" "$file"
		[ -x "$name" ] || fail "$name is not executable"
		"$KS" build --emit=bpf -o "$name.o" "$file"
	done
}

test_every_example_is_free_of_warnings() {
	local file
	for file in "$ROOT"/examples/*.ks; do
		"$KS" check -Werror "$file"
	done
}

test_two_builds_are_equal_byte_by_byte() {
	"$KS" build -o one "$quota"
	"$KS" build -o two "$quota"
	cmp one two
	"$KS" build --emit=bpf -o one.o "$quota"
	"$KS" build --emit=bpf -o two.o "$quota"
	cmp one.o two.o
}

test_wrong_command_lines_exit_2() {
	refuses 2
	refuses 2 nosuchcommand
	refuses 2 build
	refuses 2 build --nosuchoption "$quota"
	refuses 2 build -o
	refuses 2 build --emit=nonsense "$quota"
	refuses 2 check --kernel nonsense "$quota"
	refuses 2 check --mcpu v5 "$quota"
	refuses 2 check --mcpu v4 --kernel 6.1 "$quota"
	refuses 2 check -mcpu=v4 --kernel 6.1 "$quota"
}

test_help_and_version_exit_0() {
	"$KS" --help | grep -q build
	"$KS" --version | grep -q '[0-9]'
}

test_errors_as_json_are_one_object_each() {
	printf 'fn main() -> i32 {\n    return nosuch\n}\n' >bad.ks
	local status=0
	"$KS" check --error-format=json bad.ks >out 2>&1 || status=$?
	expect_equal status $status 1
	expect_line "the error" out '^\{.*"bad.ks".*\}$'
}

test_a_failing_build_leaves_no_file() {
	printf 'fn main() -> i32 {\n    return nosuch\n}\n' >bad.ks
	refuses 1 build -o program bad.ks
	refuses 1 build --emit=bpf -o program.o bad.ks
	expect_equal files "$(ls -A | grep -v '^\.' | sort | tr '\n' ' ')" "bad.ks err out "
	refuses 1 build -o /nosuchfolder/program "$quota"
	mkdir folder
	refuses 1 build -o folder "$quota"
	expect_equal "files in folder" "$(ls -A folder)" ""
}

test_an_interrupted_build_leaves_no_file() {
	local i signal pid
	mkdir out
	for signal in INT TERM KILL; do
		for i in 0 0.002 0.005 0.01 0.02 0.03 0.05; do
			# set -m: a background job would otherwise ignore SIGINT
			set -m
			"$KS" build -o out/program "$quota" >/dev/null 2>&1 &
			pid=$!
			set +m
			sleep $i
			kill -$signal $pid 2>/dev/null || true
			wait $pid 2>/dev/null || true
			if [ -e out/program ]; then
				out/program --help >/dev/null || fail "an incomplete file after SIG$signal"
				rm out/program
			fi
			[ $signal = KILL ] || expect_equal "left behind by SIG$signal" "$(ls -A out)" ""
			rm -rf out/* out/.[!.]*
		done
	done
}

test_check_and_bpf_output_do_not_load_llvm() {
	[ "$(basename "$BUILD")" != asan ] || skip "the sanitizers load libraries of their own"
	LD_DEBUG=libs "$KS" check "$quota" 2>libs
	! grep -qi llvm libs || fail "check loads LLVM"
	LD_DEBUG=libs "$KS" build --emit=bpf -o quota.o "$quota" 2>libs
	! grep -qi llvm libs || fail "--emit=bpf loads LLVM"
	LD_DEBUG=libs "$KS" build -o quota "$quota" 2>libs
	grep -qi llvm libs || fail "build does not load LLVM, so this test shows nothing"
}

# The proof that no compiler, assembler or linker takes part: there is none, nor a shell.
test_build_in_an_empty_root_needs_no_other_program() {
	need_root
	[ "$(basename "$BUILD")" != asan ] || skip "the sanitizers need /proc"
	local library
	install_ks root
	while read -r library; do
		mkdir -p "root$(dirname "$library")"
		cp -L "$library" "root$library"
	done < <(libraries_of root/bin/ks root/lib/ks/*)
	mkdir root/tmp
	cp "$quota" root/quota.ks
	env -i PATH= "$(command -v chroot)" root /bin/ks build -o /quota /quota.ks
	"$KS" build -o here "$quota"
	root/quota --help >/dev/null
	[ "$(find root -type f -perm /111 ! -name '*.so*' ! -path '*/lib/ks/*' ! -path '*/ld-*' | sort | tr '\n' ' ')" = "root/bin/ks root/quota " ] ||
		fail "other programs in the root folder: $(find root -type f -perm /111)"
}

test_build_runs_as_a_normal_user() {
	need_root
	need_command setpriv
	install_ks installed
	cp "$quota" quota.ks
	chmod 755 . installed installed/*
	chmod 644 quota.ks
	mkdir -m 777 out
	setpriv --reuid 65534 --regid 65534 --clear-groups installed/bin/ks build -o out/quota quota.ks
	setpriv --reuid 65534 --regid 65534 --clear-groups installed/bin/ks check quota.ks
	out/quota --help >help
	expect_line "options" help '--limit'
}

test_wrong_options_of_a_program_exit_2_with_one_line() {
	"$KS" build -o quota "$quota"
	local option
	for option in --nosuch=1 --limit=x --limit=-1 --limit=4294967296 --limit \
		--interface=a-name-of-more-than-sixteen-bytes stray; do
		local status=0
		./quota $option >out 2>err || status=$?
		expect_equal "status of quota $option" $status 2
		expect_equal "lines of quota $option" "$(wc -l <err)" 1
	done
}

test_object_holds_btf_and_source_lines() {
	need_command bpftool
	"$KS" build --emit=bpf -o quota.o "$quota"
	bpftool btf dump file quota.o >types
	expect_line function types "FUNC 'packet_quota'"
	expect_line map types "VAR 'packet_counts'"
	"$KS" dump quota.o >dump
	expect_line "disassembly" dump 'exit'
	expect_line "source line" dump 'network.limit'
}

# Sources of the tree that have no mistake in their syntax; $1 gets one path after the other.
each_good_source() {
	local file
	for file in "$ROOT"/examples/*.ks "$ROOT"/frontend/std/*.kh "$ROOT"/tests/*/*.k[sh] "$ROOT"/tests/*/files/*.k[sh]; do
		[ ! -e "$file" ] || [ "$(stat -c %s "$file")" -gt 100000 ] || "$KS" fmt "$file" >formatted.ks 2>err || {
			! grep -q 'internal error' err || fail "$file: $(cat err)" || true
			continue
		}
		"$1" "$file"
	done
}

# formatted.ks is the formatted $1.
check_formatted() {
	"$KS" fmt formatted.ks >again.ks
	cmp formatted.ks again.ks || fail "$1: formatting it again changes it" || true
	! grep -n '[[:space:]]$' formatted.ks || fail "$1: white space at the end of a line" || true
	"$KS" build --emit=ast -I "$(dirname "$1")" -o before "$1" 2>/dev/null || return 0
	"$KS" build --emit=ast -I "$(dirname "$1")" -o after formatted.ks
	cmp before after || fail "$1: formatting changes the program" || true
	echo "$1" >>compared
}

test_formatting_keeps_programs_and_is_stable() {
	each_good_source check_formatted
	[ "$(wc -l <compared)" -gt 100 ] || fail "only $(wc -l <compared) files were compared"
}

test_examples_and_headers_are_formatted() {
	"$KS" fmt --check "$ROOT"/examples/*.ks "$ROOT"/frontend/std/*.kh
}

test_fmt_prints_checks_and_writes() {
	local status=0
	printf 'fn f( ) {a=1;b=2}\n' >ugly.ks
	printf 'fn f() {\n    a = 1\n    b = 2\n}\n' >nice.ks
	printf 'fn f() { a = }\n' >wrong.ks
	cp wrong.ks wrong.kept
	"$KS" fmt ugly.ks | cmp - nice.ks
	"$KS" fmt - <ugly.ks | cmp - nice.ks
	"$KS" fmt --check nice.ks >out
	[ ! -s out ] || fail "--check names a file that is right"
	"$KS" fmt --check ugly.ks nice.ks >out || status=$?
	expect_equal "status of --check" $status 1
	expect_equal "files that differ" "$(cat out)" ugly.ks
	refuses 1 fmt -w wrong.ks ugly.ks
	cmp wrong.ks wrong.kept
	cmp ugly.ks nice.ks
	refuses 2 fmt -w --check ugly.ks
	refuses 2 fmt
}

test_list_shows_kernel_types_as_source() {
	local small=$ROOT/tests/sema/data/small.btf kind
	for kind in types funcs kfuncs tracepoints structs-ops; do
		echo "== $kind"
		"$KS" list --btf "$small" $kind
	done >out
	diff -u "$ROOT/tests/command/list_small.out" out
	"$KS" list --btf "$small" types 'ks_*e' | grep -c '^[a-z]' >out
	expect_equal "types that match" "$(cat out)" 2
	refuses 1 list --btf "$small" types nosuch
	refuses 1 list --btf "$small" types ks_objetc
	"$KS" list --btf "$small" types ks_objetc 2>&1 | grep -q 'did you mean `ks_object`' || fail "no suggestion"
	refuses 2 list --btf "$small" typs
	refuses 1 list --btf /nosuchfile types
	refuses 1 list --btf "$quota" types
}

test_list_knows_the_running_kernel() {
	[ -e /sys/kernel/btf/vmlinux ] || skip "this kernel has no BTF"
	"$KS" list types task_struct >out
	expect_line "pid" out '^	pid: i32, // offset [0-9]+$'
	"$KS" list kfuncs 'bpf_task_*' >out
	expect_line "kfunc" out '^extern bpf_task_release\(p: \*task_struct\)$'
	"$KS" list structs-ops tcp_congestion_ops >out
	expect_line "operation" out '^	ssthresh: fn\(\*sock\) -> u32, // offset'
}

# Far less than reading every type does, measured in the same minute.
test_naming_a_kernel_type_costs_little() {
	[ -e /sys/kernel/btf/vmlinux ] || skip "this kernel has no BTF"
	printf 'fn main() -> i32 { return sizeof(task_struct) as i32 }\n' >one.ks
	local i begin middle end one=1000000000000 all=1000000000000
	for i in 1 2 3 4 5; do
		begin=$(date +%s%N)
		"$KS" check one.ks
		middle=$(date +%s%N)
		"$KS" list types >all
		end=$(date +%s%N)
		[ $((middle - begin)) -ge $one ] || one=$((middle - begin))
		[ $((end - middle)) -ge $all ] || all=$((end - middle))
	done
	[ $((one * 4)) -lt $all ] || fail "ks check took $((one / 1000)) us, ks list types $((all / 1000)) us"
}

diagnostic_names() {
	sed -n 's/^DIAG(D_[A-Z0-9_]*, "\([^"]*\)".*/\1/p' "$ROOT/frontend/base/diags.def"
}

# Writes the examples of docs/diagnostics.md to $1/NAME/{wrong,right}/x.SUFFIX, with the command beside.
extract_examples() {
	awk -v out="$1" '
		/^## / { name = $2 }
		/^```/ && folder == "" {
			folder = out "/" name "/" $2
			system("mkdir -p " folder)
			file = folder "/x." substr($1, 4)
			command = "check"
			if (NF > 2) { command = $0; sub(/^[^ ]* [^ ]* /, "", command) }
			print command >(folder "/command")
			close(folder "/command")
			next
		}
		/^```/ { close(file); folder = ""; next }
		folder != "" { print >file }
	' "$ROOT/docs/diagnostics.md"
}

# run_example FOLDER: standard error is in FOLDER/err
run_example() {
	(cd "$1" && "$KS" $(cat command) x.* >out 2>err)
}

test_each_diagnostic_is_explained() {
	local name
	extract_examples examples
	for name in $(diagnostic_names); do
		"$KS" explain "$name" >text || { fail "no entry for $name" || true; continue; }
		grep -q "^$name: \(error\|warning\): " text || fail "ks explain $name: no title" || true
		[ -d "examples/$name/wrong" ] || grep -q 'No small program' <(tr '\n' ' ' <text) ||
			fail "$name has no example" || true
	done
	expect_equal "entries without a diagnostic" \
		"$(grep '^## ' "$ROOT/docs/diagnostics.md" | cut -c4- | sort | comm -23 - <(diagnostic_names | sort))" ""
}

test_examples_of_diagnostics_do_what_they_say() {
	local folder name given
	extract_examples examples
	for folder in examples/*/wrong; do
		name=$(basename "$(dirname "$folder")")
		run_example "$folder" || true
		given=$(sed -n 's/.*\(error\|warning\): .*\[\([a-z0-9-]*\)\]$/\2/p' "$folder/err" | sort -u)
		expect_equal "diagnostics of the wrong program of $name" "$given" "$name" || true
	done
	for folder in examples/*/right; do
		name=$(basename "$(dirname "$folder")")
		run_example "$folder" || fail "the right program of $name is refused: $(head -1 "$folder/err")" || true
		[ ! -s "$folder/err" ] || fail "the right program of $name: $(head -1 "$folder/err")" || true
		[ ! -e "$folder/x.ks" ] || "$KS" fmt --check "$folder/x.ks" || fail "$name is not formatted" || true
	done
}

test_explain_lists_and_suggests() {
	"$KS" explain >list
	expect_equal "diagnostics listed" "$(cut -d' ' -f1 list)" "$(diagnostic_names)"
	refuses 2 explain unknwon-name
	expect_line suggestion err 'did you mean `unknown-name`'
}

test_manual_page_is_in_step_with_the_options() {
	"$KS" help --man >ks.1
	cmp ks.1 "$ROOT/docs/ks.1" || fail "write it with: ks help --man >docs/ks.1"
	need_command groff
	groff -man -ww -Tutf8 ks.1 >page 2>warnings
	[ ! -s warnings ] || fail "$(cat warnings)"
}

# Words that the bash script offers for the command line in $@, on one line.
complete_bash() {
	(
		. ./ks.bash
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_ks
		echo "${COMPREPLY[*]}"
	)
}

test_completion_knows_commands_options_and_names() {
	local command option
	"$KS" completion bash >ks.bash
	"$KS" completion zsh >_ks
	for command in $("$KS" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		[[ " $(complete_bash ks '') " == *" $command "* ]] || fail "bash: no command $command" || true
		grep -q "^	$command)" _ks || fail "zsh: no command $command" || true
		for option in $("$KS" "$command" --help | sed -n 's/^  \(-[-a-zA-Z]*\).*/\1/p'); do
			case $option in -I*) option=-I ;; -O*) option=-O ;; -W*) option=-W ;; esac
			[[ " $(complete_bash ks "$command" -) " =~ " $option"=?" " ]] ||
				fail "bash: $command has no option $option" || true
			sed -n "/^	$command)/,/;;/p" _ks | grep -qe "'[*]*$option" ||
				fail "zsh: $command has no option $option" || true
		done
	done
	expect_equal "kinds of output" "$(complete_bash ks build --emit = na)" native-asm
	expect_equal diagnostics "$(complete_bash ks explain unused-)" "unused-variable unused-function unused-parameter unused-result unused-value"
	refuses 2 completion fish
	command -v zsh >/dev/null || return 0
	zsh -n _ks
}

run_cases command "$@"

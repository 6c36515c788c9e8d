#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What must hold for the tree itself, whatever the compiler does.
#   tests/checks/run.sh [FILTER…]
KS=/dev/null . "$(dirname "$0")/../cases.sh"

# sources PATTERN…: files of the tree, relative to its root; `*` in a pattern crosses folders
sources() {
	local pattern wanted=()
	for pattern in "$@"; do wanted+=(-o -path "./$pattern"); done
	(cd "$ROOT" && find . \( -path ./build -o -path ./.git \) -prune -o \
		-type f \( "${wanted[@]:1}" \) -printf '%P\n')
}

# Rows of the include table in docs/architecture.md: folder, then what it may include besides itself.
include_table() {
	cat <<-'END'
		frontend/base
		btf frontend/base
		frontend/syntax frontend/base
		frontend/sema frontend/base frontend/syntax btf ks
		frontend/ir frontend/base
		frontend/lower frontend/base frontend/syntax frontend/sema frontend/ir ks
		frontend/opt frontend/base frontend/ir
		bpf-backend/isa frontend/base
		bpf-backend/kernel frontend/base bpf-backend/isa
		bpf-backend/codegen frontend/base frontend/ir bpf-backend/isa bpf-backend/kernel btf
		bpf-backend/object frontend/base bpf-backend/isa btf bpf-backend/codegen/bpf_gen.h
		bpf-backend/program frontend/base bpf-backend/isa bpf-backend/kernel btf bpf-backend/object/elf.h
		bpf-backend/verify frontend/base bpf-backend/isa bpf-backend/kernel btf bpf-backend/object/elf.h bpf-backend/program ks
		bpf-backend/vm frontend/base bpf-backend/isa bpf-backend/kernel btf bpf-backend/object/elf.h bpf-backend/program
		host-backend frontend/base frontend/ir ks
		kmod-backend frontend/base frontend/ir btf host-backend/host_gen.h
		loader ks
	END
}

# Every word of the lexer's table and every other word that the parser asks for is highlighted.
test_editors_know_every_word() {
	local word file
	cd "$ROOT"
	for word in $(sed -n 's/^KEYWORD([A-Z0-9_]*, "\([^"]*\)".*/\1/p' frontend/syntax/tokens.def) \
		$(sed -n 's/.*parser_at_word(p, "\([a-z]*\)").*/\1/p' frontend/syntax/*.c); do
		for file in editors/vim/syntax/ks.vim editors/emacs/ks-mode.el editors/textmate/syntaxes/ks.tmLanguage.json; do
			grep -qw -- "$word" "$file" || fail "$file does not know '$word'" || true
		done
	done
}

# An include is right when it names the folder itself or one of the allowed places, or, in the loader, a file beside it.
test_includes_follow_the_table() {
	local folder allowed
	cd "$ROOT"
	while read -r folder allowed; do
		sources "$folder/*.[ch]" "$folder/*.def" | xargs -r awk -v folder="$folder" -v allowed="$folder $allowed" '
			BEGIN { count = split(allowed, places, " ") }
			/^#include "/ {
				split($0, part, "\"")
				ok = folder == "loader" && part[2] !~ /\//
				for (i = 1; i <= count; i++)
					if (index(part[2] "/", places[i] "/") == 1) ok = 1
				if (!ok) print FILENAME " includes " part[2] ", which the table does not allow"
			}'
	done < <(include_table) >"$SCRATCH/wrong"
	cat "$SCRATCH/wrong" >&2
	[ ! -s "$SCRATCH/wrong" ] || fail "see above"
}

test_sources_are_formatted() {
	need_command clang-format
	[[ $(clang-format --version) == *"version 14."* ]] || skip "needs clang-format 14, as in Debian 12"
	cd "$ROOT"
	sources '*.[ch]' | grep -v '^bench/c/' | xargs clang-format --dry-run -Werror
}

test_each_diagnostic_has_a_test() {
	local name
	for name in $(sed -n 's/^DIAG(D_[A-Z0-9_]*, "\([^"]*\)".*/\1/p' "$ROOT/frontend/base/diags.def"); do
		grep -q "^$name " "$ROOT/tests/diag/exempt.txt" && continue
		[ -e "$ROOT/tests/diag/$name.ks" ] || [ -e "$ROOT/tests/diag/$name.ir" ] ||
			fail "no tests/diag/$name.ks" || true
	done
}

test_each_diagnostic_test_shows_its_diagnostic() {
	local file
	for file in "$ROOT"/tests/diag/*.ks; do
		[ -e "$file" ] || continue
		grep -Eq "//~[\^*]* *$(basename "$file" .ks)(:|\$| )" "$file" ||
			fail "$file does not expect [$(basename "$file" .ks)]" || true
	done
}

test_each_source_is_in_a_target() {
	local file folder
	for file in $(sources '*.c' | grep -Ev '^(tests/(unit|see|verify/explain)|bench)/|\.bpf\.c$'); do
		folder=$(dirname "$file")
		while [ ! -e "$ROOT/$folder/CMakeLists.txt" ]; do folder=$(dirname "$folder"); done
		grep -qE "(^|[^a-z_0-9])$(basename "$file")" "$ROOT/$folder/CMakeLists.txt" ||
			fail "$file is in no CMakeLists.txt" || true
	done
}

test_each_source_names_its_licence() {
	cd "$ROOT"
	! sources '*.[ch]' '*.def' '*.sh' '*.cmake' '*CMakeLists.txt' |
		xargs grep -L 'SPDX-License-Identifier: Apache-2.0' | grep . || fail "see above"
}

test_no_reminders_are_left_in_the_code() {
	! (cd "$ROOT" && sources '*.c' '*.h' '*.def' | xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b') ||
		fail "see above"
}

test_helper_sets_are_those_of_the_kernel() {
	local tree=${KERNEL_SOURCE:-/usr/src/linux-source-6.12}
	[ -e "$tree/net/core/filter.c" ] || skip "$tree is not the source of Linux 6.12"
	python3 "$ROOT/tests/tools/helper_sets.py" "$tree" || fail "see above"
}

run_cases checks "$@"

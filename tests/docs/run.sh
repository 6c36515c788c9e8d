#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The documentation tells the truth: its examples compile, print what they say, and are refused where they say so; its
# commands work; its grammar is the parser's; its list of what is missing is the checker's.
#   tests/docs/run.sh [FILTER…]
#
# What stands after ``` in a page:
#   ks                     a whole program: builds without any message
#   ks declarations        a file without `main`
#   ks fragment            statements of `main`; ks xdp: of an XDP program
#   … error=a,b            these errors and no others; warning=a,b likewise
#   sh                     commands
# A program with comments `// prints TEXT` is run and prints these lines.
. "$(dirname "$0")/../cases.sh"

page=$ROOT/docs/language.md

# Names in brackets after messages of kind $2 in the file $1, in order.
names_of() {
	sed -En "s/^[^ ]*: $2: .*\[([a-z-]+)\]\$/\1/p" "$1" | sort -u | tr '\n' ' '
}

# Value of the word $2=… in the info string $1, as names_of writes it.
wanted_names() {
	sed -En "s/.* $2=([a-z,-]+).*/\1/p" <<<"$1" | tr ',' '\n' | sort -u | tr '\n' ' '
}

# check_messages PLACE INFO FILE: the messages of a compile are those that the info string announces
check_messages() {
	local kind got want
	for kind in error warning; do
		got=$(names_of "$3" $kind) want=$(wanted_names "$2" $kind)
		[ "$got" = "$want" ] || fail "$1: ${kind}s '$got', wanted '$want': $(cat "$3")" || true
	done
}

# check_example PAGE LINE
check_example() {
	local place=$1:$2 file=blocks/$2.ks info command=build status=0 flags=()
	info=$(cat "blocks/$2.info")
	sed -n 's,.*// prints ,,p' "$file" >wanted
	! grep -q '// prints ' "$file" || command=run
	[[ $info != "ks "* || $info == *warning=* ]] ||
		flags=(-Wno-unused-variable -Wno-unused-function -Wno-unused-value)
	[ $command = run ] || flags+=(-o "example")
	"$KS" $command "${flags[@]}" "$file" >printed 2>messages || status=$?
	case "$info" in
	*error=*) [ $status = 1 ] || fail "$place: status $status, wanted 1" || true ;;
	*) [ $status = 0 ] || fail "$place: status $status" || true ;;
	esac
	check_messages "$place" "$info" messages
	[[ $info == *error=* ]] || [ $command = build ] ||
		diff wanted printed || fail "$place: prints something else" || true
}

check_examples() {
	local info count=0
	mkdir -p blocks
	awk -v folder=blocks -f "$ROOT/tests/docs/blocks.awk" "$ROOT/$1"
	for info in $(grep -l '^ks' blocks/*.info | sort -V); do
		check_example "$1" "$(basename "$info" .info)"
		count=$((count + 1))
	done
	[ $count -ge "$2" ] || fail "$1: only $count examples were found"
}

test_examples_of_the_language_reference() {
	check_examples docs/language.md 40
}

test_examples_of_the_readme() {
	check_examples README.md 1
}

# The tests in the page about tests pass.
test_examples_of_the_page_about_tests() {
	local file
	check_examples docs/tests.md 2
	for file in blocks/*.ks; do
		"$KS" test --interp "$file" >out 2>&1 || fail "$file: $(cat out)" || true
	done
}

# Productions of the grammar in the page, each on one line with single spaces.
page_grammar() {
	awk '/^## Grammar/ { on = 1 } on && /^```/ { if (inside) exit; inside = 1; next } inside' "$page" |
		awk '/^[a-z-]+ += / { if (line) print line; line = "" } { line = line " " $0 } END { print line }' |
		sed -E 's/[[:space:]]+/ /g; s/^ //; s/ $//'
}

# The same out of the comments of the parser: `name = …` up to the end of the comment, the next production, or prose
# after `;`, `,` or `:` outside quotes.
parser_grammar() {
	cat "$ROOT"/frontend/syntax/parse_*.c | awk '
		/^\/\* / { inside = 1; text = "" }
		inside { sub(/^ ?\/?\* ?/, ""); done = sub(/ ?\*\/ *$/, ""); text = text "\n" $0; if (done) { print text; inside = 0 } }' |
		sed -E 's/(^|   +|; )([a-z-]+) += /\n\2 = /g' |
		awk '/^[a-z-]+ = / { if (line) print line; line = $0; next }
			/^ *[|"\[{(]/ && line { line = line " " $0; next }
			{ if (line) print line; line = "" } END { if (line) print line }' |
		sed -E 's/[;,:] [^"]*$//; s/[[:space:]]+/ /g; s/ $//'
}

test_grammar_is_the_parsers() {
	page_grammar | sort >page
	parser_grammar | sort -u >parser
	[ "$(wc -l <parser)" -ge 30 ] || fail "only $(wc -l <parser) productions found above the functions of the parser"
	diff parser page || fail "< is the parser, > is the page"
}

test_grammar_has_every_word() {
	local word
	page_grammar >page
	for word in $(sed -n 's/^KEYWORD(KW_[A-Z0-9]*, "\([a-z0-9]*\)".*/\1/p' "$ROOT/frontend/syntax/tokens.def"); do
		grep -q "\"$word\"" page || fail "the grammar does not mention \"$word\"" || true
	done
	for word in $(sed 's/"[^"]*"//g; s/^[a-z-]* = //' page | grep -o '[a-z][a-z-]*' | grep -vx name | sort -u); do
		grep -q "^$word = " page || fail "the grammar does not define $word" || true
	done
}

# Rows of the table of what is missing: the forms in the first column, one per line.
missing_forms() {
	awk '/^## Not in this version/ { on = 1; next } /^## / { on = 0 } on && /^\| `/' "$page" |
		sed 's/\\|/\x01/g' | cut -d'|' -f2 | grep -o '`[^`]*`' | tr -d '`' | tr '\001' '|'
}

# A program around one form of the table.
missing_program() {
	case "$1" in
	*"<"*">(n)") echo "var m: $(sed 's/K, V/u32, u32/; s/T>/u32>/; s/(n)/(4096)/' <<<"$1")" ;;
	@* | struct* | enum* | "type "* | import* | extern* | fn* | "var "*": "* | config*) echo "$1" ;;
	*)
		echo "fn other() -> i32 { $1"
		echo 'return 0 }'
		;;
	esac
	echo 'fn main() -> i32 { return 0 }'
}

test_what_is_missing_is_in_the_table() {
	[ -r /sys/kernel/btf/vmlinux ] || skip "this kernel does not describe its types"
	local form name what
	touch other.ks
	while read -r form; do
		missing_program "$form" >missing.ks
		"$KS" build --emit=bpf -o missing.o -Wno-unused-function -Wno-unused-variable missing.ks >messages 2>&1 || true
		[ "$(names_of messages error)" = "feature-unavailable " ] ||
			fail "'$form' gives: $(cat messages)" || true
		cat messages >>said
	done < <(missing_forms)
	for name in $(sed -n 's/^UNAVAILABLE([A-Z_]*, "\([a-z_]*\)".*/\1/p' "$ROOT/frontend/sema/unavailable.def"); do
		missing_forms | grep -qw "$name" || fail "the table has no $name" || true
	done
	while read -r what; do
		what=${what%%%s*}
		grep -qF "$what" said || fail "the table shows nothing that gives '$what'" || true
	done < <(cat "$ROOT"/frontend/sema/check_*.c "$ROOT"/frontend/sema/convert.c | tr -d '\n' |
		grep -oE '(report|note)_unavailable\([^;"]*"[^"]*"' | sed 's/^[^"]*"//; s/"$//')
}

# In a network namespace whose eth0 leads nowhere.
in_namespace() {
	unshare --net sh -c 'ip link set lo up; ip link add eth0 type veth peer name eth1; ip link set eth0 up; "$@"' sh "$@"
}

test_commands_of_the_readme() {
	local command name
	mkdir bin
	ln -s "$KS" bin/ks
	cp "$ROOT/examples/packet_quota.ks" x.ks
	grep -o '^| `ks [^`]*`' "$ROOT/README.md" | sed 's/^| `//; s/`$//' >commands
	[ "$(wc -l <commands)" -ge 6 ] || fail "README.md has only $(wc -l <commands) commands"
	while read -r command; do
		case "$command" in
		*"ks run"*)
			[ "$(id -u)" = 0 ] || continue
			command="in_namespace ${command/--seconds 5/--seconds 1}"
			;;
		*"ks test"*) printf '@test fn t() -> i32 { return test(packet_quota, P { packet_size: 60 }) - 2 }\n' >>x.ks ;;
		*"x.o") "$KS" build --emit=bpf -o x.o x.ks ;;
		*NAME*) command=${command/NAME/narrowing} ;;
		*"ks detach"*) command="$command || [ \$? = 1 ]" ;;
		esac
		PATH=$SCRATCH/bin:$PATH
		eval "$command" >out 2>err || fail "$command: status $?: $(cat err)" || true
	done <commands
}

# Commands of the page about the verifier, with the sources at their places; those of its transcript are commands.
test_commands_of_the_verifier_page() {
	local command
	mkdir -p bin examples blocks
	ln -s "$KS" bin/ks
	cp "$ROOT"/examples/*.ks examples
	awk -v folder=blocks -f "$ROOT/tests/docs/blocks.awk" "$ROOT/docs/verifier.md"
	for command in blocks/*.sh; do
		PATH=$SCRATCH/bin:$PATH bash -e "$command" </dev/null >out 2>err ||
			fail "$(cat "$command"): status $?: $(cat err)" || true
		! grep -E 'There is no|Several commands|is no line' out || fail "$(cat "$command")" || true
	done
	[ -s firewall.html ] || fail "no page was written"
	sed -n 's/^(ks) //p' blocks/*.text | "$KS" debug examples/firewall.ks >out
	expect_line "the transcript" out '^header \(r[0-9]\): a number from 20 to 60, a multiple of 4'
	! grep -E 'There is no|Several commands|is no line' out || fail "a command of the transcript is none"
}

# The commands to type, with the build that is under test and a second instead of a minute.
test_commands_by_hand_of_the_readme() {
	need_root
	local command
	mkdir -p build/release/bin examples
	ln -s "$KS" build/release/bin/ks
	cp "$ROOT"/examples/*.ks examples
	mkdir -p blocks
	awk -v folder=blocks -f "$ROOT/tests/docs/blocks.awk" "$ROOT/README.md"
	cat blocks/*.sh >commands
	[ -s commands ] || fail "README.md has no commands"
	while read -r command; do
		case "$command" in
		*cmake*) continue ;; # done, or there would be nothing to test
		"sudo "*) command="in_namespace $(sed 's/^sudo //; s/--seconds 60/--seconds 1/' <<<"$command")" ;;
		esac
		eval "$command" >out 2>err || fail "$command: status $?: $(cat err)" || true
	done <commands
}

run_cases docs "$@"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the verifier looked at, shown: `ks debug` from scripts and in a terminal (tmux), the page of `ks verify --html`
# in headless Chromium. Where a program that shows things is missing, its cases say so.
#   tests/see/run.sh [FILTER…]        ACCEPT=1 writes scripts/*.out
. "$(dirname "$0")/../cases.sh"

see=$ROOT/tests/see

# Objects of packet.bpf.c and many.bpf.c, with paths as the tree has them.
make_object() {
	need_command clang-19
	(cd "$ROOT" && clang-19 -O2 -g -target bpf -ffile-prefix-map="$ROOT"=. -I"/usr/include/$(uname -m)-linux-gnu" \
		-c "tests/see/$1.bpf.c" -o "$SCRATCH/$1.o")
}

# debug FILE COMMAND…: what `ks debug` prints when it reads the commands
debug() {
	local file=$1
	shift
	printf '%s\n' "$@" | "$KS" debug --kernel 6.12 "$file" >said 2>&1
}

# Leaves out how a refusal is explained: other tests are about that.
only_walk() {
	sed -E '/^[a-z]+: refused/,/^step /{/: refused|^step /!d}'
}

test_scripts() {
	local name out
	make_object packet
	for name in refused paths mistakes; do
		out=$see/scripts/$name.out
		(cd "$ROOT" && "$KS" debug --kernel 6.12 "$SCRATCH/packet.o" <"$see/scripts/$name.in") 2>&1 |
			only_walk >"$name.out"
		[ -z "${ACCEPT:-}" ] || cp "$name.out" "$out"
		diff "$out" "$name.out" || fail "$name: < is wanted, > is printed" || true
	done
}

test_variables_of_a_source() {
	cp "$ROOT/examples/firewall.ks" .
	debug firewall.ks 'print ctx' 'print verdict' 'break 32' continue 'step 2' 'print header' 'print size' 'print eth' 'print ip' \
		'why header' delete 'break 53' continue 'print verdict'
	expect_line "a parameter" said '^ctx \(r[0-9]+\): context$'
	expect_line "a variable with its range" said '^header \(r[0-9]\): a number from 20 to 60, a multiple of 4  \[scalar\('
	expect_line "another one" said '^size \((r[0-9]|fp-[0-9]+)\): a number '
	expect_line "a pointer" said '^eth, ip - 14 \(r[0-9]\): packet pointer; 34 bytes checked'
	expect_line "another one, relative to it" said '^  ip is this \+ 14$'
	expect_line "where it came from" said '^ +29 \|.*version_ihl & 15'
	expect_line "a variable that is nowhere yet" said '^verdict: in no register or slot at this step$'
	expect_line "a break point" said ', firewall.ks:53:'
	expect_line "a variable after a choice" said '^verdict \((r[0-9]|fp-[0-9]+)\): the number [0-4]$'
}

test_watch_of_a_variable() {
	cat >sum.ks <<-'END'
		var table : array<u32, u64>(16)
		@xdp fn sum(ctx: *xdp_md) -> xdp_action {
		    var total = 0 as u32
		    for (i in 0..4) {
		        if (table[i] > 9) { total += 1 }
		    }
		    table[total] += 1
		    return XDP_PASS
		}
	END
	debug sum.ks 'watch total' continue continue continue
	expect_line "the watch" said '^1: changes of total$'
	expect_line "a change" said '^total: was '
	expect_line "to what" said '^ +is (the|a) number'
}

test_programs_and_kernels() {
	make_object packet
	debug packet.o
	expect_line "the refused one is chosen" said '^shifted: refused by Linux 6.12, 11 steps on 1 path$'
	"$KS" debug --kernel 6.1 --program halves packet.o <<<quit >said
	expect_line "the one that is named" said '^halves: accepted by Linux 6.1, '
	local status=0
	"$KS" debug --program none packet.o </dev/null >said 2>&1 || status=$?
	expect_equal "status for a missing program" $status 2
	status=0
	"$KS" debug --kernel 6.1,6.12 packet.o </dev/null >said 2>&1 || status=$?
	expect_equal "status for two kernels" $status 2
	status=0
	"$KS" debug /dev/null </dev/null >said 2>&1 || status=$?
	expect_equal "status for no object" $status 1
	expect_line "its message" said 'not-an-object'
}

# A trace that is long: stepping and watching stay quick.
test_long_walk() {
	make_object many
	debug many.o 'first' 'watch r0' continue 'break big' 'goto 100000' 'back 90000' 'step 90000' 'why r0' quit
	expect_line "its steps" said '^big: .*, [0-9]{6} steps on '
	expect_line "the far step" said '^step 100000, path '
}

# ---- in a terminal ----

terminal() {
	tmux -L "ks-see-$$" -f /dev/null "$@"
}

end_case() {
	! command -v tmux >/dev/null || tmux -L "ks-see-$$" kill-server 2>/dev/null || true
}

# start_debug COLUMNS ROWS ARGUMENT…: a shell in a terminal, and ks debug in it
start_debug() {
	need_command tmux
	local columns=$1 rows=$2
	shift 2
	terminal new-session -d -x "$columns" -y "$rows" \
		"env -i PATH='$PATH' TERM=screen LANG=C.UTF-8 PS1='shell$ ' bash --norc"
	terminal send-keys "'$KS' debug --kernel 6.12 $*" Enter
}

# shows WHAT REGEX: up to 10 s, a line of the screen matches
shows() {
	local i
	for ((i = 0; i < 100; i++)); do
		terminal capture-pane -p >screen
		grep -Eq -- "$2" screen && return
		sleep 0.1
	done
	expect_line "$1" screen "$2"
}

test_terminal_screen() {
	make_object packet
	start_debug 80 24 packet.o --program halves
	shows "title" '^ halves: accepted by Linux 6\.12 +step 0 of 34, path 1 of 4$'
	shows "source" '^> +24  .*asm volatile'
	shows "instruction" '^> +0: r6 = \*\(u32 \*\)\(r1 \+ 0\) +r1 +context'
	! LC_ALL=C.UTF-8 grep -E '.{81}' screen || fail "a line is too long"
	terminal send-keys Down Down Down
	shows "three steps on" 'step 3 of 34'
	shows "what changed is marked" '\*r2 +packet pointer'
	terminal send-keys Up
	shows "one back" 'step 2 of 34'
	terminal send-keys 'break half' Enter c Enter
	shows "the break point" '^> +19: r0 = r1'
	terminal send-keys where Enter
	shows "frames" '^frame 0: halves, instruction 6'
	terminal send-keys prinX BSpace t ' r1' Enter
	shows "an edited line" '^r1: a number from 0 to 255'
	terminal send-keys quit Enter
	shows "the shell is back" '^shell\$ *$'
	! grep -q 'accepted by' screen || fail "the screen stays after the end"
}

test_terminal_reads_long_answers() {
	make_object packet
	start_debug 80 24 packet.o
	shows "the refusal first" '`shifted` is refused by Linux 6\.12'
	terminal send-keys Enter
	shows "then the screen" '^ shifted: refused by Linux 6\.12 +step 10 of 10'
	terminal send-keys help Enter
	shows "the list" '^ lines 1 to 23 of [0-9]+: '
	terminal send-keys Space
	shows "its end" '^An empty line does the last command again'
	terminal send-keys q
	shows "the screen again" '^ shifted: refused'
}

test_terminal_changes_size() {
	make_object packet
	start_debug 80 24 packet.o --program halves
	shows "a rule of 80" '^─{80}$'
	terminal resize-window -x 120 -y 40
	shows "a rule of 120" '^─{120}$'
	terminal resize-window -x 28 -y 7
	shows "a small screen" '^step 0, path 1 of 4'
	terminal resize-window -x 80 -y 24
	shows "as before" '^─{80}$'
}

test_terminal_is_given_back() {
	local how
	make_object packet
	start_debug 80 24 packet.o --program halves
	shows "the screen" '^ halves: accepted'
	terminal send-keys C-z
	shows "stopped" 'Stopped'
	! grep -q '^ halves:' screen || fail "the screen stays while it is stopped"
	terminal send-keys 'stty -a | grep -ow -e -icanon -e icanon' Enter
	shows "lines as usual while it is stopped" '^ *icanon$'
	terminal send-keys fg Enter
	shows "continued" '^ halves: accepted'
	terminal send-keys C-c
	shows "interrupted" '^shell\$ *$'
	for how in TERM HUP; do
		terminal send-keys C-l "'$KS' debug --program halves packet.o" Enter
		shows "the screen" '^ halves: accepted'
		kill -"$how" "$(pgrep -P "$(terminal list-panes -F '#{pane_pid}')" -x ks)"
		shows "ended by $how" '^shell\$ *$'
		terminal send-keys 'clear; stty -a | grep -ow -e -icanon -e icanon' Enter
		shows "lines as usual after $how" '^ *icanon$'
	done
}

# ---- in a browser ----

need_browser() {
	need_command python3
	need_command chromium
	need_command chromedriver
}

test_page_needs_nothing_else() {
	make_object packet
	local status=0
	"$KS" verify --kernel 6.12 --html page.html packet.o >said 2>&1 || status=$?
	expect_equal "status of a refusal" $status 1
	expect_line "verdict" said '^shifted: refused by Linux 6\.12'
	! grep -Eo '(src|href)=|@import|url\(|https?:' page.html || fail "the page refers to something outside"
	"$KS" verify --kernel 6.12 --program halves --html - packet.o | grep -q '^<!doctype html>' ||
		fail "- is not standard output"
	status=0
	"$KS" verify --html page.html --kernel 6.1,6.12 packet.o >said 2>&1 || status=$?
	expect_equal "status for two kernels" $status 2
	status=0
	"$KS" verify --html page.html --program none packet.o >said 2>&1 || status=$?
	expect_equal "status for a missing program" $status 2
}

test_page_escapes_what_it_shows() {
	printf '%s\n' '// </script><script>document.title = "broken"</script>' '@xdp fn <img>' >bad.ks
	cp "$ROOT/examples/firewall.ks" '<b>&.ks'
	sed -i '1i // </script><script>document.title = "broken"</script> <!--' '<b>&.ks'
	"$KS" verify --kernel 6.12 --html page.html '<b>&.ks' >said
	expect_equal "script elements" "$(grep -c '<script' page.html)" 2
	expect_line "title" page.html '<title>&lt;b>&amp;\.ks — ks verify</title>'
}

test_page_in_a_browser() {
	need_browser
	make_object packet
	cp "$ROOT/examples/firewall.ks" .
	"$KS" verify --kernel 6.12 --html refused.html packet.o >said 2>&1 || true
	"$KS" verify --kernel 6.12 --html accepted.html firewall.ks >said 2>&1
	python3 "$see/page.py" refused.html accepted.html
}

# Refused before any step: the page still shows the program, and nothing breaks.
test_page_without_steps() {
	need_browser
	make_object early
	"$KS" verify --kernel 6.12 --html early.html early.o >said 2>&1 || true
	debug early.o step print 'program fine' step
	expect_line "debug says so" said '^It was refused before the first instruction'
	expect_line "and can go on" said '^step 1, path 1 of 1, fine'
	PYTHONPATH=$see python3 - early.html <<-'END'
		import sys
		from browser import Browser
		with Browser() as b:
		    b.open(sys.argv[1])
		    shown = b.text("#insns .bad .text")
		    b.run("$('search').focus()")
		    b.keys(*"exit", "Escape", "j", "n", "0", "?", "Escape")
		    b.run("$('at').value = 3; $('at').dispatchEvent(new Event('change')); $('map').click()")
		    b.run("$('program').value = 1; $('program').dispatchEvent(new Event('change'))")
		    if shown != "r0 = 1" or b.run("return view.step") != 0 or b.messages():
		        sys.exit(f"{shown!r}, {b.messages()}")
	END
}

# What the page makes of the bytes of a trace is what `ks debug` knows.
test_page_agrees_with_debug() {
	need_browser
	make_object packet
	local pair step
	cp "$ROOT/examples/firewall.ks" "$ROOT/examples/connection_tracker.ks" .
	for pair in packet.o:halves firewall.ks:firewall connection_tracker.ks:; do
		local file=${pair%:*} program=${pair#*:}
		"$KS" verify --kernel 6.12 ${program:+--program $program} --html "$file.html" "$file" >said 2>&1
		for ((step = 0; step < 400; step += 3)); do echo "goto $step" && echo print; done |
			"$KS" debug --kernel 6.12 ${program:+--program $program} "$file" >"$file.said"
		python3 "$see/agree.py" "$file.html" "$file.said"
	done
}

test_page_with_many_steps() {
	need_browser
	make_object many
	"$KS" verify --kernel 6.12 --html many.html many.o >said 2>&1 || true
	python3 "$see/many.py" many.html
}

run_cases see "$@"

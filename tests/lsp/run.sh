#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The language server, spoken to as an editor does: messages in, messages out.
#   tests/lsp/run.sh [FILTER…]
. "$(dirname "$0")/../cases.sh"

# escape TEXT: as the inside of a JSON string
escape() {
	printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/\t/\\t/g' | awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }'
}

# send JSON: one message to the file `in`
send() {
	local LC_ALL=C
	printf 'Content-Length: %d\r\n\r\n%s' ${#1} "$1" >>in
}

# request METHOD PARAMS, notify METHOD PARAMS
id=0
request() {
	id=$((id + 1))
	send "{\"jsonrpc\":\"2.0\",\"id\":$id,\"method\":\"$1\",\"params\":$2}"
}
notify() {
	send "{\"jsonrpc\":\"2.0\",\"method\":\"$1\",\"params\":$2}"
}

# begin: initialize; open_file FILE: didOpen with its text
begin() {
	request initialize '{"capabilities":{}}'
	notify initialized '{}'
}
open_file() {
	uri=file://$PWD/$1
	notify textDocument/didOpen "{\"textDocument\":{\"uri\":\"$uri\",\"languageId\":\"ks\",\"version\":1,\"text\":\"$(escape "$(cat "$1")")\"}}"
}

# at_column METHOD FILE LINE COLUMN [MEMBERS]: a request at that place, lines from 1, columns from 0
at_column() {
	request "textDocument/$1" "{\"textDocument\":{\"uri\":\"file://$PWD/$2\"},\"position\":{\"line\":$(($3 - 1)),\"character\":$4}${5:+,$5}}"
}

# at METHOD FILE LINE MARK [MEMBERS]: a request at the first character of MARK in an ASCII line
at() {
	local text before
	text=$(sed -n "$3p" "$2")
	before=${text%%"$4"*}
	at_column "$1" "$2" "$3" ${#before} "${5:-}"
}

# file_request METHOD FILE [MEMBERS]
file_request() {
	request "textDocument/$1" "{\"textDocument\":{\"uri\":\"file://$PWD/$2\"}${3:+,$3}}"
}

# serve: ends the session in order; one answer per line in `out`
serve() {
	request shutdown null
	notify exit null
	serve_raw
	expect_equal "exit status" $status 0
}
serve_raw() {
	status=0
	XDG_CACHE_HOME=$PWD/cache timeout 60 "$KS" lsp --kernel 6.12 --btf "$ROOT/tests/sema/data/small.btf" <in >raw 2>err || status=$?
	sed -e 's/\(.\)Content-Length: [0-9]*\r*$/\1/' -e '/^Content-Length/d' -e '/^\r*$/d' raw >out
}

# answers NUMBER REGEX: the answer to that request matches
answers() {
	grep "\"id\":$1," out >answer || fail "no answer to request $1"
	expect_line "answer $1" answer "$2"
}

good() {
	cat >head.kh <<-'END'
		// A pair.
		struct pair { left: u32, right: u64 }
	END
	cat >good.ks <<-'END'
		include "xdp.kh"
		include "head.kh"
		// Seen packets.
		var seen : hash<u32, pair>(64)
		config limits { most: u32 = 5 }
		@xdp fn filter(ctx: *xdp_md) -> xdp_action {
		    var key = bpf_get_smp_processor_id()
		    var size = ctx->data_end - ctx->data
		    seen[key].left += 1
		    if (size > limits.most) { return XDP_DROP }
		    return XDP_PASS
		}
		fn main() -> i32 {
		    print("ö𝄞", limits.most)
		    var prog = load(filter)
		    if (prog == null) { return 1 }
		    return attach(prog, "lo", 0)
		}
	END
}

test_a_session_begins_and_ends() {
	begin
	serve
	answers 1 '"hoverProvider":true'
	answers 2 '"result":null'
	[ ! -s err ] || fail "standard error: $(cat err)"
}

test_diagnostics_come_and_go() {
	printf 'fn main() -> i32 {\n    var count = 1\n    return cuont\n}\n' >bad.ks
	begin
	open_file bad.ks
	file_request codeAction bad.ks '"range":{"start":{"line":2,"character":11},"end":{"line":2,"character":12}},"context":{"diagnostics":[]}'
	notify textDocument/didChange "{\"textDocument\":{\"uri\":\"$uri\",\"version\":2},\"contentChanges\":[{\"range\":{\"start\":{\"line\":2,\"character\":11},\"end\":{\"line\":2,\"character\":16}},\"text\":\"count\"}]}"
	notify textDocument/didChange "{\"textDocument\":{\"uri\":\"$uri\",\"version\":3},\"contentChanges\":[{\"text\":\"fn (\"}]}"
	notify textDocument/didClose "{\"textDocument\":{\"uri\":\"$uri\"}}"
	serve
	grep publishDiagnostics out >published
	expect_equal "diagnostics published" "$(wc -l <published)" 4
	sed -n 1p published >first
	expect_line "the mistake" first '"start":\{"line":2,"character":11\}.*"severity":1.*"code":"unknown-name"'
	answers 2 '"newText":"count"'
	sed -n 2p published >second
	expect_line "after the repair" second '"diagnostics":\[\]'
	sed -n 3p published >third
	expect_line "after a new mistake" third '"severity":1'
	sed -n 4p published >fourth
	expect_line "after closing" fourth '"diagnostics":\[\]'
}

test_a_mistake_in_a_header_is_shown_at_its_include() {
	echo 'struct broken { a: nosuch }' >broken.kh
	printf 'include "broken.kh"\nfn main() -> i32 { return 0 }\n' >user.ks
	begin
	open_file user.ks
	serve
	expect_line "include" out '"start":\{"line":0,"character":8\}.*"relatedInformation":\[\{"location":\{"uri":"file://[^"]*/broken.kh"'
}

test_hover_tells_type_and_comment() {
	good
	begin
	open_file good.ks
	at hover good.ks 9 seen
	at hover good.ks 7 bpf_get
	at hover good.ks 8 data_end
	at hover good.ks 14 print
	at hover good.ks 4 pair
	at_column hover good.ks 14 17 # past two characters that are one and two UTF-16 units
	at hover good.ks 12 '}'
	serve
	answers 2 'hash<u32, pair>.*Seen packets'
	answers 3 'BPF helper 8'
	answers 4 'data_end: \*u8.*read only'
	answers 5 'print\(format'
	answers 6 'right: u64.*A pair.*16 bytes'
	answers 7 'config limits.*"start":\{"line":13,"character":17\}'
	answers 8 '"result":null'
}

test_definition_leads_into_headers() {
	good
	begin
	open_file good.ks
	at definition good.ks 4 pair
	at definition good.ks 6 xdp_md
	at definition good.ks 8 data_end
	at definition good.ks 9 key
	at definition good.ks 10 XDP_DROP
	at definition good.ks 2 head
	at references good.ks 10 limits '"context":{"includeDeclaration":true}'
	at definition good.ks 9 left
	serve
	answers 2 'head.kh","range":\{"start":\{"line":1,"character":7'
	answers 3 '/cache/ks/headers/xdp.kh"'
	[ -s cache/ks/headers/xdp.kh ] || fail "no copy of xdp.kh"
	answers 4 '/cache/ks/headers/xdp.kh"'
	answers 5 'good.ks","range":\{"start":\{"line":6,"character":8'
	answers 6 '/cache/ks/headers/'
	answers 7 'head.kh","range":\{"start":\{"line":0,'
	expect_equal "uses of limits" "$(sed -n 's/.*"id":8,//p' out | grep -o '"uri"' | wc -l)" 3
	answers 9 'head.kh'
}

# completes TEXT EXPECTED UNEXPECTED: TEXT as line 9 of the program, the cursor at its `|`; an empty EXPECTED: nothing
# is offered
completes() {
	rm -f in
	id=0
	good
	sed -i "9s#.*#    ${1//&/\\&}#" good.ks
	local line before
	line=$(sed -n 9p good.ks)
	before=${line%%|*}
	sed -i '9s/|//' good.ks
	begin
	open_file good.ks
	request textDocument/completion "{\"textDocument\":{\"uri\":\"$uri\"},\"position\":{\"line\":8,\"character\":${#before}}}"
	serve
	local wanted='"items":\[\]'
	[ -z "$2" ] || wanted="\"label\":\"$2\""
	answers 2 "$wanted" || fail "completing '$1'" || true
	[ -z "${3:-}" ] || ! grep -q "\"label\":\"$3\"" answer || fail "'$1' offers $3" || true
}

test_completion_in_unfinished_text() {
	completes 'ctx->|' data_end seen
	completes 'ctx.|' at
	completes 'if (ctx->da|' data_end seen
	completes 'var x = ctx->| + 1' data
	completes 'seen.|' clear left
	completes 'seen[key].|' right clear
	completes 'print("%d", seen[key].|' right
	completes 'limits.|' most
	completes 'xdp_action.|' XDP_DROP
	completes 'si|' size prog
	completes 'bpf_kti|' bpf_ktime_get_ns
	completes 'return x|' xdp_action
	completes '@|' xdp
	completes '// si|' ''
}

test_every_builtin_is_documented() {
	local name
	for name in $(sed -n 's/^BUILTIN([A-Z0-9_]*, "\([^" ]*\)["  ].*/\1/p' "$ROOT/frontend/sema/builtins.def"); do
		grep -q "^DOC(\"$name\", " "$ROOT/frontend/lsp/builtin_docs.def" || fail "no text about $name" || true
	done
}

# helps TEXT EXPECTED: signature help for TEXT as line 9 of the program, the cursor at its end
helps() {
	rm -f in
	id=0
	good
	sed -i "9s#.*#    ${1//&/\\&}#" good.ks
	local line
	line=$(sed -n 9p good.ks)
	begin
	open_file good.ks
	request textDocument/signatureHelp "{\"textDocument\":{\"uri\":\"$uri\"},\"position\":{\"line\":8,\"character\":${#line}}}"
	serve
	answers 2 "$2" || fail "help for '$1'" || true
}

test_signature_help_in_unfinished_text() {
	helps 'var x = bpf_map_update_elem(seen, ' '"label":"extern fn bpf_map_update_elem\(.*"activeParameter":1'
	helps 'print("a, (b", max(1, 2), ' '"label":"print\(format.*"activeParameter":2'
	helps 'var p = ctx.at(pair, ' '"label":"ctx.at\(T, offset: u32\) -> \*T".*"label":"offset: u32".*"activeParameter":1'
	helps 'main(' 'fn main\('
	helps 'var x = (1 + ' '"result":null'
	helps 'nothing(' '"result":null'
}

test_types_of_the_kernel() {
	printf 'fn main() -> i32 {\n    return offsetof(ks_object, whole) as i32\n}\npub fn f(o: *ks_object) -> u64 {\n    return KS_RUN as u64 + o->whole\n}\n' >kernel.ks
	begin
	open_file kernel.ks
	at hover kernel.ks 2 whole
	at definition kernel.ks 2 ks_object
	at rename kernel.ks 2 ks_object '"newName":"other"'
	at definition kernel.ks 5 KS_RUN
	at definition kernel.ks 5 whole
	serve
	expect_line "no mistake" out '"diagnostics":\[\]'
	answers 2 'whole: '
	answers 3 '/cache/ks/headers/kernel/ks_object.kh"'
	expect_line "declaration" cache/ks/headers/kernel/ks_object.kh 'whole: .*offset 16'
	answers 4 '"error"'
	answers 5 'kernel/ks_state.kh"'
	answers 6 'kernel/ks_object.kh","range":\{"start":\{"line":[2-9],"character":4'
	expect_line "constant" cache/ks/headers/kernel/ks_state.kh 'KS_RUN = '
}

test_rename_over_files_and_its_refusals() {
	good
	begin
	open_file good.ks
	at rename good.ks 9 left '"newName":"packets"'
	at rename good.ks 9 key '"newName":"cpu"'
	at rename good.ks 9 key '"newName":"size"'
	at rename good.ks 9 key '"newName":"if"'
	at rename good.ks 14 print '"newName":"say"'
	at rename good.ks 10 XDP_DROP '"newName":"DROP"'
	at rename good.ks 13 main '"newName":"start"'
	at prepareRename good.ks 9 key
	at_column rename good.ks 14 24 '"newName":"highest"'
	serve
	answers 2 'good.ks":\[\{[^]]*"line":8,"character":14.*head.kh":\[\{.*"newText":"packets"'
	answers 3 '"line":6,"character":8.*"line":8,"character":9'
	local n
	for n in 4 5 6 7 8; do answers $n '"error"'; done
	answers 9 '"line":8,"character":9'
	answers 10 '"line":13,"character":24'
}

test_outline_and_formatting() {
	printf 'struct a { x: u32, y: u8 }\nfn  f( ) {b=1}\nvar b : u32 = 0 // kept\n' >ugly.ks
	printf 'fn f( {\n' >broken.ks
	begin
	open_file ugly.ks
	file_request documentSymbol ugly.ks
	file_request formatting ugly.ks '"options":{"tabSize":4,"insertSpaces":true}'
	open_file broken.ks
	file_request formatting broken.ks '"options":{}'
	file_request documentSymbol broken.ks
	serve
	answers 2 '"name":"a","kind":23.*"children":\[\{"name":"x".*"name":"f","kind":12'
	answers 3 'fn f\(\) \{ b = 1 \}\\nvar b: u32 = 0 // kept'
	answers 4 '"error"'
	answers 5 '"result":\['
}

test_wrong_messages_are_answered() {
	request textDocument/hover '{}'
	begin
	send 'this is not JSON'
	send '{"jsonrpc":"2.0","id":"x\u00e4","method":"no/such"}'
	send '[]'
	printf 'Garbage\r\nContent-Length: nonsense\r\n\r\n' >>in
	send "$(printf '[%.0s' {1..5000})"
	request textDocument/hover '{"textDocument":{"uri":"file:///nosuch"},"position":{"line":-1,"character":1e99}}'
	request textDocument/rename '7'
	notify textDocument/didOpen '{"textDocument":{"uri":7}}'
	notify textDocument/didChange '{}'
	serve
	answers 1 '"code":-32002'
	expect_line "not JSON" out '"code":-32700'
	expect_line "unknown method" out '"id":"xä","error":\{"code":-32601'
	answers 3 '"result":null'
	answers 4 '"result":null'
}

test_ends_without_shutdown_exit_1() {
	begin
	serve_raw
	expect_equal "status when the client goes away" $status 1
	notify exit null
	serve_raw
	expect_equal "status of exit without shutdown" $status 1
	printf 'Content-Length: 1000\r\n\r\n{"jsonrpc"' >in
	serve_raw
	expect_equal "status of half a message" $status 1
	: >in
	serve_raw
	expect_equal "status of no message" $status 1
}

# Every prefix of a program, as it looks while it is typed.
test_every_prefix_is_survived() {
	good
	local text=$(cat good.ks) n
	begin
	open_file good.ks
	for ((n = 0; n < ${#text}; n += 7)); do
		notify textDocument/didChange "{\"textDocument\":{\"uri\":\"$uri\",\"version\":2},\"contentChanges\":[{\"text\":\"$(escape "${text:0:n}")\"}]}"
		request textDocument/completion "{\"textDocument\":{\"uri\":\"$uri\"},\"position\":{\"line\":100,\"character\":0}}"
	done
	file_request documentSymbol good.ks
	serve
	answers $((id - 1)) '"name":"filter"'
}

run_cases lsp "$@"

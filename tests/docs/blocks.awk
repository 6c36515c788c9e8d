# SPDX-License-Identifier: Apache-2.0
# Cuts the code blocks of a Markdown page into files: folder/LINE.LANGUAGE holds the text, wrapped into a program when it
# is a fragment, and folder/LINE.info what stands after the language. An example keeps its line numbers relative to the
# page, so that a message about it names the line there.
#   awk -v folder=DIR -f blocks.awk PAGE.md

function begin(kind) {
	if (kind ~ /xdp/)
		return "include \"net.kh\"; @xdp fn example(ctx: *xdp_md) -> xdp_action {"
	if (kind ~ /fragment/)
		return "fn main() -> i32 {"
	return ""
}

function end(kind) {
	if (kind ~ /xdp/)
		return "    return XDP_PASS\n}\nfn main() -> i32 {\n    load(example)\n    return 0\n}"
	if (kind ~ /fragment/)
		return "    return 0\n}"
	if (kind ~ /declarations/)
		return "fn main() -> i32 {\n    return 0\n}"
	return ""
}

/^```/ && !inside {
	inside = 1
	info = substr($0, 4)
	split(info, word, " ")
	language = word[1] == "" ? "text" : word[1]
	if (language == "ks") {
		file = folder "/" NR ".ks"
		for (i = 1; i < NR; i++) print "" >file
		print begin(info) >file
	} else {
		file = folder "/" NR "." language
		printf "" >file
	}
	print info >(folder "/" NR ".info")
	next
}

/^```/ {
	if (language == "ks" && end(info) != "")
		print end(info) >file
	close(file)
	inside = 0
	next
}

inside { print >file }

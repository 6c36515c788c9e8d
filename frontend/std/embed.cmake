# SPDX-License-Identifier: Apache-2.0
# Writes a C file that holds the given headers as byte arrays and the table of them:
#   cmake -DOUT=std_headers.c -DHEADERS="net.kh;xdp.kh" -P embed.cmake
set(arrays "")
set(rows "")
set(count 0)
list(SORT HEADERS)
foreach(path IN LISTS HEADERS)
	get_filename_component(name ${path} NAME)
	file(READ ${path} bytes HEX)
	string(LENGTH "${bytes}" digits)
	math(EXPR len "${digits} / 2")
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
	string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
	string(APPEND arrays "static const unsigned char text_${count}[] = {\n${bytes}0};\n")
	string(APPEND rows "\t{\"${name}\", (const char *)text_${count}, ${len}},\n")
	math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUT} "/* Made by embed.cmake. */
#include \"frontend/std/std.h\"

${arrays}
const struct shipped_header ks_shipped_headers[] = {
${rows}};
const uint32_t ks_shipped_header_count = ${count};
")

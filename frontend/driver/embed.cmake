# SPDX-License-Identifier: Apache-2.0
# Writes a C file that holds a text file as a NUL-terminated array of that name:
#   cmake -DOUT=diagnostics.c -DTEXT=docs/diagnostics.md -DNAME=explain_text -P embed.cmake
file(READ ${TEXT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "/* Made by embed.cmake. */
extern const char ${NAME}[];
const char ${NAME}[] = {\n${bytes}0};
")

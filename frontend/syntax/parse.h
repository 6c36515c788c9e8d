/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parser: source files to syntax trees. Recursive descent; after a mistake it goes on at the next
 * statement or declaration, so that one run reports every independent one. Nesting is limited
 * (PARSE_MAX_DEPTH) so that no input exhausts the stack.
 */
#ifndef KS_SYNTAX_PARSE_H
#define KS_SYNTAX_PARSE_H

#include "frontend/base/buf.h"
#include "frontend/base/compile.h"
#include "frontend/syntax/ast.h"

/* Depth of nested expressions, types and blocks that the parser accepts. */
enum { PARSE_MAX_DEPTH = 256 };
/* Height of an expression tree: `1+1+1+...` nests in the tree although not in the text. Later stages
 * walk trees recursively; with this limit an 8 MiB stack leaves them 4 KiB per node. */
enum { PARSE_MAX_HEIGHT = 1000 };
/* Files that include each other in a row. */
enum { PARSE_MAX_INCLUDE_DEPTH = 200 };

/* Headers that ship inside `ks`, sorted by name; text is NUL-terminated. Handed over by the driver.
 */
struct shipped_header {
	const char *name; // "xdp.kh"
	const char *text;
	uint32_t len;
};

struct parse_options {
	struct include_paths includes;
	const struct shipped_header *shipped;
	uint32_t shipped_count;
};

/* All files of a program: the main one first, then headers and imports in order of discovery. */
struct program {
	VEC(struct module *) modules;
	/* A module is damaged or a file is missing: names may be unknown without a mistake of the
	 * author, so checking would report what is none. Mistakes inside functions do no damage. */
	bool is_damaged;
};

/* Parses one file that is already in the source map, without following includes. Never NULL;
 * problems are in compile->diags. */
struct module *parse_file(struct compile *compile, struct source_file *file);

/* Parses `path` and everything that it includes or imports, each file once; include cycles and
 * unreadable files are diagnostics at the include. False when `path` itself could not be read. */
bool parse_program(struct compile *compile, const struct parse_options *options, const char *path,
		   struct program *out);
/* The same for a main file that the caller has already added to the source map. */
bool parse_program_file(struct compile *compile, const struct parse_options *options,
			struct source_file *file, struct program *out);

/* Canonical text of a tree, without comments. For tests and dumps. */
void ast_print_module(const struct compile *compile, const struct module *module, struct buf *out);

#endif

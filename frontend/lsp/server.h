/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the server: the open documents and the functions that answer requests. Every answer is
 * JSON text put into `out`; nothing put there means null. A request that cannot be served sets
 * server.error.
 */
#ifndef KS_LSP_SERVER_H
#define KS_LSP_SERVER_H

#include "frontend/lsp/analysis.h"
#include "frontend/lsp/json.h"
#include "frontend/lsp/rpc.h"
#include "frontend/lsp/text.h"

struct document {
	struct document *next;
	char *uri; // as the client writes it
	char *path;
	struct buf text;
	struct analysis *analysis; // of the present text
};

struct server {
	const struct lsp_options *options;
	struct rpc rpc;
	struct document *documents;
	struct arena scratch; // of one message
	const char *error;    // why the present request fails; NULL when it does not
	bool is_initialized, is_shut_down, is_done;
};

/* The document and the place that parameters name; NULL when it is not open. */
struct document *server_document(struct server *s, const struct json *params);
struct document *server_place(struct server *s, const struct json *params, uint32_t *offset);
/* Analyses the text anew and publishes its diagnostics. */
void server_check(struct server *s, struct document *doc, enum analysis_depth depth);
/* URI of a file; of a shipped header, of a copy in the user's cache folder. False when there is none. */
bool server_put_uri(struct server *s, const struct document *doc, const struct source_file *file,
		    struct buf *out);
/* {"uri": …, "range": …}; false, and nothing written, when the place is in no file. */
bool server_put_location(struct server *s, const struct document *doc, span where, struct buf *out);

/* Writes text under that name into the user's cache folder, where the editor can open it. NULL when that
 * is not possible. */
const char *server_cache(struct server *s, const char *name, const char *text, size_t len);

typedef void server_answer(struct server *s, const struct json *params, struct buf *out);

/* diagnostics.c */
void server_publish(struct server *s, struct document *doc);
server_answer server_code_actions;
/* describe.c */
server_answer server_hover;
/* signature.c */
server_answer server_signature;
/* "name(a: T, b: U) -> R" of something that can be called, by its name; a method as ".name". NULL when there is
 * none. *text receives what it does, NULL when nothing is known. */
const char *server_call_text(struct analysis *a, const char *name, const char **text);
/* A declaration on one line, for lists. */
const char *server_detail(struct analysis *a, struct decl *d);
/* navigate.c */
server_answer server_definition, server_references, server_highlights, server_symbols;
/* rename.c */
server_answer server_prepare_rename, server_rename;
/* complete.c */
server_answer server_completion;
/* layout.c */
server_answer server_formatting;

#endif

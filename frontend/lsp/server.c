/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session: from initialize to exit, the open documents and their changes, and which function answers
 * which request. Messages are taken one after the other; a message that makes no sense is answered with
 * an error, or passed over when it wants no answer.
 */
#include "frontend/lsp/server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Error codes of JSON-RPC and of the protocol. */
enum {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_NOT_INITIALIZED = -32002,
	RPC_REQUEST_FAILED = -32803,
};

static const struct method {
	const char *name;
	server_answer *answer;
	const char *capability;
} methods[] = {
#define METHOD(name, answer, capability) {name, answer, capability},
#include "frontend/lsp/methods.def"
#undef METHOD
};

enum { METHOD_COUNT = sizeof methods / sizeof *methods };

/* ---- places ---- */

static struct document *find_document(struct server *s, const char *uri)
{
	for (struct document *d = s->documents; uri && d; d = d->next)
		if (!strcmp(d->uri, uri))
			return d;
	return NULL;
}

static const char *uri_of(const struct json *params)
{
	return json_text(json_get(json_get(params, "textDocument"), "uri"));
}

struct document *server_document(struct server *s, const struct json *params)
{
	return find_document(s, uri_of(params));
}

struct document *server_place(struct server *s, const struct json *params, uint32_t *offset)
{
	struct document *doc = server_document(s, params);

	if (!doc || !doc->analysis->file)
		return NULL;
	const struct source_file *f = doc->analysis->file;
	struct text_pos pos = text_read_position(json_get(params, "position"));
	*offset = f->base + (uint32_t)text_offset(f->text, f->len, pos);
	return doc;
}

/* Creates the folders of a path, all but its last part. */
static void make_folders(char *path)
{
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		mkdir(path, 0755);
		*p = '/';
	}
}

const char *server_cache(struct server *s, const char *name, const char *text, size_t len)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	struct stat st;
	struct buf out;

	cache = cache && *cache == '/' ? cache
		: home && *home == '/' ? arena_printf(&s->scratch, "%s/.cache", home)
				       : NULL;
	if (!cache)
		return NULL;
	char *path = arena_printf(&s->scratch, "%s/ks/headers/%s", cache, name);
	if (!stat(path, &st) && (size_t)st.st_size == len)
		return path;
	make_folders(path);
	buf_init(&out);
	buf_add(&out, text, len);
	int err = buf_write_file(&out, path, 0444);
	buf_fini(&out);
	return err ? NULL : path;
}

/* A copy of a shipped header. */
static const char *copy_shipped(struct server *s, const struct source_file *file)
{
	const char *slash = strrchr(file->path, '/');

	return server_cache(s, slash ? slash + 1 : file->path, file->text, file->len);
}

bool server_put_uri(struct server *s, const struct document *doc, const struct source_file *file,
		    struct buf *out)
{
	char real[PATH_MAX];
	const char *path = file->path;

	if (file == doc->analysis->file) {
		json_put_string(out, doc->uri);
		return true;
	}
	path = analysis_is_shipped(file) ? copy_shipped(s, file) : realpath(file->path, real);
	if (path)
		text_put_uri(out, path);
	return path != NULL;
}

bool server_put_location(struct server *s, const struct document *doc, span where, struct buf *out)
{
	const struct source_file *file = analysis_file_at(doc->analysis, where.begin);
	struct buf uri;

	buf_init(&uri);
	bool ok = file && server_put_uri(s, doc, file, &uri);
	if (ok) {
		buf_printf(out, "{\"uri\":%s,\"range\":", uri.data);
		text_put_range(out, &doc->analysis->compile.sources, where);
		buf_add_char(out, '}');
	}
	buf_fini(&uri);
	return ok;
}

/* ---- documents ---- */

void server_check(struct server *s, struct document *doc, enum analysis_depth depth)
{
	analysis_free(doc->analysis);
	doc->analysis = analysis_make(s->options, doc->path, doc->text.data ? doc->text.data : "",
				      doc->text.len, depth);
	server_publish(s, doc);
}

static char *copy_string(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		die_out_of_memory();
	return copy;
}

static void free_document(struct document *doc)
{
	analysis_free(doc->analysis);
	buf_fini(&doc->text);
	free(doc->uri);
	free(doc->path);
	free(doc);
}

static void open_document(struct server *s, const struct json *params)
{
	const char *uri = uri_of(params);
	const struct json *text = json_get(json_get(params, "textDocument"), "text");
	struct document *doc = find_document(s, uri);

	if (!uri || !json_text(text))
		return;
	if (!doc) {
		doc = calloc(1, sizeof *doc);
		if (!doc)
			die_out_of_memory();
		doc->uri = copy_string(uri);
		doc->path = copy_string(text_path_of_uri(&s->scratch, uri));
		doc->next = s->documents;
		s->documents = doc;
	}
	doc->text.len = 0;
	buf_add(&doc->text, text->text, text->len);
	server_check(s, doc, ANALYSIS_ALL);
}

/* One change: of a range, or of the whole text. */
static void apply_change(struct document *doc, const struct json *change)
{
	const struct json *text = json_get(change, "text"), *range = json_get(change, "range");
	struct buf next;

	if (!json_text(text))
		return;
	size_t begin = 0, end = doc->text.len, len = doc->text.len;
	if (range && range->kind == JSON_OBJECT) {
		const char *data = doc->text.data ? doc->text.data : "";
		begin = text_offset(data, len, text_read_position(json_get(range, "start")));
		end = text_offset(data, len, text_read_position(json_get(range, "end")));
		end = end < begin ? begin : end;
	}
	buf_init(&next);
	buf_add(&next, doc->text.data, begin);
	buf_add(&next, text->text, text->len);
	if (len > end)
		buf_add(&next, doc->text.data + end, len - end);
	buf_fini(&doc->text);
	doc->text = next;
}

static void change_document(struct server *s, const struct json *params)
{
	struct document *doc = server_document(s, params);
	const struct json *changes = json_get(params, "contentChanges");

	if (!doc || !changes)
		return;
	for (const struct json *c = changes->items; c; c = c->next)
		apply_change(doc, c);
	server_check(s, doc, ANALYSIS_NAMES);
}

static void close_document(struct server *s, const struct json *params)
{
	struct document *doc = server_document(s, params);

	for (struct document **p = &s->documents; *p; p = &(*p)->next) {
		if (*p != doc)
			continue;
		*p = doc->next;
		analysis_free(doc->analysis);
		doc->analysis = NULL;
		server_publish(s, doc);
		free_document(doc);
		return;
	}
}

/* A saved file may be included by any open one. */
static void check_all(struct server *s)
{
	for (struct document *doc = s->documents; doc; doc = doc->next)
		server_check(s, doc, ANALYSIS_ALL);
}

/* ---- messages ---- */

static void send_answer(struct server *s, const struct json *id, const struct buf *result)
{
	struct buf out;

	buf_init(&out);
	buf_add_text(&out, "{\"jsonrpc\":\"2.0\",\"id\":");
	json_put_id(&out, id);
	buf_add_text(&out, ",\"result\":");
	if (result->len)
		buf_add(&out, result->data, result->len);
	else
		buf_add_text(&out, "null");
	buf_add_char(&out, '}');
	rpc_write(&s->rpc, &out);
	buf_fini(&out);
}

static void send_error(struct server *s, const struct json *id, int code, const char *message)
{
	struct buf out;

	buf_init(&out);
	buf_add_text(&out, "{\"jsonrpc\":\"2.0\",\"id\":");
	json_put_id(&out, id);
	buf_printf(&out, ",\"error\":{\"code\":%d,\"message\":", code);
	json_put_string(&out, message);
	buf_add_text(&out, "}}");
	rpc_write(&s->rpc, &out);
	buf_fini(&out);
}

static void put_capabilities(struct buf *out)
{
	buf_add_text(out, "{\"capabilities\":{\"positionEncoding\":\"utf-16\",\"textDocumentSync\":"
			  "{\"openClose\":true,\"change\":2,\"save\":true}");
	for (int i = 0; i < METHOD_COUNT; i++)
		if (*methods[i].capability)
			buf_printf(out, ",%s", methods[i].capability);
	buf_add_text(out, "},\"serverInfo\":{\"name\":\"ks\"}}");
}

static const struct method *find_method(const char *name)
{
	for (int i = 0; i < METHOD_COUNT; i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}

static void handle_request(struct server *s, const char *name, const struct json *id,
			   const struct json *params)
{
	const struct method *method = find_method(name);
	struct buf result;

	buf_init(&result);
	s->error = NULL;
	if (s->is_shut_down) {
		send_error(s, id, RPC_INVALID_REQUEST, "the server was shut down");
	} else if (!strcmp(name, "initialize")) {
		s->is_initialized = true;
		put_capabilities(&result);
		send_answer(s, id, &result);
	} else if (!s->is_initialized) {
		send_error(s, id, RPC_NOT_INITIALIZED, "initialize comes first");
	} else if (!strcmp(name, "shutdown")) {
		s->is_shut_down = true;
		send_answer(s, id, &result);
	} else if (!method) {
		send_error(s, id, RPC_METHOD_NOT_FOUND, "ks does not know this request");
	} else {
		method->answer(s, params, &result);
		if (s->error)
			send_error(s, id, RPC_REQUEST_FAILED, s->error);
		else
			send_answer(s, id, &result);
	}
	buf_fini(&result);
}

static void handle_notification(struct server *s, const char *name, const struct json *params)
{
	if (!strcmp(name, "exit"))
		s->is_done = true;
	else if (!s->is_initialized || s->is_shut_down)
		return;
	else if (!strcmp(name, "textDocument/didOpen"))
		open_document(s, params);
	else if (!strcmp(name, "textDocument/didChange"))
		change_document(s, params);
	else if (!strcmp(name, "textDocument/didClose"))
		close_document(s, params);
	else if (!strcmp(name, "textDocument/didSave"))
		check_all(s);
}

static void handle(struct server *s, const struct buf *body)
{
	const struct json *message =
		body->len ? json_parse(&s->scratch, body->data, body->len) : NULL;
	const char *name = json_text(json_get(message, "method"));
	const struct json *id = json_get(message, "id");
	const struct json *params = json_get(message, "params");

	if (!message) {
		fprintf(stderr, "ks lsp: a message is not JSON\n");
		send_error(s, NULL, RPC_PARSE_ERROR, "the message is not JSON");
	} else if (!name) {
		bool is_answer = json_get(message, "result") || json_get(message, "error");
		if (!is_answer)
			send_error(s, id, RPC_INVALID_REQUEST, "the message names no method");
	} else if (id) {
		handle_request(s, name, id, params);
	} else {
		handle_notification(s, name, params);
	}
}

int lsp_run(const struct lsp_options *options)
{
	struct server s = {.options = options, .rpc = {.in = STDIN_FILENO, .out = STDOUT_FILENO}};
	struct buf body;

	buf_init(&body);
	arena_init(&s.scratch);
	while (!s.is_done && !s.rpc.failed && rpc_read(&s.rpc, &body)) {
		handle(&s, &body);
		arena_reset(&s.scratch);
	}
	while (s.documents) {
		struct document *doc = s.documents;
		s.documents = doc->next;
		free_document(doc);
	}
	arena_fini(&s.scratch);
	buf_fini(&body);
	return s.is_done && s.is_shut_down ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes framed messages on two file descriptors. */
#include "frontend/lsp/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MAX_HEADER_LINE = 256 };

static bool fill(struct rpc *rpc)
{
	ssize_t n;

	do
		n = read(rpc->in, rpc->bytes, sizeof rpc->bytes);
	while (n < 0 && errno == EINTR);
	rpc->at = 0;
	rpc->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* One line without its end, cut at MAX_HEADER_LINE; false at the end of the input. */
static bool read_line(struct rpc *rpc, char line[MAX_HEADER_LINE])
{
	size_t len = 0;

	for (;;) {
		if (rpc->at == rpc->len && !fill(rpc))
			return false;
		char c = rpc->bytes[rpc->at++];
		if (c == '\n')
			break;
		if (c != '\r' && len < MAX_HEADER_LINE - 1)
			line[len++] = c;
	}
	line[len] = 0;
	return true;
}

/* Length given by the header; false at the end of the input. */
static bool read_header(struct rpc *rpc, size_t *len)
{
	static const char name[] = "Content-Length:";
	char line[MAX_HEADER_LINE];
	bool found = false;

	while (read_line(rpc, line)) {
		if (!strncasecmp(line, name, sizeof name - 1)) {
			char *end;
			errno = 0;
			unsigned long value = strtoul(line + sizeof name - 1, &end, 10);
			found = !errno && end != line + sizeof name - 1 && !*end;
			*len = value;
		} else if (!*line && found) {
			return true;
		}
	}
	return false;
}

bool rpc_read(struct rpc *rpc, struct buf *body)
{
	size_t left;

	body->len = 0;
	if (!read_header(rpc, &left))
		return false;
	bool keep = left <= RPC_MAX_BYTES;
	while (left) {
		if (rpc->at == rpc->len && !fill(rpc))
			return false;
		size_t n = rpc->len - rpc->at < left ? rpc->len - rpc->at : left;
		if (keep)
			buf_add(body, rpc->bytes + rpc->at, n);
		rpc->at += n;
		left -= n;
	}
	return true;
}

static void write_all(struct rpc *rpc, const char *data, size_t len)
{
	while (len && !rpc->failed) {
		ssize_t n = write(rpc->out, data, len);
		if (n < 0 && errno != EINTR)
			rpc->failed = true;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
}

void rpc_write(struct rpc *rpc, const struct buf *body)
{
	struct buf header;

	buf_init(&header);
	buf_printf(&header, "Content-Length: %zu\r\n\r\n", body->len);
	write_all(rpc, header.data, header.len);
	write_all(rpc, body->data, body->len);
	buf_fini(&header);
}

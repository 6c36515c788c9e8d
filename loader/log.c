/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns what the kernel and libbpf say into one line a user can act on. libbpf itself stays quiet:
 * its first complaint and the kernel's own words for a refused attachment are kept and used when an
 * operation fails.
 */
#include "loader/program.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- libbpf's messages ---- */

static void cut_newline(char *text)
{
	size_t len = strlen(text);
	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		text[--len] = '\0';
}

static int keep_message(enum libbpf_print_level level, const char *format, va_list args)
{
	static const char own_prefix[] = "libbpf: ", kernel_prefix[] = "Kernel error message: ";
	struct program *p = program_current();
	if (level != LIBBPF_WARN)
		return 0;
	char line[sizeof p->warning];
	vsnprintf(line, sizeof line, format, args);
	cut_newline(line);
	const char *text = line;
	if (strncmp(text, own_prefix, strlen(own_prefix)) == 0)
		text += strlen(own_prefix);
	if (strncmp(text, kernel_prefix, strlen(kernel_prefix)) == 0)
		snprintf(p->kernel_message, sizeof p->kernel_message, "%.150s",
			 text + strlen(kernel_prefix));
	else if (!p->warning[0] && !strstr(text, "gnored and continue"))
		snprintf(p->warning, sizeof p->warning, "%s", text);
	return 0;
}

void log_capture(struct program *p)
{
	log_reset(p);
	libbpf_set_print(keep_message);
}

void log_reset(struct program *p)
{
	p->warning[0] = '\0';
	p->kernel_message[0] = '\0';
}

/* ---- refusals ---- */

static bool has_capability(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return data[capability / 32].effective >> (capability % 32) & 1;
}

static const char *missing_capability(bool needs_network)
{
	bool is_admin = has_capability(CAP_SYS_ADMIN);
	bool lacks_bpf = !is_admin && !has_capability(CAP_BPF);
	bool lacks_network = needs_network && !is_admin && !has_capability(CAP_NET_ADMIN);
	if (lacks_bpf && lacks_network)
		return "the capabilities CAP_BPF and CAP_NET_ADMIN";
	if (lacks_bpf)
		return "the capability CAP_BPF";
	return lacks_network ? "the capability CAP_NET_ADMIN" : NULL;
}

void log_explain_refusal(const struct program *p, const char *what, bool needs_network, int error)
{
	const char *missing =
		error == -EPERM || error == -EACCES ? missing_capability(needs_network) : NULL;
	if (missing)
		report(p, "%s needs %s; run it as root or give it that", what, missing);
	else if (p->kernel_message[0])
		report(p, "%s failed: %s (%s)", what, strerror(-error), p->kernel_message);
	else if (p->warning[0])
		report(p, "%s failed: %s (%s)", what, strerror(-error), p->warning);
	else
		report(p, "%s failed: %s", what, strerror(-error));
}

/* ---- the verifier's log ---- */

struct line {
	const char *text;
	size_t len;
};

static bool starts_with(struct line l, const char *prefix)
{
	return l.len >= strlen(prefix) && memcmp(l.text, prefix, strlen(prefix)) == 0;
}

/* Closing statistics, which follow the reason. */
static bool is_statistics(struct line l)
{
	return starts_with(l, "processed ") || starts_with(l, "verification time ") ||
	       starts_with(l, "stack depth ") || starts_with(l, "mark_precise:");
}

/* The reason is the last line that is no statistics; the source line is the last comment before
 * it. */
static struct line find_reason(const char *log, struct line *source)
{
	struct line reason = {0}, comment = {0};
	for (const char *at = log; *at;) {
		size_t len = strcspn(at, "\n");
		struct line l = {at, len};
		at += len + (at[len] == '\n');
		if (starts_with(l, "; ")) {
			comment = l;
		} else if (len && !is_statistics(l)) {
			reason = l;
			*source = comment;
		}
	}
	return reason;
}

/* "; text @ file.ks:12" (since Linux 6.8; before, the text alone) as " at file.ks:12: text". */
static void describe_source(const struct program *p, struct line source, char *out, size_t size)
{
	out[0] = '\0';
	if (source.len <= 2)
		return;
	const char *text = source.text + 2, *end = source.text + source.len;
	const char *place = NULL;
	for (const char *c = text; c + 3 < end; c++)
		if (memcmp(c, " @ ", 3) == 0)
			place = c;
	if (place)
		snprintf(out, size, ", at %.*s: %.*s", (int)(end - place - 3), place + 3,
			 (int)(place - text), text);
	else
		snprintf(out, size, ", in %s at: %.*s",
			 meta_text(&p->meta, p->meta.header->source_name), (int)(end - text), text);
}

/* "failed to resolve CO-RE relocation <byte_off> [3] struct task_struct.gone (0:1 @ offset 8)", as libbpf says: the
 * part from "struct" to before the parenthesis. */
static struct line find_lacking(struct line reason)
{
	static const char prefix[] = "failed to resolve CO-RE relocation ";
	struct line none = {0};
	if (!starts_with(reason, prefix))
		return none;
	const char *end = reason.text + reason.len, *begin = memchr(reason.text, ']', reason.len);
	if (!begin || end - begin < 3)
		return none;
	begin += 2;
	const char *stop = memchr(begin, '(', (size_t)(end - begin));
	stop = stop && stop > begin ? stop - 1 : end;
	return (struct line){begin, (size_t)(stop - begin)};
}

void log_explain_load(const struct program *p, const char *name, const char *log, int error)
{
	struct line source = {0};
	struct line reason = find_reason(log, &source);
	char what[96];
	if (!reason.len) {
		snprintf(what, sizeof what, "loading program `%.60s`", name);
		log_explain_refusal(p, what, true, error);
		return;
	}
	char place[400];
	describe_source(p, source, place, sizeof place);
	struct line lacking = find_lacking(reason);
	if (lacking.len) {
		report(p, "program `%s` reads what this kernel does not have: %.*s%s", name,
		       (int)lacking.len, lacking.text, place);
		return;
	}
	report(p, "the kernel refused program `%s`: %.*s%s", name, (int)reason.len, reason.text,
	       place);
}

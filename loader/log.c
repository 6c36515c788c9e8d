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

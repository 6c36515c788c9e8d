/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the real kernel says: loads every program of BPF objects on its own and prints one line each,
 * separated by tabs:
 *
 *	object program verdict errno insns states usec message
 *
 *   verdict  yes, no (the verifier refused it), skip (it never came to a verdict: the object did not
 *            open, a map could not be made, the kernel gave no log)
 *   insns    processed instructions, states: total_states of the same line; usec: time of the load
 *   message  the last lines of the log without the statistics, joined by " | "
 *
 * usage: kernel_load [-l LEVEL] [-p PROGRAM] [-e N] OBJECT...; with -l the log of that level is printed too,
 * with -e only every Nth program is loaded.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { LOG_BYTES = 64 << 20 };

static char *log_text;
static int shown_level;
static const char *only;
static char library_text[512];

static int keep_text(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN && !*library_text)
		vsnprintf(library_text, sizeof library_text, format, args);
	return 0;
}

/* The last lines of the log that are neither statistics nor state dumps, into `out`. */
static void find_message(char *text, char *out, size_t size)
{
	char *lines[4096];
	int count = 0, first;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, "processed ", 10) || !strncmp(line, "verification time", 17) ||
		    !strncmp(line, "stack depth", 11))
			continue;
		if (count == 4096) {
			memmove(lines, lines + 2048, 2048 * sizeof *lines);
			count = 2048;
		}
		lines[count++] = line;
	}
	first = count > 2 ? count - 2 : 0;
	for (int i = first; i < count; i++) {
		for (char *c = lines[i]; *c; c++)
			*c = *c == '\t' ? ' ' : *c;
		size_t len = strlen(out);
		snprintf(out + len, size - len, "%s%.300s", i > first ? " | " : "", lines[i]);
	}
}

static struct bpf_object *open_one(const char *path, const char *program)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *p;
	if (!object)
		return NULL;
	bpf_object__for_each_program(p, object)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), program));
	return object;
}

static struct bpf_program *find(struct bpf_object *object, const char *name)
{
	struct bpf_program *p;
	bpf_object__for_each_program(p, object) if (!strcmp(bpf_program__name(p), name)) return p;
	return NULL;
}

static int load(const char *path, const char *name, int level, double *usec)
{
	struct bpf_object *object = open_one(path, name);
	struct timespec a, b;
	int err;
	*log_text = 0;
	*library_text = 0;
	if (!object)
		return -errno;
	struct bpf_program *p = find(object, name);
	if (bpf_program__type(p) == BPF_PROG_TYPE_UNSPEC) {
		snprintf(library_text, sizeof library_text, "no program type");
		bpf_object__close(object);
		return -EINVAL;
	}
	bpf_program__set_log_buf(p, log_text, LOG_BYTES);
	bpf_program__set_log_level(p, level);
	clock_gettime(CLOCK_MONOTONIC, &a);
	err = bpf_object__load(object);
	clock_gettime(CLOCK_MONOTONIC, &b);
	*usec = (b.tv_sec - a.tv_sec) * 1e6 + (b.tv_nsec - a.tv_nsec) / 1e3;
	bpf_object__close(object);
	return err;
}

static void judge(const char *path, const char *name)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	unsigned insns = 0, states = 0;
	double usec = 0, ignored;
	int err = load(path, name, 4, &usec);
	char *stats = strstr(log_text, "processed ");
	char *time = strstr(log_text, "verification time ");
	if (stats)
		sscanf(stats, "processed %u", &insns);
	if (stats && (stats = strstr(stats, "total_states ")))
		sscanf(stats, "total_states %u", &states);
	if (time)
		sscanf(time, "verification time %lf", &usec);
	if (err)
		load(path, name, 1, &ignored);
	// A program array that names programs which were not loaded fails after the verifier was content.
	char message[1024] = "";
	bool has_log = *log_text;
	if (err && has_log)
		find_message(log_text, message, sizeof message);
	if (err == -EBADF && insns && !*message)
		err = 0;
	const char *verdict = !err ? "yes" : has_log ? "no" : "skip";
	printf("%s\t%s\t%s\t%d\t%u\t%u\t%.0f\t", base, name, verdict, err, insns, states, usec);
	if (err && has_log) {
		printf("%s", message);
	} else if (err) {
		library_text[strcspn(library_text, "\n")] = 0;
		printf("%s", library_text);
	}
	putchar('\n');
	if (shown_level) {
		load(path, name, shown_level, &ignored);
		fputs(log_text, stdout);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int option, every = 1, count = 0;
	while ((option = getopt(argc, argv, "l:p:e:")) != -1) {
		if (option == 'l')
			shown_level = atoi(optarg);
		else if (option == 'p')
			only = optarg;
		else if (option == 'e')
			every = atoi(optarg) > 0 ? atoi(optarg) : 1;
		else
			return 2;
	}
	libbpf_set_print(keep_text);
	log_text = malloc(LOG_BYTES);
	for (int i = optind; i < argc; i++) {
		struct bpf_object *object = bpf_object__open_file(argv[i], NULL);
		struct bpf_program *p;
		if (!object) {
			const char *base =
				strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i];
			printf("%s\t*\tskip\t%d\t0\t0\t0\tdoes not open\n", base, -errno);
			continue;
		}
		bpf_object__for_each_program(
			p, object) if ((!only || !strcmp(only, bpf_program__name(p))) &&
				       count++ % every == 0) judge(argv[i], bpf_program__name(p));
		bpf_object__close(object);
	}
	return 0;
}

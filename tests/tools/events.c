// SPDX-License-Identifier: Apache-2.0
/*
 * Does a known number of things for programs that watch: events COUNT
 *   COUNT times: getpgid(2) of 1000 + i, a read of 7 bytes of /dev/zero, an openat(2) of ./forbidden
 *   and then of /dev/null, a mapping of 503808 bytes, a call of traced() here with (i, 2 * i, "text"), one child that ends,
 *   the declared probes below; "watched" in the last line when their counter said that somebody watches
 * and at the end getpgid(2) of 4242. Prints "pid P reads N opened N refused N": bytes read, files that opened, and that did not.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noinline)) unsigned traced(unsigned a, unsigned b, const char *text);

unsigned traced(unsigned a, unsigned b, const char *text)
{
	__asm__ volatile("" ::"r"(text) : "memory");
	return a * 1000 + b;
}

#ifdef __x86_64__
/*
 * Probes that this program declares (USDT), written down as the compilers' macros do: where the probe is, its counter of
 * watchers, provider, name, and how each argument is passed.
 */
#define NOTE(name, counter, arguments)                                                             \
	"990: nop\n"                                                                               \
	".pushsection .note.stapsdt,\"\",@note\n"                                                  \
	".balign 4\n.4byte 992f-991f, 994f-993f, 3\n"                                              \
	"991: .asciz \"stapsdt\"\n992: .balign 4\n"                                                \
	"993: .8byte 990b\n.8byte _.stapsdt.base\n.8byte " counter "\n"                            \
	".asciz \"events\"\n.asciz \"" name "\"\n.asciz \"" arguments "\"\n"                       \
	"994: .balign 4\n.popsection\n"
__asm__(".section .stapsdt.base,\"aG\",@progbits,.stapsdt.base,comdat\n"
	".weak _.stapsdt.base\n.hidden _.stapsdt.base\n"
	"_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n.previous\n");

volatile unsigned short watchers __attribute__((section(".probes"), used)) = 0;
volatile int global_count __attribute__((used)) = 0;
static volatile short table[] = {-1, -2, -3, -4};

/* One probe at two places that pass its arguments in different ways. */
static void declare(unsigned i, const char *text)
{
	long long big = (1ll << 40) + i;
	long at = (long)(i % 4);
	global_count = (int)i;
	__asm__ volatile(NOTE("mixed", "watchers", "4@%%edi -8@%%rsi 8@%%rdx 1@$200 -1@$-3")
			 :
			 : "D"(i), "S"(-(long)i), "d"(text)
			 : "memory");
	__asm__ volatile(
		"movq %%rdi, -120(%%rsp)\n" NOTE("mixed", "watchers",
						 "4@%%edi -8@-120(%%rsp) 8@%%rdx 1@%%cl -1@%%al")
		:
		: "D"(i), "S"(-(long)i), "d"(text), "c"(0x6c8), "a"(0x1fd)
		: "memory");
	__asm__ volatile(NOTE("memory", "0", "-2@(%%rax,%%rbx,2) -4@global_count(%%rip) 8@(%%rcx)")
			 :
			 : "a"(table), "b"(at), "c"(&big)
			 : "memory");
}
#else
static volatile unsigned short watchers = 0;
static void declare(unsigned i, const char *text)
{
	(void)i;
	(void)text;
}
#endif

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
	unsigned long bytes = 0, opened = 0, refused = 0;
	volatile unsigned sum = 0;
	bool is_watched = false;
	char block[7];
	int zero = open("/dev/zero", O_RDONLY);

	for (unsigned i = 0; i < count; i++) {
		getpgid((pid_t)(1000 + i));
		ssize_t n = read(zero, block, sizeof block);
		bytes += n > 0 ? (unsigned long)n : 0;
		int forbidden = open("./forbidden", O_RDONLY), null = open("/dev/null", O_WRONLY);
		refused += forbidden < 0;
		opened += null >= 0;
		if (forbidden >= 0)
			close(forbidden);
		close(null);
		void *pages = mmap(NULL, 503808, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (pages != MAP_FAILED)
			munmap(pages, 503808);
		sum += traced(i, 2 * i, "text");
		declare(i, "note");
		is_watched |= watchers != 0;
		pid_t child = fork();
		if (!child)
			_exit(0);
		waitpid(child, NULL, 0);
	}
	getpgid(4242); // the end
	printf("pid %d reads %lu opened %lu refused %lu\n", getpid(), bytes, opened, refused);
	if (is_watched)
		printf("watched\n");
	return 0;
}

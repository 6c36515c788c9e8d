// SPDX-License-Identifier: Apache-2.0
/*
 * Does a known number of things for programs that watch: events COUNT
 *   COUNT times: getpgid(2) of 1000 + i, a read of 7 bytes of /dev/zero, an openat(2) of ./forbidden
 *   and then of /dev/null, a mapping of 503808 bytes, a call of traced() here with (i, 2 * i, "text"), one child that ends
 * and at the end getpgid(2) of 4242. Prints "pid P reads N opened N refused N": bytes read, files that opened, and that did not.
 */
#include <fcntl.h>
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

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
	unsigned long bytes = 0, opened = 0, refused = 0;
	volatile unsigned sum = 0;
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
		pid_t child = fork();
		if (!child)
			_exit(0);
		waitpid(child, NULL, 0);
	}
	getpgid(4242); // the end
	printf("pid %d reads %lu opened %lu refused %lu\n", getpid(), bytes, opened, refused);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command N times and prints the least wall time and the most memory that any process of it used:
 *	measure N COMMAND [ARGUMENT…]   ->   ms=12.3 kb=4567
 * The memory is the largest resident set of a single process, as getrusage(2) gives it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	double best = 0;
	for (int i = 0; i < atoi(argv[1]); i++) {
		double start = now_ms();
		pid_t pid = fork();
		if (pid == 0) {
			execvp(argv[2], argv + 2);
			perror(argv[2]);
			_exit(127);
		}
		int status;
		if (waitpid(pid, &status, 0) != pid || status)
			return 1;
		double took = now_ms() - start;
		best = i == 0 || took < best ? took : best;
	}
	struct rusage usage;
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("ms=%.1f kb=%ld\n", best, usage.ru_maxrss);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets as programs use them, for tests of what the kernel does to them:
 *
 *	sockets serve tcp|udp ADDRESS PORT             prints "ready", sends back what comes, until it is ended
 *	sockets talk tcp|udp ADDRESS PORT COUNT SIZE   sends COUNT messages, waits for each to come back
 *	                                               unchanged and prints "ok COUNT from ADDRESS:PORT of the peer"
 *	sockets sink ADDRESS PORT                      prints "ready", takes one connection, checks the bytes,
 *	                                               prints "received N bytes, right|wrong"
 *	sockets pump ADDRESS PORT BYTES [CONGESTION]   sends so many bytes of a fixed sequence, with the
 *	                                               congestion control of that name
 *
 * A call that fails ends `talk` with the line "CALL: NAME OF THE ERROR" and status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PIECE = 1 << 16, TIMEOUT_SECONDS = 2 };

static _Noreturn void give_up(const char *call)
{
	printf("%s: %s\n", call, strerrorname_np(errno));
	exit(1);
}

static int open_socket(bool is_udp, const char *address, const char *port, struct addrinfo **where)
{
	struct addrinfo hints = {.ai_socktype = is_udp ? SOCK_DGRAM : SOCK_STREAM,
				 .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	int one = 1;
	if (getaddrinfo(address, port, &hints, where)) {
		errno = EINVAL;
		give_up("address");
	}
	int fd = socket((*where)->ai_family, (*where)->ai_socktype, 0);
	if (fd < 0)
		give_up("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	return fd;
}

static int listen_at(bool is_udp, const char *address, const char *port)
{
	struct addrinfo *where;
	int fd = open_socket(is_udp, address, port, &where);
	if (bind(fd, where->ai_addr, where->ai_addrlen) < 0)
		give_up("bind");
	if (!is_udp && listen(fd, 64) < 0)
		give_up("listen");
	printf("ready\n");
	fflush(stdout);
	return fd;
}

static void echo_stream(int fd)
{
	static char buffer[PIECE];
	ssize_t n;
	/* A socket of a map says EAGAIN when what woke it went elsewhere. */
	while ((n = read(fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EAGAIN))
		for (ssize_t done = 0, m; done < n; done += m)
			if ((m = write(fd, buffer + done, (size_t)(n - done))) <= 0)
				return;
}

static int serve(bool is_udp, const char *address, const char *port)
{
	static char buffer[PIECE];
	int fd = listen_at(is_udp, address, port);
	for (;;) {
		if (is_udp) {
			struct sockaddr_storage from;
			socklen_t len = sizeof from;
			ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (void *)&from, &len);
			if (n >= 0)
				sendto(fd, buffer, (size_t)n, 0, (void *)&from, len);
		} else {
			int client = accept(fd, NULL, NULL);
			if (client < 0)
				continue;
			if (fork() == 0) {
				echo_stream(client);
				_exit(0);
			}
			close(client);
		}
	}
}

static void say_peer(int fd, long count)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;
	char host[64] = "?", port[16] = "?";
	if (getpeername(fd, (void *)&peer, &len) == 0)
		getnameinfo((void *)&peer, len, host, sizeof host, port, sizeof port,
			    NI_NUMERICHOST | NI_NUMERICSERV);
	printf("ok %ld from %s:%s\n", count, host, port);
	len = sizeof peer;
	getsockname(fd, (void *)&peer, &len); // for those who watch
}

static int talk(bool is_udp, const char *address, const char *port, long count, size_t size)
{
	static char out[PIECE], in[PIECE];
	struct addrinfo *where;
	struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
	int fd = open_socket(is_udp, address, port, &where), one = 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	if (!is_udp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, where->ai_addr, where->ai_addrlen) < 0)
		give_up("connect");
	for (long i = 0; i < count; i++) {
		size_t got = 0;
		for (size_t k = 0; k < size; k++)
			out[k] = (char)((size_t)i * 31 + k);
		if (send(fd, out, size, MSG_NOSIGNAL) != (ssize_t)size)
			give_up("send");
		while (got < size) {
			ssize_t n = recv(fd, in + got, sizeof in - got, 0);
			if (n <= 0)
				give_up("recv");
			got += (size_t)n;
		}
		if (got != size || memcmp(in, out, size) != 0) {
			printf("wrong bytes\n");
			return 1;
		}
	}
	say_peer(fd, count);
	return 0;
}

/* The byte sequence of `pump`: its period is odd, so that lost or repeated pieces show. */
static void fill(unsigned char *buffer, size_t len, uint64_t at)
{
	for (size_t i = 0; i < len; i++)
		buffer[i] = (unsigned char)((at + i) % 65521 * 251 >> 3);
}

static int take(const char *address, const char *port)
{
	static unsigned char in[PIECE], wanted[PIECE];
	int fd = listen_at(false, address, port);
	int client = accept(fd, NULL, NULL);
	bool is_right = client >= 0;
	uint64_t total = 0;
	ssize_t n;
	while ((n = read(client, in, sizeof in)) > 0) {
		fill(wanted, (size_t)n, total);
		is_right = is_right && memcmp(in, wanted, (size_t)n) == 0;
		total += (uint64_t)n;
	}
	printf("received %llu bytes, %s\n", (unsigned long long)total,
	       is_right ? "right" : "wrong");
	return !is_right;
}

static int pump(const char *address, const char *port, uint64_t bytes, const char *congestion)
{
	static unsigned char out[PIECE];
	struct addrinfo *where;
	char used[32] = "";
	socklen_t len = sizeof used;
	int fd = open_socket(false, address, port, &where);
	if (congestion && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion,
				     (socklen_t)strlen(congestion)) < 0)
		give_up("congestion control");
	if (connect(fd, where->ai_addr, where->ai_addrlen) < 0)
		give_up("connect");
	getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, used, &len);
	for (uint64_t done = 0; done < bytes;) {
		size_t piece = bytes - done < sizeof out ? (size_t)(bytes - done) : sizeof out;
		fill(out, piece, done);
		ssize_t n = send(fd, out, piece, MSG_NOSIGNAL);
		if (n <= 0)
			give_up("send");
		done += (uint64_t)n;
	}
	printf("sent %llu bytes with %s\n", (unsigned long long)bytes, used);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool is_udp = argc > 2 && !strcmp(argv[2], "udp");
	if (!strcmp(what, "serve") && argc == 5)
		return serve(is_udp, argv[3], argv[4]);
	if (!strcmp(what, "talk") && argc == 7)
		return talk(is_udp, argv[3], argv[4], atol(argv[5]), (size_t)atol(argv[6]));
	if (!strcmp(what, "sink") && argc == 4)
		return take(argv[2], argv[3]);
	if (!strcmp(what, "pump") && (argc == 5 || argc == 6))
		return pump(argv[2], argv[3], strtoull(argv[4], NULL, 10), argv[5]);
	fprintf(stderr, "sockets serve|talk|sink|pump …: see the head of the source\n");
	return 2;
}

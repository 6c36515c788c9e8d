/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic for tests that depend on nothing but the kernel. Sends crafted IPv4 packets from any source
 * address, with several threads pinned to CPUs when asked, or counts what arrives by source:
 *
 *	pktsend send INTERFACE DEST_MAC DEST_IP SOURCE_IP COUNT [udp|icmp|tcp] [SIZE] [CPUS]
 *	pktsend offer …                   the same, but a packet that is refused on its way out counts
 *	pktsend count [udp|icmp|tcp]      until SIGTERM, then prints "SOURCE_IP N" lines, sorted, and "end"
 *	pktsend sink                      keeps the UDP port that `send` uses open, so that nobody answers
 *
 * SIZE is that of the IPv4 packet. With CPUS = n > 1, n threads send COUNT packets each, thread i
 * pinned to CPU i. Sending is paced, so that no queue on the way overflows, and a packet for which
 * there was no room is sent again: counts are exact.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MAX_SIZE = 9000,
	MAX_SENDERS = 64,
	BURST = 16,
	PAUSE_US = 500,
	MAX_SOURCES = 4096,
	SINK_PORT = 4001
};

struct frame {
	struct ether_header ether;
	struct iphdr ip;
	unsigned char payload[MAX_SIZE];
} __attribute__((packed));

struct sender {
	struct frame frame;
	struct sockaddr_ll to;
	size_t len;
	long count;
	int cpu; // -1: any
	bool is_offer, failed;
};

static int protocol_number(const char *name)
{
	return !strcmp(name, "icmp")  ? IPPROTO_ICMP
	       : !strcmp(name, "tcp") ? IPPROTO_TCP
				      : IPPROTO_UDP;
}

/* The Internet checksum over an even number of bytes. */
static uint16_t checksum(const void *data, size_t len)
{
	const unsigned char *bytes = data;
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void fill_transport(struct frame *frame, size_t len)
{
	if (frame->ip.protocol == IPPROTO_UDP) {
		struct udphdr udp = {.source = htons(4000),
				     .dest = htons(SINK_PORT),
				     .len = htons((uint16_t)len)}; // checksum 0: not used
		memcpy(frame->payload, &udp, sizeof(udp));
	} else if (frame->ip.protocol == IPPROTO_ICMP) {
		// Type 0, an echo reply: nobody answers it.
		uint16_t sum = checksum(frame->payload, len & ~(size_t)1);
		memcpy(frame->payload + 2, &sum, sizeof(sum));
	}
}

static bool make_frame(struct sender *s, char **argv, const char *protocol, size_t size)
{
	struct frame *f = &s->frame;
	unsigned char *mac = f->ether.ether_dhost;
	if (sscanf(argv[1], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3,
		   mac + 4, mac + 5) != 6)
		return false;
	if (size < sizeof(f->ip) + 8 || size > sizeof(f->ip) + MAX_SIZE)
		return false;
	f->ether.ether_type = htons(ETHERTYPE_IP);
	f->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64};
	f->ip.tot_len = htons((uint16_t)size);
	f->ip.protocol = (uint8_t)protocol_number(protocol);
	if (inet_pton(AF_INET, argv[2], &f->ip.daddr) != 1 ||
	    inet_pton(AF_INET, argv[3], &f->ip.saddr) != 1)
		return false;
	f->ip.check = checksum(&f->ip, sizeof(f->ip));
	fill_transport(f, size - sizeof(f->ip));
	s->len = sizeof(f->ether) + size;
	s->to = (struct sockaddr_ll){.sll_family = AF_PACKET, .sll_halen = 6};
	s->to.sll_ifindex = (int)if_nametoindex(argv[0]);
	memcpy(s->to.sll_addr, mac, 6);
	return s->to.sll_ifindex != 0;
}

static void *send_all(void *arg)
{
	struct sender *s = arg;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (s->cpu >= 0) {
		cpu_set_t cpus;
		CPU_ZERO(&cpus);
		CPU_SET(s->cpu, &cpus);
		s->failed |= sched_setaffinity(0, sizeof(cpus), &cpus) != 0;
	}
	for (long i = 0; fd >= 0 && i < s->count && !s->failed;) {
		ssize_t n =
			sendto(fd, &s->frame, s->len, 0, (struct sockaddr *)&s->to, sizeof(s->to));
		if (n == (ssize_t)s->len || (errno == ENOBUFS && s->is_offer))
			i++;
		else if (errno != ENOBUFS)
			s->failed = true;
		if (n < 0 || i % BURST == 0)
			usleep(PAUSE_US);
	}
	if (fd < 0 || s->failed)
		perror("pktsend");
	s->failed |= fd < 0;
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int send_packets(int argc, char **argv, bool is_offer)
{
	static struct sender senders[MAX_SENDERS];
	pthread_t threads[MAX_SENDERS];
	int count = argc > 7 ? atoi(argv[7]) : 1;
	bool failed = false;
	for (int i = 0; i < count && i < MAX_SENDERS; i++) {
		struct sender *s = &senders[i];
		s->count = atol(argv[4]);
		s->is_offer = is_offer;
		s->cpu = count > 1 ? i : -1;
		if (!make_frame(s, argv, argc > 5 ? argv[5] : "udp",
				argc > 6 ? strtoul(argv[6], NULL, 0) : 64)) {
			fprintf(stderr, "pktsend: wrong address, size or interface\n");
			return 2;
		}
	}
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, send_all, &senders[i]);
	for (int i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
		failed |= senders[i].failed;
	}
	return failed;
}

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	stopped = signal_number != 0;
}

struct source {
	uint32_t address; // network order
	unsigned long packets;
};

static int by_address(const void *a, const void *b)
{
	uint32_t x = ntohl(((const struct source *)a)->address);
	uint32_t y = ntohl(((const struct source *)b)->address);
	return (x > y) - (x < y);
}

static void count_packet(struct source *sources, unsigned *used, uint32_t address)
{
	unsigned i = 0;
	while (i < *used && sources[i].address != address)
		i++;
	if (i == MAX_SOURCES)
		return;
	*used += i == *used;
	sources[i].address = address;
	sources[i].packets++;
}

/* A raw socket sees what passed XDP and tc ingress and was meant for this host. */
static int count_packets(const char *protocol)
{
	static struct source sources[MAX_SOURCES];
	unsigned used = 0;
	int fd = socket(AF_INET, SOCK_RAW, protocol_number(protocol));
	int buffer = 64 << 20;
	struct timeval quiet = {.tv_usec = 100000};
	struct sigaction action = {.sa_handler = stop};
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof(quiet))) {
		perror("pktsend count");
		return 1;
	}
	sigaction(SIGTERM, &action, NULL);
	printf("ready\n");
	fflush(stdout);
	// The first quiet spell after the signal ends it, so that what is queued is still counted.
	for (ssize_t n = 0; n >= 0 || !stopped || errno == EINTR;) {
		unsigned char packet[MAX_SIZE + 64];
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &len);
		if (n >= 0)
			count_packet(sources, &used, from.sin_addr.s_addr);
	}
	qsort(sources, used, sizeof(*sources), by_address);
	for (unsigned i = 0; i < used; i++) {
		struct in_addr address = {sources[i].address};
		printf("%s %lu\n", inet_ntoa(address), sources[i].packets);
	}
	printf("end\n");
	close(fd);
	return 0;
}

static int sink(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(SINK_PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		perror("pktsend sink");
		return 1;
	}
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "sink"))
		return sink();
	if (argc >= 2 && argc <= 3 && !strcmp(argv[1], "count"))
		return count_packets(argc > 2 ? argv[2] : "udp");
	bool is_offer = argc >= 2 && !strcmp(argv[1], "offer");
	if (argc >= 7 && (is_offer || !strcmp(argv[1], "send")))
		return send_packets(argc - 2, argv + 2, is_offer);
	fprintf(stderr, "usage: pktsend send|offer INTERFACE DEST_MAC DEST_IP SOURCE_IP COUNT "
			"[udp|icmp|tcp] [SIZE] [CPUS]\n"
			"       pktsend count [udp|icmp|tcp]\n"
			"       pktsend sink\n");
	return 2;
}

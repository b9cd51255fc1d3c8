/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * keeper: keeps huge pages of 2 MiB in ways that are hard to see, until it is killed.
 *
 *   keeper file PATH PAGES     a file on hugetlbfs, filled, then unlinked; only the descriptor
 * stays keeper named PATH PAGES    the same with its name, and without the descriptor: then it
 * exits keeper flight PAGES        a memfd whose only descriptor is under way in a socket keeper
 * private PAGES       anonymous memory of its own keeper segment PAGES       a System V segment
 * that nobody has attached: prints its id and exits keeper thread PAGES        anonymous memory;
 * the first thread ends, another one lives on
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE ((size_t)2 << 20)

static void die(const char *what)
{
	fprintf(stderr, "keeper: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

static void stay(void)
{
	ready();
	for (;;)
		pause();
}

static void make_file(const char *path, size_t bytes, int unlinked)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || fallocate(fd, 0, 0, (off_t)bytes) < 0)
		die(path);
	if (!unlinked) {
		ready();
		exit(0);
	}
	if (unlink(path) < 0)
		die(path);
	stay();
}

static void send_away(size_t bytes)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	int fd = memfd_create("flight", MFD_HUGETLB | 21 << 26), pair[2];

	if (fd < 0 || fallocate(fd, 0, 0, (off_t)bytes) < 0)
		die("memfd");
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
		die("socketpair");
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	if (sendmsg(pair[0], &message, 0) < 0)
		die("sendmsg");
	close(fd);
	stay();
}

static char *own(size_t bytes)
{
	char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT, -1, 0);

	if (map == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < bytes; i += PAGE)
		map[i] = 1;
	return map;
}

static void segment(size_t bytes)
{
	int id = shmget(IPC_PRIVATE, bytes, SHM_HUGETLB | IPC_CREAT | 0600);
	char *map = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

	if (map == (void *)-1)
		die("shm");
	for (size_t i = 0; i < bytes; i += PAGE)
		map[i] = 1;
	shmdt(map);
	printf("%d\n", id);
	ready();
}

static void *second_thread(void *data)
{
	pthread_join(*(pthread_t *)data, NULL);
	stay();
	return NULL;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	size_t bytes = argc > 2 ? (size_t)atoi(argv[argc - 1]) * PAGE : 0;

	if (!bytes) {
		fputs("usage: see keeper.c\n", stderr);
		return 2;
	}
	if (!strcmp(mode, "file") || !strcmp(mode, "named"))
		make_file(argv[2], bytes, mode[0] == 'f');
	if (!strcmp(mode, "flight"))
		send_away(bytes);
	if (!strcmp(mode, "segment")) {
		segment(bytes);
		return 0;
	}
	if (!strcmp(mode, "blink")) {
		own(bytes);
		usleep((useconds_t)(getpid() % 7) * 1000);
		return 0;
	}
	if (!strcmp(mode, "private")) {
		own(bytes);
		stay();
	}
	if (!strcmp(mode, "thread")) {
		static pthread_t self;
		pthread_t other;

		self = pthread_self();
		own(bytes);
		if (pthread_create(&other, NULL, second_thread, &self))
			die("pthread_create");
		pthread_exit(NULL);
	}
	return 2;
}
